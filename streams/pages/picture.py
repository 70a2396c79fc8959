"""A small picture of measured against expected: inline SVG whose colours and widths the style sheet gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from streams.pages.bins import Bands, Column

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
    frame = _Frame.of(course, size)
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


class _Frame(NamedTuple):
    """Where bins and levels are in the picture."""

    size: Size
    first: int
    last: int
    top: float
    starts: Sequence[int]
    width: int

    @classmethod
    def of(cls, course: Course, size: Size) -> _Frame:
        first, last = (course.starts[0], course.starts[-1] + course.width) if course.starts else (0, 1)
        return cls(size, first, last, top_of(course.bands), course.starts, course.width)

    def x(self, at: float) -> int:
        return round(self.size.width * (at - self.first) / (self.last - self.first))

    def y(self, level: float) -> int:
        return round(self.size.height - MARGIN - (self.size.height - 2 * MARGIN) * min(level / self.top, 1))

    def line(self, levels: Column) -> str:
        """Return a line over each run of bins that are known; a bin by itself is as wide as it is."""
        return "".join(_line(points) for points in self._runs(levels))

    def area(self, low: Column, high: Column) -> str:
        """Return the area between two levels over each run of bins in which both are known."""
        both = np.isfinite(low) & np.isfinite(high)
        bottoms = self._runs(np.where(both, low, np.nan))
        tops = self._runs(np.where(both, high, np.nan))
        pairs = zip(tops, bottoms, strict=True)
        return "".join(_line([*top, *reversed(bottom)]) + "z" for top, bottom in pairs)

    def mark(self, at: float | None) -> Markup:
        """Return a line at a time within the picture."""
        if at is None or not self.first < at < self.last:
            return Markup("")
        x = self.x(at)
        return Markup('<path class="since" d="M{} 0V{}"/>').format(x, self.size.height)

    def _runs(self, levels: Column) -> Iterator[list[Point]]:
        middles = [self.x(start + self.width / 2) for start in self.starts]
        dots = zip(self.starts, middles, levels.tolist(), strict=True)
        for known, run in groupby(dots, lambda dot: bool(np.isfinite(dot[2]))):
            if known:
                yield self._wide([(start, x, self.y(level)) for start, x, level in run])

    def _wide(self, run: list[tuple[int, int, int]]) -> list[Point]:
        """Return the points of a run, from the start of its first bin to the end of its last."""
        points = [(x, y) for _, x, y in run]
        (first, _, left), (last, _, right) = run[0], run[-1]
        return [(self.x(first), left), *points, (self.x(last + self.width), right)]


def _line(points: Sequence[Point]) -> str:
    """Return the commands that draw points; those on a level stretch are left out."""
    inner = zip(points, points[1:], points[2:], strict=False)
    kept = [points[0], *(b for a, b, c in inner if not a[1] == b[1] == c[1]), points[-1]]
    return "M" + "L".join(f"{x} {y}" for x, y in kept)
