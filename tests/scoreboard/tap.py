"""The bins that our own pipeline closes, kept for other rules: they judge the same numbers that ours judges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detectors.outages.detector import Detector
from detectors.outages.suppression import Ask
from detectors.types import Change, ClosedBin, Floats, Rule
from streams.pipeline.shard import Shard

FEWEST_MEMBERS = 5  # rules elsewhere leave smaller networks of a presence feed alone: one member would be an outage


class Bins(NamedTuple):
    """Closed bins of one series: the start of the first (Unix seconds), their width (s), values; NaN: not measured."""

    entity: str
    feed: str
    signal: str
    start: int
    width: int
    values: Floats


class _Tapped(Detector):
    """The feed's detector, which keeps what it is shown."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self.seen: list[ClosedBin] = []

    def close(self, seen: ClosedBin, ask: Ask | None = None) -> list[Change]:
        self.seen.append(seen)
        return super().close(seen, ask)


@dataclass(frozen=True)
class Tap:
    """A tap on all feeds of a shard that has not read anything yet."""

    shard: Shard

    def __post_init__(self) -> None:
        for feed in self.shard.feeds.values():
            feed.detector = _Tapped(feed.rules.detector)

    def series(self) -> list[Bins]:
        """Return what was closed so far, series by series."""
        return [series for name in self.shard.feeds for series in self._of(name)]

    def _of(self, name: str) -> list[Bins]:
        feed, signal = self.shard.feeds[name], self.shard.settings.feeds[name].signal
        detector, width = feed.detector, feed.rules.detector.width
        assert isinstance(detector, _Tapped)
        if not detector.seen:
            return []
        matrix = _matrix(feed.rules.detector, detector.seen, detector.rows)
        start, judged = detector.seen[0].start, np.ones(detector.rows, np.bool_)
        if feed.rules.detector.kind == "presence":
            judged = detector.seen[-1].size >= FEWEST_MEMBERS
        rows = [(row, series) for row, series in enumerate(feed.index.rows) if series is not None and judged[row]]
        return [Bins(series.entity, name, signal, start, width, matrix[:, row]) for row, series in rows]


def _matrix(rule: Rule, seen: list[ClosedBin], rows: int) -> Floats:
    """Bins by series. Of a presence feed, members not heard of yet count as up: rules elsewhere know the roster."""
    start, latest = seen[0].start, seen[-1]
    matrix = np.full(((latest.start - start) // rule.width + 1, rows), np.nan)
    for closed in seen:
        to_come = latest.size[: len(closed.size)] - closed.size if rule.kind == "presence" else 0.0
        value = closed.value / np.maximum(closed.size, 1.0) if rule.kind == "ratio" else closed.value + to_come
        is_known = rule.kind == "presence" or closed.present & closed.alive
        matrix[(closed.start - start) // rule.width, : len(value)] = np.where(is_known, value, np.nan)
    if rule.kind == "presence":
        matrix = np.where(np.isnan(matrix), latest.size, matrix)
    return matrix
