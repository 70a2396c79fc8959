"""The one result type of the pipeline: what a shard or a stage has to publish."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.bin_report import BinReport
from schemas.incident import Incident
from schemas.outage import Outage
from schemas.partial import AreaSumPart
from streams.ingest.batch import Rejected
from streams.pipeline.setback import Setback


class FeedActivity(NamedTuple):
    """Starts of the bins in which a feed was measured, and its newest event time (Unix seconds)."""

    bins: set[int]
    newest: float


@dataclass(slots=True)
class Emitted:
    """What came of a batch or of a clock message, each list in the order in which it is published.

    Attributes:
        bin_reports: One for each bin that closed, with the outages that changed in it; whole, not yet in pieces.
        area_sums: This shard's parts of the areas, for the stages that sum them over all shards.
        dead_letters: Measurements and messages that were rejected.
        incidents: Revisions of incidents.
        setbacks: Feeds whose time went back, as it was false, and by how much.
        activity: By feed, the bins in which it was measured since the last batch.
        counts: What to add to the metrics, by the metric's name and label; the label is empty where there is none.
        unreadable: A line for the log on each message that is not of its topic's type.
    """

    bin_reports: list[BinReport] = field(default_factory=list)
    area_sums: list[AreaSumPart] = field(default_factory=list)
    dead_letters: list[Rejected] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    setbacks: list[tuple[str, Setback]] = field(default_factory=list)
    activity: dict[str, FeedActivity] = field(default_factory=dict)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)

    @property
    def outages(self) -> list[Outage]:
        """Revisions of outages, in the order of the bins that closed."""
        return [outage for report in self.bin_reports for outage in report.outages]
