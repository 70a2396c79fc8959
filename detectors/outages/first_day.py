"""How far the bins of a first day stray from a season that was never seen before: what is smooth of it is season.

Derived in docs/detection.md#baseline-baselinepy-seasonpy-learningpy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from detectors.types import Share, Singles

from .evidence import EMPTY

SEASON = 3  # hours of a day of wide bins that its mean and a harmonic take
FEW = 8  # hours with a bin below which a day shows no smooth season
TRIMMED = 12  # hours of a day for each of the largest squares that may be of an outage
SHRUNK = np.float32(0.71)  # mean of the others against that of all, of normal noise: simulated, 20,000 days
SHARP = np.float32(0.3)  # of its upper quartile, below which an hour of a day is of another level: a night with edges
EDGE = np.float32(0.6)  # of it, up to which an hour holds an edge of such a night; there are two
FAR = 3  # hours over which noise with a memory strays more than from each to the next


class FirstDay(NamedTuple):
    """Relative variances (rows): `blur` of an hour's mean, `noise` of a bin, `roughness` half that of its steps.

    `covariance` of neighbouring bins: unlike `noise`, that of hours does not err on the safe side.
    """

    blur: Singles
    noise: Singles
    roughness: Singles
    covariance: Singles


def first_day_spread(shares: Singles, roughness: Singles, counting: Share, per_hour: int) -> FirstDay:
    """Return how far bins strayed on a first day, given its hours as shares of their mean (rows × hours).

    `roughness`: as measured from bin to bin (rows); `counting`: variance of a bin by counting, which has no memory;
    `per_hour`: bins in an hour.
    """
    hours = shares.shape[1]
    if hours < FEW:
        return FirstDay(roughness, 3 * roughness, roughness, np.zeros_like(roughness))
    shares, of_lit = _lit(shares)
    near, far = (of_lit * _spread(shares, _bend(hours, apart)) for apart in (1, FAR))
    farther = far - near  # noise with a memory shows more of itself the farther hours lie apart
    blur = far + np.maximum(farther, 0)
    if per_hour > 1:
        lasting = (blur - counting / np.float32(per_hour)).clip(0, np.inf)
        return FirstDay(blur, roughness + 2 * lasting, roughness, lasting)
    step = of_lit * _spread(shares, _step(hours))
    return FirstDay(blur, blur, step, far + farther - step)


def _lit(shares: Singles) -> tuple[Singles, Singles]:
    """Return the hours of days, of those with one night of sharp edges as shares of the day's level and 1 by night.

    A night is no noise of the day. Also return by how much the variance of such a day is larger than that of its hours
    with a night (rows).
    """
    upper = np.sort(shares, axis=1)[:, [shares.shape[1] * 3 // 4]]
    night, edge = shares < SHARP * upper, shares < EDGE * upper
    edge &= ~night
    dark = night | edge
    is_one = (dark != np.roll(dark, 1, axis=1)).sum(axis=1) == 2
    sharp = is_one & night.any(axis=1) & (edge.sum(axis=1) <= 2)
    dark &= sharp[:, None]
    lit = np.maximum((~dark).sum(axis=1), 1).astype(np.float32)
    mean = np.where(dark, 0, shares).sum(axis=1) / lit
    level = np.where(sharp, np.maximum(mean, EMPTY), 1)[:, None]
    return np.where(dark, 1, shares / level).astype(np.float32), np.float32(shares.shape[1]) / lit


def _spread(shares: Singles, filter_: Singles) -> Singles:
    """Return the variance that independent noise has when a filter without the season shows this much of it (rows).

    The largest squares of a day may be of an outage, and are left out.
    """
    filtered = np.zeros((len(filter_), len(shares)), np.float32)
    for weight, share in zip(filter_.T, shares.T, strict=True):  # a matrix product would round as the rows lie
        filtered += weight[:, None] * share
    trimmed = max(1, shares.shape[1] // TRIMMED)
    squares = np.sort(np.ascontiguousarray(filtered.T) ** 2, axis=1)[:, :-trimmed]
    variance: Singles = squares.mean(axis=1) / (SHRUNK * np.float32((filter_**2).sum(axis=1).mean()))
    return variance


def _bend(hours: int, apart: int) -> Singles:
    """Return the filter (hours × hours) of an hour less the mean of the two that are so far from it."""
    each = np.eye(hours, dtype=np.float32)
    return np.asarray(
        (each - (np.roll(each, apart, axis=1) + np.roll(each, -apart, axis=1)) / 2) @ _without_season(hours)
    )


def _step(hours: int) -> Singles:
    """Return the filter of the steps from hour to hour, half of whose variance is the noise."""
    each = np.eye(hours, dtype=np.float32)
    return (each - np.roll(each, 1, axis=1)) @ _without_season(hours)


def _without_season(hours: int) -> Singles:
    """Return the filter that takes a day's mean, first and second harmonic out of its hours."""
    apart = np.subtract.outer(np.arange(hours), np.arange(hours)) * 2 * np.pi / hours
    waves = sum(2 * np.cos(harmonic * apart) for harmonic in ((1, 2) if hours > 16 else (1,)))
    return np.asarray(np.eye(hours) - (1 + waves) / hours, np.float32)
