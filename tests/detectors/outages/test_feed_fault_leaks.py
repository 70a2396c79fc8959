"""Faults of feeds drawn at random: what is only the fault is no outage, and what is dark beyond it is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.types import Change, ClosedBin, Floats, Ints, Kind, Rule
from tests.detectors.series import START

DAY, HOUR = 86_400, 3_600
LEVELS: tuple[Kind, ...] = ("gauge", "count", "distinct", "ratio")


class Fault(NamedTuple):
    """A feed that loses a share of all its probes, at once or in two steps, and gets them back at once or in two.

    `begin`, `end`: Unix seconds from the start of the series; bins are cut where they may be. `dark`: a network that
    is dark from the begin on, and for four hours or 16 bins after the end; -1 for none.
    """

    kind: Kind
    width: int
    sizes: Floats
    group: Ints
    lost: float
    begin: float
    end: float
    steps: tuple[int, int]
    noise: float
    dark: int

    @property
    def over(self) -> float:
        """When the last probe is back."""
        return self.end + (self.steps[1] - 1) * max(self.width, (self.end - self.begin) / 4)

    @property
    def beyond(self) -> float:
        """Until when the dark network is dark."""
        return self.over + max(4 * HOUR, 16 * self.width)

    def gone(self, at: Floats) -> Floats:
        """Return the share of the probes that is gone at each time."""
        whole = self.begin + (self.steps[0] - 1) * (self.end - self.begin) / 4
        part = ((self.begin <= at) & (at < self.over)) / 2
        return np.asarray(self.lost * np.where((whole <= at) & (at < self.end), 1, part))


def drawn(seed: int) -> Fault:
    """Draw a fault of a feed with two days of history."""
    rng = np.random.default_rng(seed)
    count, countries = int(rng.choice([12, 25, 40])), int(rng.choice([0, 2, 5]))
    begin = 2 * DAY + rng.uniform(0, DAY)
    return Fault(
        kind=LEVELS[seed % len(LEVELS)],
        width=int(rng.choice([900, 1800, 3600])),
        sizes=np.round(float(rng.choice([20, 200, 2000])) * np.exp(rng.choice([0, 0.5]) * rng.standard_normal(count))),
        group=np.arange(count) % countries + 1 if countries else np.zeros(count, np.int64),
        lost=float(rng.uniform(0.4, 0.95)),
        begin=begin,
        end=begin + float(np.exp(rng.uniform(np.log(2400), np.log(6 * HOUR)))),
        steps=(int(rng.integers(1, 3)), int(rng.integers(1, 3))),
        noise=float(rng.choice([0.01, 0.1])),
        dark=int(rng.integers(count)) if rng.random() < 0.5 else -1,
    )


def closed(fault: Fault, seed: int) -> Iterator[ClosedBin]:
    """Yield the bins of a feed with such a fault, until a day after it."""
    rng, rows, width = np.random.default_rng([seed, 1]), len(fault.sizes), fault.width
    yes, zeros = np.ones(rows, np.bool_), np.zeros(rows)
    for at in range(0, int(fault.over) + DAY, width):
        moments = at + (np.arange(30) + 0.5) / 30 * width
        gone = fault.gone(moments)
        share = np.full(rows, 1 - (gone[-1] if fault.kind == "gauge" else gone.mean()))
        if fault.dark >= 0 and fault.begin <= moments[-1] and moments[0] < fault.beyond:
            share[fault.dark] = 0
        season = 1 - 0.2 * np.cos(2 * np.pi * at / DAY)
        size = fault.sizes if fault.kind == "ratio" else np.ones(rows)
        value = _measured(rng, fault, share, season)
        yield ClosedBin(START + at, value, size, yes, yes, zeros, zeros, fault.group)


def _measured(rng: np.random.Generator, fault: Fault, share: Floats, season: float) -> Floats:
    noise = np.maximum(1 + fault.noise * rng.standard_normal(len(share)), 0)
    if fault.kind == "gauge":
        return np.round(fault.sizes * season * share * noise)
    if fault.kind == "count":
        return rng.poisson(fault.sizes * season * share * noise).astype(float)
    chance = 0.97 if fault.kind == "ratio" else np.clip(0.7 * season * noise, 0, 1)
    return rng.binomial(fault.sizes.astype(int), chance * share).astype(float)


def published(fault: Fault, seed: int) -> tuple[list[Change], int]:
    """Return the changes that are more than suspicions of outages from the fault on, and in how many bins it shows."""
    detector, changes, doubted = Detector(Rule(fault.kind, fault.width)), list[Change](), 0
    detector.grow(len(fault.sizes))
    for seen in closed(fault, seed):
        changes += detector.close(seen)
        doubted += detector.scalars["fault"] > 0
    since = START + fault.begin - fault.width
    until = START + fault.over + HOUR + fault.width
    certain = [change for change in changes if change.state not in ("suspected", "retracted")]
    return [change for change in certain if change.updated_at > since and change.started_at < until], doubted


@pytest.mark.parametrize("seed", range(40))
def test_only_what_is_dark_beyond_a_fault_is_an_outage(seed: int) -> None:
    """Shallow or deep, in one step or two, cut by bins or not, in large networks and in those of a few measurements."""
    fault = drawn(seed)
    changes, doubted = published(fault, seed)
    assert doubted
    assert {change.row for change in changes} == ({fault.dark} if fault.dark >= 0 else set())
    assert all(change.started_at <= START + fault.begin + fault.width for change in changes)
