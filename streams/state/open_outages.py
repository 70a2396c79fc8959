"""Outages that have not ended, by id, each in its newest revision: what is open now, also after a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import convert, to_builtins

from schemas.outage import RUNNING, Outage
from streams.state.row_codec import pack, unpack


class OpenOutages(dict[str, Outage]):
    """Newest revisions by `outage_id`."""

    def note(self, outages: Iterable[Outage]) -> None:
        """Take in revisions, in order; those that end an outage take it out."""
        for outage in outages:
            if outage.state in RUNNING:
                self[outage.outage_id] = outage
            else:
                self.pop(outage.outage_id, None)

    def row(self) -> bytes:
        """Return them as a row of a snapshot."""
        return pack({"outages": [to_builtins(outage) for outage in self.values()]}, {})

    def fill(self, row: bytes, knows: Callable[[Outage], bool]) -> None:
        """Take over those of a row of which something is known: outages of what starts anew will never end."""
        found = [convert(outage, Outage) for outage in unpack(row).values["outages"]]
        self.note(outage for outage in found if knows(outage))
