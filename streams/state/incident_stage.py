"""The stage that groups outages into incidents. One stage groups for all shards: an incident may lie in several."""

from __future__ import annotations

from typing import Any

from schemas.bin_report import decode_bin_report
from schemas.incident import OVER, Incident
from streams.config.reference_data import ReferenceData
from streams.ingest.record_run import Run
from streams.pipeline.emitted import Emitted
from streams.pipeline.incidents.grouping import Grouping, expected_reporters
from streams.pipeline.incidents.incident_messages import incident_of
from streams.state import incident_rows
from streams.state.snapshot_store import Loaded
from streams.state.stage import Stage, refusal


class IncidentStage(Stage):
    """Incidents of the bin reports in one partition of their topic; all reports are in the first.

    `open_incidents`: the newest revision of each that is not over, by id. `at_fault`: the feeds of which most series
    fall together. Both are replaced, never changed: pages read them while a thread groups.
    """

    topic, folder = "findings", "incidents:"
    runs_in_thread = True  # when thousands of networks fall at once, grouping takes seconds

    def _begin(self, reference: ReferenceData) -> None:
        expected = expected_reporters(self.settings, self.settings.kafka.partitions, summed=True)
        self.grouping = Grouping(self.settings, reference.register, expected)
        self.open_incidents: dict[str, Incident] = {}
        self.at_fault: frozenset[str] = frozenset()
        self._written: dict[str, object] = {}

    def process(self, records: Run, now: float) -> Emitted:
        """Apply bin reports and return the incidents that changed."""
        emitted, fresh = Emitted(), self._fresh(records)
        for offset, value in zip(fresh.offsets, fresh.values, strict=True):
            try:
                report = decode_bin_report(value or b"")
                self.grouping.add(report)
            except ValueError as error:
                emitted.unreadable.append(refusal(self.number, offset, "finding", error))
            else:  # at once, not after the batch: a late report takes effect where it stands in the topic
                emitted.incidents += self.grouping.settle() if report.last else []
        emitted.counts.update({("findings_late", feed): count for feed, count in self.grouping.late.items() if count})
        self.grouping.late.clear()
        newest = {**self.open_incidents, **{incident.incident_id: incident for incident in emitted.incidents}}
        self.open_incidents = {name: incident for name, incident in newest.items() if incident.state not in OVER}
        self.at_fault = self.grouping.at_fault()
        return emitted

    def _head(self) -> dict[str, Any]:
        return incident_rows.head(self.grouping)

    def _rows(self) -> dict[str, bytes]:
        rows = incident_rows.dump(self.grouping, self._written)
        self._written = incident_rows.fingerprints(self.grouping)
        return rows

    def _gone(self) -> frozenset[str]:
        return frozenset(self.store.places) - incident_rows.names(self.grouping)

    def _restore(self, loaded: Loaded) -> None:
        incident_rows.restore(self.grouping, loaded.values, loaded.rows)
        revisions = (incident.latest for _, incident in sorted(self.grouping.state.incidents.items()))
        open_ones = (revision for revision in revisions if revision and revision.state not in OVER)
        incidents = [incident_of(revision, self.grouping.register.names) for revision in open_ones]
        self.open_incidents = {incident.incident_id: incident for incident in incidents}
        self.at_fault = self.grouping.at_fault()
        self._written = incident_rows.fingerprints(self.grouping)
