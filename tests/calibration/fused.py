"""When entities are down by one of several feeds alone, and when by several together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from detectors.incidents.doubts import DoubtState, Moment, step
from detectors.incidents.fusion import Doubt
from detectors.incidents.model import Coverage, MeasuredSeries
from detectors.outages.detector import Detector
from detectors.outages.evidence import threshold
from detectors.types import DAY
from tests.calibration.feeds import FeedBins

NAMES = ("a", "b", "c", "d", "e")
COUNTRY = "XX"
Named = dict[str, Detector]


def together(drawn: Sequence[FeedBins]) -> Iterator[int]:
    """Yield the rows of the entities that are first down by several feeds together."""
    return (int(entity.removeprefix("asn/")) for entity in fused(drawn)[1])


def fused(drawn: Sequence[FeedBins]) -> tuple[dict[str, float], dict[str, float]]:
    """Return when entities were first down by one feed alone, and by several together (Unix s)."""
    feeds = {name: Detector(rule) for name, (rule, _) in zip(NAMES, drawn, strict=False)}
    for detector in feeds.values():
        detector.grow(len(drawn[0].seen[0].value))
    least = {name: threshold(detector.rule.budget, detector.rule.width) for name, detector in feeds.items()}
    state, alone, both, coverage = DoubtState(), dict[str, float](), dict[str, float](), _covered(feeds, measured=False)
    for bins in zip(*(seen for _, seen in drawn), strict=True):
        for detector, seen in zip(feeds.values(), bins, strict=True):
            detector.close(seen)
        end = float(bins[0].start + drawn[0].rule.width)
        coverage = _covered(feeds, measured=True) if end % DAY == 0 else coverage
        state.closed.update(list(feeds))
        down = {entity for detector in feeds.values() for entity in _down(detector)}
        for entity in down:
            alone.setdefault(entity, end)
        news = {("shard/0", name): _doubts(name, detector) for name, detector in feeds.items()}
        for outage in list(step(state, news, Moment(end, least, coverage, down))):
            both.setdefault(outage.entity, end)
    return alone, both


def _covered(feeds: Named, *, measured: bool) -> Coverage:
    """Return what the feeds measure now, or nothing yet."""
    series = [
        MeasuredSeries(name, f"asn/{row}", (), *map(float, (now.expected[row], now.spread[row])))
        for name, now in ((name, detector.levels()) for name, detector in feeds.items() if measured)
        for row in np.flatnonzero(now.ready).tolist()
    ]
    return Coverage({name: float(detector.rule.width) for name, detector in feeds.items()}, series={COUNTRY: series})


def _down(detector: Detector) -> set[str]:
    return {f"asn/{row}" for row, outage in detector.ongoing.items() if outage.state == "open"}


def _doubts(name: str, detector: Detector) -> list[Doubt]:
    columns = (column.tolist() for column in detector.doubtful())
    return [
        Doubt(name, f"asn/{row}", COUNTRY, (), nats, drop, since)
        for row, nats, drop, since in zip(*columns, strict=True)
    ]
