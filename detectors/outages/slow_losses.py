"""Losses too slow or too shallow for a bin: once a day, each level against its own weeks and against its neighbours.

A level that follows its series within a day follows a slow loss too. Here the mean of a day is compared with the same
weekday of the last weeks, and that with what the other series of the country did meanwhile: what they share is no loss
of one. How far the difference strays is learnt from its own past. Arrays hold an element per row, levels are natural
logarithms. Derived in docs/detection.md#slow-losses-slow_lossespy-slow_openingspy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from detectors.types import Flags, Ints, Singles

from .evidence import student
from .level_kinds import shrunk
from .series_state import SlowColumns

DEPTH = np.float32(0.04)  # the loss that is tested against none: steps of 3 % speak for it as well
LEAST = 0.05  # share lost from which on it is an outage, the same
OWN = 0.5  # of a loss, the least that the series itself has lost by its own level: that others rise is no loss
MANY = 9  # series of a country from which on their median is little moved by those of one access
MEASURED = 0.9  # share of a day that must be measured
WEEKS = 5  # that the level of a weekday remembers: four weeks of history and the one that ends
DAYS = 42  # that variance and memory remember: six weeks
OUTLIER = np.float32(2.5)  # sigma beyond which a day teaches no more
DOUBTFUL = 2  # nats of evidence from which on a day may be one of a loss
PUT_OFF = np.float32(0.25)  # what such a day teaches of what is the series' own
LEAK = np.float32(0.5 / DAYS)  # share of what such days put off that one of them teaches of the spread: 12 weeks
STEADY = np.float32(0.003**2)  # least variance of a day: that of the steadiest gauge
CAP = 0.5  # share of the threshold that one day may give, as a bin
GROWN = 14  # days from which on a series tells how much of a day lasts in others of its feed
CALMER = 1 / 3  # of these, the part that wanders less than is usual: what most lose together reads as wander
ECHO = np.float32(0.95)  # most that two days are correlated, as of bins
SIGMA = np.float32(1.4826)  # standard deviations in a median absolute deviation
EVER = np.float32(3)  # logarithm of the most that a day may differ


class Day(NamedTuple):
    """A day that is over, rows on axis 0: `level`, NaN where it was not measured well enough; `weekday`, 0 to 6.

    `group`: the country, 0 unknown; `side`: a code for the access, 0 for none; `free`: no outage is followed.
    """

    level: Singles
    weekday: int
    group: Ints
    side: Ints
    free: Flags


class SlowLoss(NamedTuple):
    """Rows with a loss that pays for its false alarms, and of each the evidence (nats), the share lost and the days."""

    rows: Ints
    evidence: Singles
    drop: Singles
    days: Ints


def judge(c: SlowColumns, day: Day, threshold: float) -> SlowLoss:
    """Return the losses that a day shows, and learn the day."""
    own = np.clip(day.level - c.usual[:, day.weekday], -EVER, EVER)
    compared = day.free & ~np.isnan(own)
    common = common_part(own, day.group, day.side, compared)
    rows = np.flatnonzero(~np.isnan(common))
    apart = (own - common)[rows].astype(np.float32)
    unlike = _unlike(c, day.group[rows], rows, apart)
    worth, drop = _evidence(c, rows, apart, unlike, threshold)
    _learn_spread(c, rows, apart, worth)
    _learn_level(c, day, common, rows, worth)
    lost = _own_loss(c, rows, own[rows])
    found = (worth >= threshold) & (drop >= LEAST) & (lost >= OWN * drop)
    return SlowLoss(rows[found], worth[found], drop[found], c.loss_days[rows[found]].astype(np.int64))


def common_part(own: Singles, group: Ints, side: Ints, compared: Flags) -> Singles:
    """Return what the other series of each row's country did: NaN where too few are `compared`."""
    common = np.full(len(own), np.nan, np.float32)
    rows = np.flatnonzero(compared & (group > 0))
    rows = rows[np.argsort(group[rows], kind="stable")]
    for members in np.split(rows, np.flatnonzero(np.diff(group[rows])) + 1):
        if len(members) >= MANY:
            common[members] = np.median(own[members])
        elif len(members) > 1:
            common[members] = [_others(own[members], side[members], at) for at in range(len(members))]
    return common


def _others(own: Singles, side: Ints, at: int) -> float:
    """Return the median of the other access of a small group, or where there is none of two other series or more."""
    other = own[(side != side[at]) & (side > 0)] if side[at] else own[:0]
    if other.size:
        return float(np.median(other))
    return float(np.median(np.delete(own, at))) if len(own) > 2 and not (side != side[at]).any() else np.nan


def _unlike(c: SlowColumns, group: Ints, rows: Ints, apart: Singles) -> Singles:
    """Return the variance by which the series of each row's country differ on this day more than on others.

    On a holiday each falls by a share of its own: what is beyond the median is no loss then.
    """
    unlike = np.zeros(len(rows), np.float32)
    for code in np.unique(group):
        members = np.flatnonzero(group == code)
        if len(members) >= MANY:
            spread = (SIGMA * np.median(np.abs(apart[members]))) ** 2
            unlike[members] = max(spread - np.median(c.apart_square[rows[members]]), 0)
    return unlike


def _evidence(c: SlowColumns, rows: Ints, apart: Singles, unlike: Singles, threshold: float) -> tuple[Singles, Singles]:
    """Add a day to the sums of some rows (Page 1954); return the evidence in nats, and the share lost of two days.

    What is left of yesterday, by the correlation of two days, is no news: of a loss that is going on, only the rest is.
    """
    history, begun = c.days_compared[rows].astype(np.float32), c.loss_evidence[rows] > 0
    variance = _variance(c, rows) + unlike
    seen: Singles = np.clip(c.apart_product[rows] / np.maximum(c.apart_square[rows], STEADY), 0, ECHO)
    seen = shrunk(seen, 1 / (history + 1))
    echo = np.minimum(seen + 1 / np.sqrt(history + 1), ECHO)
    news = apart - echo * c.apart_before[rows]
    expected = DEPTH * np.where(begun, 1 - echo, np.float32(1))
    step = expected * (-news - expected / 2) / (variance * (1 - 2 * echo * seen + echo * echo))
    step = np.clip(step, -threshold, CAP * threshold) * (history >= 6)
    c.loss_evidence[rows] = total = np.clip(c.loss_evidence[rows] + step, 0, 16 * threshold)
    c.loss_days[rows] = run = np.where(total > 0, np.minimum(c.loss_days[rows], 250) + 1, 0)
    worth: Singles = total / (1 + run * (_lasting(c, rows, history) + np.float32(1 / (7 * WEEKS))))
    freedom = np.maximum(np.minimum(history, 2 * DAYS) * (1 - seen) / (1 + seen), np.float32(0.1))
    return student(worth, freedom).astype(np.float32), -np.expm1((apart + c.apart_before[rows]) / 2)


def _lasting(c: SlowColumns, rows: Ints, history: Singles) -> Singles:
    """Return the share of a day's variance that lasts for weeks: the series' own, drawn towards what its feed shows.

    Six weeks say little of it, and a series that seems not to wander by chance would alarm on its next turn.
    """
    own = c.apart_wander[rows] / np.maximum(c.apart_square[rows], STEADY)
    grown = own[history >= GROWN]
    usual = np.float32(max(np.quantile(grown, CALMER), 0) if grown.size else 0)
    days = np.minimum(history, 2 * DAYS)
    return np.asarray(np.maximum((days * own + DAYS * usual) / (days + DAYS), 0), np.float32)


def _own_loss(c: SlowColumns, rows: Ints, own: Singles) -> Singles:
    """Return the mean share that the series themselves have lost since their sums left zero."""
    run = c.loss_days[rows]
    c.own_change[rows] = change = np.where(run > 1, c.own_change[rows], 0) + np.where(run > 0, own, 0)
    return np.asarray(-np.expm1(change / np.maximum(run, 1)))


def _variance(c: SlowColumns, rows: Ints) -> Singles:
    """Return the variance of a day against the mean of as many weeks as are known."""
    weeks = np.minimum(c.days_compared[rows] // 7 + 1, WEEKS)
    return np.asarray(np.maximum(c.apart_square[rows], STEADY) * (1 + 1 / weeks), np.float32)


def _learn_spread(c: SlowColumns, rows: Ints, apart: Singles, worth: Singles) -> None:
    """Learn the variance of a day and its product with the day before; what a doubtful day teaches is put off.

    A day on which a country differs more than on others teaches as much as an outlier: less would lock what is known.
    """
    history = c.days_compared[rows].astype(np.float32)
    gain = np.maximum(1 / (history + 1), np.float32(1 / DAYS))
    variance = _variance(c, rows)
    most = np.where(history < 7, EVER, OUTLIER * np.sqrt(variance))
    kept, before = np.clip(apart, -most, most), np.clip(c.apart_before[rows], -most, most)
    share = np.where(worth >= DOUBTFUL, LEAK, np.float32(1))
    part = np.maximum(c.apart_square[rows], STEADY) / variance  # of it that is not of the memory
    for learnt, pending, taught in (
        (c.apart_square, c.pending_square, part * kept * kept),
        (c.apart_product, c.pending_product, part * kept * before),
        (c.apart_wander, c.pending_wander, part * kept * c.apart_lean[rows]),
    ):
        waits = pending[rows] + gain * (taught - learnt[rows])
        learnt[rows] += share * waits
        pending[rows] = waits - share * waits
    c.apart_lean[rows] += np.float32(1 / 7) * (kept - c.apart_lean[rows])
    c.apart_before[rows] = apart
    c.days_compared[rows] = np.minimum(c.days_compared[rows], 60_000) + 1


def _learn_level(c: SlowColumns, day: Day, common: Singles, rows: Ints, worth: Singles) -> None:
    """Learn the level of this weekday: all that is common, and of the rest less while there may be a loss."""
    usual = c.usual[:, day.weekday]
    shared = np.where(np.isnan(common), 0, common)
    share = day.free.astype(np.float32)
    share[rows] = np.where(worth >= DOUBTFUL, PUT_OFF, np.float32(1))
    own = np.clip(day.level - usual, -EVER, EVER)
    weeks = (c.days_compared // 7).astype(np.float32)
    moved = usual + np.maximum(1 / (weeks + 2), np.float32(1 / WEEKS)) * (shared + share * (own - shared))
    new = np.isnan(usual) & day.free
    c.usual[:, day.weekday] = np.where(new, day.level, np.where(np.isnan(day.level), usual, moved))
