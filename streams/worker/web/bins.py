"""Bins of series as the API tells them, and the band in which a series is normal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.api import SeriesBin, SeriesBins, SeriesQuery
from schemas.times import format_time
from streams.config.settings import Settings
from streams.worker.exposition.watch_list import WIDTH
from streams.worker.web.recent_bins import Strip

MOST = 0.9  # of the series that a bin of their sum needs
Column = NDArray[np.float64]


class Bands(NamedTuple):
    """A number per bin, NaN where it is unknown."""

    value: Column
    expected: Column
    low: Column
    high: Column


def bands(strip: Strip, kind: str) -> Bands:
    """Return what was measured and expected, and the band around that; no level is negative, no share past 1."""
    value, expected, spread = strip.shown.T.astype(np.float64)
    low, high = np.maximum(expected - WIDTH * spread, 0), expected + WIDTH * spread
    return Bands(value, expected, low, np.minimum(high, 1) if kind == "ratio" else high)


def series_bins(settings: Settings, strips: Sequence[Strip], query: SeriesQuery) -> list[SeriesBins]:
    """Return the series that were asked for, each with its newest bins."""
    return [_series(settings, strip.last(query.bins)) for strip in strips if _matches(strip, query)]


def _matches(strip: Strip, query: SeriesQuery) -> bool:
    facets = dict(strip.series.facets)
    asked = {"access": query.access, "direction": query.direction, "service": query.service}
    return (not query.feed or strip.feed in query.feed) and all(
        not values or facets.get(name) in values for name, values in asked.items()
    )


def _series(settings: Settings, strip: Strip) -> SeriesBins:
    feed = settings.feeds[strip.feed]
    columns = [[rounded(number) for number in column.tolist()] for column in bands(strip, feed.kind)]
    rows = zip(strip.starts, *columns, strict=True)
    return SeriesBins(
        feed=strip.feed,
        signal=feed.signal,
        kind=feed.kind,
        unit=feed.unit,
        width=strip.width,
        facets=dict(strip.series.facets),
        bins=[SeriesBin(format_time(start), *numbers) for start, *numbers in rows],
    )


def rounded(number: float) -> float | None:
    """Return a number to six digits, since more are not kept; None where it is unknown."""
    return None if np.isnan(number) else float(f"{number:.6g}")


def total(strips: Sequence[Strip], kind: str) -> Strip:
    """Return the sum of series of one feed, of a ratio the mean: of the bins of each in which it is known what was
    measured and expected. A bin that too few have is unknown, or the sum would fall where a series
    merely ends; it starts and ends with bins that are known.
    """
    starts = sorted({start for strip in strips for start in strip.starts})
    cube = np.full((len(strips), len(starts), 3), np.nan)
    for number, strip in enumerate(strips):
        cube[number, np.searchsorted(starts, strip.starts)] = strip.shown
    known = np.isfinite(cube).all(axis=2)
    cube[~known] = 0
    count = known.sum(axis=0)
    sums = np.stack([cube[..., 0].sum(axis=0), cube[..., 1].sum(axis=0), np.sqrt((cube[..., 2] ** 2).sum(axis=0))])
    means = sums / np.maximum(count, 1)
    enough = count >= max(1.0, MOST * count.max(initial=0))
    shown = np.where(enough, means if kind == "ratio" else sums, np.nan)
    span = slice(int(enough.argmax()), len(enough) - int(enough[::-1].argmax())) if enough.any() else slice(0)
    return strips[0]._replace(starts=starts[span], shown=shown.T[span].astype(np.float32))
