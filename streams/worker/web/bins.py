"""Recent bins of series as the API and the charts show them: with the band of normal levels, or summed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.api import SeriesBin, SeriesBins
from schemas.times import format_time
from streams.config.settings import Settings
from streams.worker.exposition.watch_list import WIDTH
from streams.worker.web.recent_bins import SeriesHistory

MIN_SHARE = 0.9  # of the series must have a bin, or their sum in it is unknown
Column = NDArray[np.float64]


class Bands(NamedTuple):
    """Four columns with a number for each bin, NaN where unknown. Normal values lie between `low` and `high`."""

    value: Column
    expected: Column
    low: Column
    high: Column


def bands(history: SeriesHistory, kind: str) -> Bands:
    """Return the values and expected levels of a series with the band around them.

    The band is three spreads wide to each side. It is never below zero, and never above 1 for a ratio.
    """
    value, expected, spread = history.levels.T.astype(np.float64)
    low, high = np.maximum(expected - WIDTH * spread, 0), expected + WIDTH * spread
    return Bands(value, expected, low, np.minimum(high, 1) if kind == "ratio" else high)


def series_bins(settings: Settings, history: SeriesHistory) -> SeriesBins:
    """Return a series with its bins, as the API shows it."""
    feed = settings.feeds[history.feed]
    columns = [[rounded(number) for number in column.tolist()] for column in bands(history, feed.kind)]
    rows = zip(history.starts, *columns, strict=True)
    return SeriesBins(
        feed=history.feed,
        signal=feed.signal,
        kind=feed.kind,
        unit=feed.unit,
        width=history.width,
        facets=dict(history.series.facets),
        bins=[SeriesBin(format_time(start), *numbers) for start, *numbers in rows],
    )


def rounded(number: float) -> float | None:
    """Return a number with the six significant digits that 32 bits keep; None where it is unknown."""
    return None if np.isnan(number) else float(f"{number:.6g}")


def total(histories: Sequence[SeriesHistory], kind: str) -> SeriesHistory:
    """Return the sum of series of one feed, or their mean when they are ratios, with the same of their days.

    A bin of a series counts when its value, expected level and spread are all known, an hour when its value and
    expected level are. A bin that too few series have is unknown, since the sum would otherwise fall where a series
    merely ends. The result starts and ends with a known bin.
    """
    days = [history.day for history in histories if history.day is not None]
    day = _total(days, kind, 2) if days else None
    return _total(histories, kind, 3)._replace(day=day)


def _total(histories: Sequence[SeriesHistory], kind: str, needed: int) -> SeriesHistory:
    """Return the sum or mean of bins whose first levels, so many as are needed, are known."""
    starts = sorted({start for history in histories for start in history.starts})
    cube = np.full((len(histories), len(starts), 3), np.nan)
    for number, history in enumerate(histories):
        cube[number, np.searchsorted(starts, history.starts)] = history.levels
    complete = np.isfinite(cube[..., :needed]).all(axis=2)
    cube[~complete] = 0
    count = complete.sum(axis=0)
    sums = np.stack([cube[..., 0].sum(axis=0), cube[..., 1].sum(axis=0), np.sqrt((cube[..., 2] ** 2).sum(axis=0))])
    means = sums / np.maximum(count, 1)
    enough = count >= max(1.0, MIN_SHARE * count.max(initial=0))
    levels = np.where(enough, means if kind == "ratio" else sums, np.nan)
    span = slice(int(enough.argmax()), len(enough) - int(enough[::-1].argmax())) if enough.any() else slice(0)
    return histories[0]._replace(starts=starts[span], levels=levels.T[span].astype(np.float32))
