"""The stage that makes incidents of findings: one for all shards, since an incident may lie in several of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from schemas.finding import decode_finding
from schemas.incident import OVER, Incident
from schemas.rejections import one_line
from streams.config.reference_data import ReferenceData
from streams.pipeline.incidents.grouping import Grouping, expected_reporters
from streams.pipeline.incidents.incident_messages import incident_of
from streams.state import incident_rows
from streams.state.snapshot_store import Loaded
from streams.state.stage import Stage


class Told(NamedTuple):
    """What came of some findings: revisions of incidents in order, and a line on each message that is none."""

    incidents: list[Incident]
    bad: list[str]


class IncidentStage(Stage):
    """Incidents of the findings in one partition of their topic: all are in the first.

    `open`: the newest revision of each that is not over, by id.
    """

    topic, folder = "findings", "incidents:"

    def _begin(self, known: ReferenceData) -> None:
        expected = expected_reporters(self.settings, self.settings.kafka.partitions, summed=True)
        self.grouping = Grouping(self.settings, known.register, expected)
        self.open: dict[str, Incident] = {}
        self._written: dict[str, object] = {}

    def take(self, values: Sequence[bytes | None], offsets: Sequence[int]) -> Told:
        """Take messages, in order of offsets, and return what came of them; what the state includes is skipped."""
        bad, skip = [], self._skip(offsets)
        for offset, value in zip(offsets[skip:], values[skip:], strict=True):
            try:
                self.grouping.add(decode_finding(value or b""))
            except ValueError as error:
                bad.append(f"partition {self.number}, offset {offset}: not a finding: {one_line(str(error))}")
        told = self.grouping.settle()
        newest = {one.incident_id: one for one in told}
        self.open = {name: one for name, one in {**self.open, **newest}.items() if one.state not in OVER}
        return Told(told, bad)

    def _head(self) -> dict[str, Any]:
        return incident_rows.head(self.grouping)

    def _rows(self) -> dict[str, bytes]:
        rows = incident_rows.dump(self.grouping, self._written)
        self._written = incident_rows.fingerprints(self.grouping)
        return rows

    def _gone(self) -> frozenset[str]:
        return frozenset(self.store.places) - incident_rows.names(self.grouping)

    def _fill(self, loaded: Loaded) -> None:
        incident_rows.restore(self.grouping, loaded.values, loaded.rows)
        told = (incident.latest for _, incident in sorted(self.grouping.state.incidents.items()))
        found = [incident_of(one, self.grouping.register.names) for one in told if one and one.state not in OVER]
        self.open = {one.incident_id: one for one in found}
        self._written = incident_rows.fingerprints(self.grouping)
