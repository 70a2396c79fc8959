"""Outages that have not ended, by id, each in its newest revision."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import convert, to_builtins

from schemas.outage import RUNNING, Outage
from streams.state.row_codec import pack, unpack


class OpenOutages(dict[str, Outage]):
    """Newest revisions by `outage_id`."""

    def note(self, outages: Iterable[Outage]) -> None:
        """Take in revisions, in order; one that ends its outage removes it."""
        for outage in outages:
            if outage.state in RUNNING:
                self[outage.outage_id] = outage
            else:
                self.pop(outage.outage_id, None)

    def row(self) -> bytes:
        """Return the outages as a row of a snapshot."""
        return pack({"outages": [to_builtins(outage) for outage in self.values()]}, {})

    def restore(self, row: bytes, can_end: Callable[[Outage], bool]) -> None:
        """Take the outages of a row, without those that can never end, since their feed starts anew."""
        outages = [convert(outage, Outage) for outage in unpack(row).values["outages"]]
        self.note(outage for outage in outages if can_end(outage))
