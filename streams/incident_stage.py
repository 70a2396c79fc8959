"""The stage that makes incidents of findings: one for all shards, since an incident may lie in several of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

from msgspec import DecodeError

from schemas.finding import decode_finding
from schemas.incident import Incident
from schemas.reasons import one_line
from streams import grouping_rows
from streams.grouping import Grouping, expected_of
from streams.incidents import incident_of
from streams.names import Names
from streams.settings import Settings
from streams.stage import Stage
from streams.store import Loaded

OVER = ("ended", "expired")


class IncidentStage(Stage):
    """Incidents of the findings in one partition of their topic: all are in the first.

    `ended`: the newest that are over, of those told here. `complain` is told what is no finding.
    """

    topic, folder = "findings", "incidents:"

    def __init__(
        self,
        settings: Settings,
        number: int,
        table: MutableMapping[bytes, bytes],
        now: float,
        complain: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(settings, number, table, now)
        self.grouping = Grouping(settings, Names({}, {}), expected_of(settings, settings.kafka.partitions))
        self.ended: deque[Incident] = deque(maxlen=settings.web.recent)
        self._complain = complain
        self._written: dict[str, object] = {}
        self.load()

    def take(self, values: Sequence[bytes | None], offsets: Sequence[int]) -> list[Incident]:
        """Take findings, in order of offsets, and return revisions of incidents; what the state includes is skipped."""
        for offset, value in list(zip(offsets, values, strict=True))[self._skip(offsets) :]:
            try:
                self.grouping.hear(decode_finding(value or b""))
            except DecodeError as error:
                self._complain(f"partition {self.number}, offset {offset}: not a finding: {one_line(str(error))}")
        told = self.grouping.settle()
        self.ended.extend(one for one in told if one.state in OVER)
        return told

    def open(self) -> list[Incident]:
        """Return the newest revision of each incident that is not over."""
        told = (incident.told for _, incident in sorted(self.grouping.book.incidents.items()))
        return [incident_of(one, self.grouping.known.names) for one in told if one]

    def _head(self) -> dict[str, Any]:
        return grouping_rows.head(self.grouping)

    def _rows(self) -> dict[str, bytes]:
        rows = grouping_rows.dump(self.grouping, self._written)
        self._written = grouping_rows.fingerprints(self.grouping)
        return rows

    def _gone(self) -> frozenset[str]:
        return frozenset(self.store.places) - grouping_rows.names(self.grouping)

    def _fill(self, loaded: Loaded) -> None:
        grouping_rows.restore(self.grouping, loaded.values, loaded.rows)
        self._written = grouping_rows.fingerprints(self.grouping)
