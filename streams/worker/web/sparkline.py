"""Draws measured against expected levels as an inline SVG. The style sheet sets colours and line widths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from detectors.types import Flags, Ints
from streams.worker.web.axes import level_marks, time_marks
from streams.worker.web.bins import Bands, Column

Point = tuple[int, int]


class Size(NamedTuple):
    """The size of a chart, in units of its view box."""

    width: int
    height: int
    has_axes: bool = False


SMALL, LARGE = Size(240, 48), Size(720, 180, has_axes=True)
MARGIN = 2  # units above and below, so that no line is cut


class ChartData(NamedTuple):
    """What a chart shows. `starts`, `since`, `until`: bins, and start and end of the outage (Unix seconds).

    `width`: of a bin, in seconds; `earlier`: start and end of other outages, which are shaded without a mark.
    """

    starts: Sequence[int]
    width: int
    bands: Bands
    since: float | None = None
    until: float | None = None
    earlier: Sequence[tuple[float, float]] = ()

    @property
    def outages(self) -> Sequence[tuple[float, float]]:
        """Start and end of each outage; infinite while it lasts."""
        own = [] if self.since is None else [(self.since, math.inf if self.until is None else self.until)]
        return [*own, *self.earlier]


def sparkline(data: ChartData, text: str, size: Size = SMALL) -> Markup:
    """Return the chart as SVG. `text`: its description for screen readers."""
    frame = _Frame(data, size)
    parts = [
        *(_path("grid", line) for line in (frame.grid() if size.has_axes else ())),
        _path("band", frame.area(data.bands.low, data.bands.high)),
        _path("lost", frame.area(data.bands.value, _lost_below(data))),
        frame.mark(data.since),
        _path("expected", frame.line(data.bands.expected)),
        _path("measured", frame.line(data.bands.value)),
    ]
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img"><title>{}</title>{}</svg>'
    ).format(size.width, size.height, text, Markup("").join(parts))


def top_of(bands: Bands) -> float:
    """Return the highest level, which lies at the top of the chart; 1 when there is none."""
    numbers = np.concatenate(bands)
    return float(numbers[np.isfinite(numbers)].max(initial=0.0)) or 1.0


def _path(kind: str, commands: str) -> Markup:
    return Markup('<path class="{}" d="{}"/>').format(kind, commands) if commands else Markup("")


def _lost_below(data: ChartData) -> Column:
    """Return the expected levels of the bins of outages with a value below them, NaN for other bins.

    A bin or an hour is in an outage when its middle is.
    """
    middles, bands = np.array(data.starts, dtype=np.float64) + data.width / 2, data.bands
    inside = np.zeros(len(middles), np.bool_)
    for since, until in data.outages:
        inside |= (middles >= since) & (middles < until)
    return np.where(inside & (bands.value < bands.expected), bands.expected, np.nan)


class _Frame:
    """Maps bins and levels to the view box: the left edge, the middle and the right edge of each bin."""

    def __init__(self, data: ChartData, size: Size) -> None:
        self.size, self.top = size, top_of(data.bands)
        starts = np.array(data.starts, dtype=np.float64)
        self.breaks = np.diff(starts, prepend=-np.inf) > data.width  # bins that nobody closed are unknown, too
        self.first = data.starts[0] if data.starts else 0
        self.last = data.starts[-1] + data.width if data.starts else 1
        self.lefts, self.middles, self.rights = (
            self.x(starts + part * data.width).tolist() for part in (0.0, 0.5, 1.0)
        )

    def x(self, times: Column) -> Ints:
        """Return the horizontal positions of times (Unix seconds)."""
        positions: Ints = np.rint(self.size.width * (times - self.first) / (self.last - self.first)).astype(np.int64)
        return positions

    def y(self, levels: Column) -> Ints:
        """Return the vertical positions of levels, all of them finite."""
        bottom, height = self.size.height - MARGIN, self.size.height - 2 * MARGIN
        positions: Ints = np.rint(bottom - height * np.minimum(levels / self.top, 1)).astype(np.int64)
        return positions

    def grid(self) -> list[str]:
        """Return lines at the marks of both axes."""
        levels = self.y(np.array([mark.at * self.top for mark in level_marks(self.top)])).tolist()
        times = [round(mark.at * self.size.width) for mark in time_marks(self.first, self.last)]
        across = "".join(f"M0 {y}H{self.size.width}" for y in levels)
        return [across + "".join(f"M{x} 0V{self.size.height}" for x in times)]

    def line(self, levels: Column) -> str:
        """Return a line over each run of finite levels. A run of one bin is a line as wide as the bin."""
        return "".join(_line(self._points(run, levels)) for run in _runs(np.isfinite(levels), self.breaks))

    def area(self, low: Column, high: Column) -> str:
        """Return the area between two levels over each run of bins in which both are finite."""
        runs = _runs(np.isfinite(low) & np.isfinite(high), self.breaks)
        outlines = ([*self._points(run, high), *reversed(self._points(run, low))] for run in runs)
        return "".join(_line(outline) + "z" for outline in outlines)

    def mark(self, time: float | None) -> Markup:
        """Return a vertical line at a time (Unix seconds); nothing when it lies outside the chart."""
        if time is None or not self.first < time < self.last:
            return Markup("")
        return Markup('<path class="since" d="M{} 0V{}"/>').format(int(self.x(np.array(time))), self.size.height)

    def _points(self, run: slice, levels: Column) -> list[Point]:
        """Return the points of a run, from the start of its first bin to the end of its last."""
        lefts, middles, rights, ys = self.lefts[run], self.middles[run], self.rights[run], self.y(levels[run]).tolist()
        return [(lefts[0], ys[0]), *zip(middles, ys, strict=True), (rights[-1], ys[-1])]


def _runs(flags: Flags, breaks: Flags) -> list[slice]:
    """Return the runs of consecutive true flags. `breaks`: where a new run begins whatever is before."""
    begins = flags & (breaks | ~np.concatenate(([False], flags[:-1])))
    ends = flags & np.concatenate((begins[1:] | ~flags[1:], [True]))
    return [slice(start, last + 1) for start, last in zip(*map(np.flatnonzero, (begins, ends)), strict=True)]


def _line(points: Sequence[Point]) -> str:
    """Return the SVG commands for a line. Inner points of a level stretch are left out."""
    inner = zip(points, points[1:], points[2:], strict=False)
    kept = [points[0], *(b for a, b, c in inner if not a[1] == b[1] == c[1]), points[-1]]
    return "M" + "L".join(f"{x} {y}" for x, y in kept)
