"""Which series a feed has, and which share of each is gone at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from detectors.types import Floats
from streams.evaluation.simulate.world import Key, Line, SimulatedEvent, SimulatedFeed


class SimulatedSeries(NamedTuple):
    """One series: its fields as they stand in a measurement, its lines, and the value of its facet."""

    fields: dict[str, int | str]
    lines: tuple[Line, ...]
    facet: str | None

    @property
    def entity(self) -> str:
        """The finest entity named, as `asn/43754`."""
        name = next(name for name in ("asn", "region", "country") if name in self.fields)
        return f"{name}/{self.fields[name]}"

    @property
    def size(self) -> float:
        """The sum of the sizes of its lines."""
        return sum(line.size for line in self.lines)


def series_of(feed: SimulatedFeed, lines: Sequence[Line]) -> list[SimulatedSeries]:
    """Return the series of a feed, in the order of keys and lines."""
    return [simulated for key in feed.keys for simulated in _keyed(feed, key, lines)]


def _keyed(feed: SimulatedFeed, key: Key, lines: Sequence[Line]) -> Iterable[SimulatedSeries]:
    together: dict[tuple[int | str | None, ...], list[Line]] = {}
    for line in lines:
        if "asn" in key or line.region is not None:
            together.setdefault((line.country, *(getattr(line, name) for name in key)), []).append(line)
    for values, members in together.items():
        named = zip(("country", *key), values, strict=True)
        fields = {name: value for name, value in named if value is not None}
        for facet in feed.values or (None,):
            yield SimulatedSeries(
                {**fields, **({feed.facet: facet} if feed.facet and facet else {})}, tuple(members), facet
            )


def gone(
    feed: SimulatedFeed, series: SimulatedSeries, events: Sequence[SimulatedEvent], at: Floats, width: float
) -> Floats:
    """Return the share of the series that is gone on average in `[at, at + width)`, for each of `at`."""
    return sum(
        (line.size * line_gone(feed, line, series.facet, events, at, width) for line in series.lines), 0 * at
    ) / (series.size)


def line_gone(
    feed: SimulatedFeed, line: Line, facet: str | None, events: Sequence[SimulatedEvent], at: Floats, width: float
) -> Floats:
    """Return the share of one line (and value of the feed's facet) that is gone; the deepest event counts."""
    lost = np.zeros(len(at))
    for event in events:
        if feed.name in event.drops and event.where.has(line) and event.where.is_of(facet):
            np.maximum(lost, event.drops[feed.name] * overlap(event.start, event.end, at, width), out=lost)
    return lost


def overlap(start: float, end: float | None, at: Floats, width: float) -> Floats:
    """Return the share of each `[at, at + width)` that lies in `[start, end)`."""
    until = np.inf if end is None else end
    return np.asarray(np.clip(np.minimum(at + width, until) - np.maximum(at, start), 0, width) / width)


def merged(spans: Sequence[tuple[float, float]], gap: float = 0) -> list[tuple[float, float]]:
    """Return spans in order, those that overlap or are at most `gap` apart as one."""
    found: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1] + gap:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
