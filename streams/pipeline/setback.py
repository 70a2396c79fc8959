"""Puts a feed back to the time that receipts confirm, once its own has turned out to be false.

What the feed has learnt of its series stays. Bins that are open lie ahead of real time and are dropped. Outages end:
outages of bins which were not over when they closed are withdrawn, as what was measured in them came late.
The others expire, since nobody knows how they went on.
Measurements of the first bins were late until now, so these bins are unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from detectors.bins import OpenBins
from detectors.false_lead import FalseLead
from detectors.outages.presence import Members
from detectors.rewound import Rewound
from detectors.types import Change
from streams.ingest.batch import Rejected
from streams.ingest.series_index import SeriesIndex
from streams.pipeline.admission import too_far
from streams.pipeline.gap import Gap

if TYPE_CHECKING:
    from streams.pipeline.feed import Feed


class Setback(NamedTuple):
    """That the time of a feed went back: from and to when (Unix s), after how many seconds of receipts that disagreed.

    `open_bins`: how many bins were dropped, and `series`: how many were measured in them. `outages`: how many ended.
    `earlier`: how often it had gone back before.
    """

    before: float
    to: float
    after: float
    open_bins: int
    series: int
    outages: int
    earlier: Rewound

    def __str__(self) -> str:
        return (
            f"was {self.before - self.to:,.0f} s ahead of receipt for {self.after:,.0f} s and went "
            f"back: bins dropped {self.open_bins:,}, with series {self.series:,}; outages ended {self.outages:,}"
        )


def put_back(feed: Feed) -> tuple[Setback, list[Change], list[Rejected]]:
    """Put a feed back; return what was done, the ends of outages, and dead letters of what waited for later times."""
    lead, mark, rule = feed.admission.lead, feed.watermark, feed.rules.time
    before, start = float(mark.newest or 0.0), int(rule.closed_until(np.array(lead.reached)))
    waited = feed.admission.leap_guard.pending
    refused = [too_far(claim.item[1]) for claim in waited]
    open_bins, series = len(feed.bins.bins), sum(int(opened.seen.sum()) for opened in feed.bins.bins.values())
    late_since = feed.admission.late_runs.began(lead.in_step, lead.reached)
    false_from = min(start, int(rule.bin_of(np.array([late_since]))[0]))
    changes = feed.detector.go_back(start, false_from)
    after = lead.received - lead.since
    done = Setback(before, lead.reached, after, open_bins, series, len(changes), feed.rewound)
    feed.rewound = Rewound(feed.rewound.times + 1, max(feed.rewound.until, mark.next_close), false_from)
    feed.gap = Gap(start, int(rule.bin_of(np.array([lead.front]))[0]))
    mark.newest, mark.front, mark.is_founding = lead.reached, lead.reached, False
    mark.next_close, feed.silent_since, feed.active_bins = start, None, set()
    feed.admission.leap_guard.restore([])
    feed.admission.believed.agreement = None  # what was agreed is the time that was false
    _forget_ahead(feed.index, feed.bins, feed.members, lead, start)
    if feed.cells:
        _forget_ahead(feed.cells.index, feed.cells.bins, feed.cells.members, lead, start)
        np.minimum(feed.cells.panel.last, start, out=feed.cells.panel.last)
        feed.cells.since = feed.cells.since and min(feed.cells.since, start)
    feed.closings += 1
    lead.clear()
    feed.admission.late_runs.clear()
    return done, changes, refused


def _forget_ahead(index: SeriesIndex, bins: OpenBins, members: Members, lead: FalseLead, start: int) -> None:
    """Forget what is ahead of the bin of this start, which closes next."""
    bins.bins.clear()
    members.go_back(start, lead.since, lead.front)
    index.go_back(start)
