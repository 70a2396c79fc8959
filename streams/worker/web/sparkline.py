"""A small picture of measured against expected: inline SVG whose colours and widths the style sheet gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from detectors.types import Flags, Ints
from streams.worker.web.bins import Bands, Column

Point = tuple[int, int]


class Size(NamedTuple):
    """Of the picture, in the units of its view box."""

    width: int
    height: int


SMALL, LARGE = Size(240, 48), Size(720, 180)
MARGIN = 2  # units above and below, so that no line is cut


class Course(NamedTuple):
    """What a picture shows: bins by their starts, and from when until when an outage was on (Unix seconds)."""

    starts: Sequence[int]
    width: int
    bands: Bands
    since: float | None = None
    until: float | None = None


def picture(course: Course, text: str, size: Size = SMALL) -> Markup:
    """Return the picture; `text` says the same to those who do not see it."""
    frame = _Frame(course, size)
    parts = [
        _path("band", frame.area(course.bands.low, course.bands.high)),
        _path("lost", frame.area(course.bands.value, _missing(course))),
        frame.mark(course.since),
        _path("expected", frame.line(course.bands.expected)),
        _path("measured", frame.line(course.bands.value)),
    ]
    return Markup(
        '<svg class="picture" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img"><title>{}</title>{}</svg>'
    ).format(size.width, size.height, text, Markup("").join(parts))


def top_of(bands: Bands) -> float:
    """Return the highest level there is, at the top of the picture; 1 where there is none."""
    numbers = np.concatenate(bands)
    known = numbers[np.isfinite(numbers)]
    return float(known.max(initial=0.0)) or 1.0


def _path(kind: str, commands: str) -> Markup:
    return Markup('<path class="{}" d="{}"/>').format(kind, commands) if commands else Markup("")


def _missing(course: Course) -> Column:
    """Return what was expected in the bins of the outage in which less was measured, NaN elsewhere."""
    starts, bands = np.array(course.starts, dtype=np.float64), course.bands
    on = (starts >= (np.inf if course.since is None else course.since)) & (bands.value < bands.expected)
    if course.until is not None:
        on &= starts < course.until
    return np.where(on, bands.expected, np.nan)


class _Frame:
    """Where bins and levels are in the picture: the left, the middle and the right of each bin."""

    def __init__(self, course: Course, size: Size) -> None:
        self.size, self.top = size, top_of(course.bands)
        starts = np.array(course.starts, dtype=np.float64)
        self.first = course.starts[0] if course.starts else 0
        self.last = course.starts[-1] + course.width if course.starts else 1
        self.lefts, self.middles, self.rights = (
            self.x(starts + part * course.width).tolist() for part in (0.0, 0.5, 1.0)
        )

    def x(self, at: Column) -> Ints:
        """Return where times are."""
        where: Ints = np.rint(self.size.width * (at - self.first) / (self.last - self.first)).astype(np.int64)
        return where

    def y(self, levels: Column) -> Ints:
        """Return where known levels are."""
        bottom, height = self.size.height - MARGIN, self.size.height - 2 * MARGIN
        where: Ints = np.rint(bottom - height * np.minimum(levels / self.top, 1)).astype(np.int64)
        return where

    def line(self, levels: Column) -> str:
        """Return a line over each run of bins that are known; a bin by itself is as wide as it is."""
        return "".join(_line(self._points(run, levels)) for run in _runs(np.isfinite(levels)))

    def area(self, low: Column, high: Column) -> str:
        """Return the area between two levels over each run of bins in which both are known."""
        runs = _runs(np.isfinite(low) & np.isfinite(high))
        outlines = ([*self._points(run, high), *reversed(self._points(run, low))] for run in runs)
        return "".join(_line(outline) + "z" for outline in outlines)

    def mark(self, at: float | None) -> Markup:
        """Return a line at a time within the picture."""
        if at is None or not self.first < at < self.last:
            return Markup("")
        return Markup('<path class="since" d="M{} 0V{}"/>').format(int(self.x(np.array(at))), self.size.height)

    def _points(self, run: slice, levels: Column) -> list[Point]:
        """Return the points of a run, from the start of its first bin to the end of its last."""
        lefts, middles, rights, ys = self.lefts[run], self.middles[run], self.rights[run], self.y(levels[run]).tolist()
        return [(lefts[0], ys[0]), *zip(middles, ys, strict=True), (rights[-1], ys[-1])]


def _runs(known: Flags) -> list[slice]:
    """Return the stretches in which a flag is set."""
    turns = np.flatnonzero(np.diff(np.concatenate(([False], known, [False]))))
    return [slice(start, stop) for start, stop in turns.reshape(-1, 2).tolist()]


def _line(points: Sequence[Point]) -> str:
    """Return the commands that draw points; those on a level stretch are left out."""
    inner = zip(points, points[1:], points[2:], strict=False)
    kept = [points[0], *(b for a, b, c in inner if not a[1] == b[1] == c[1]), points[-1]]
    return "M" + "L".join(f"{x} {y}" for x, y in kept)
