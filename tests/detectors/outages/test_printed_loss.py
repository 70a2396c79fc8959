"""The loss and the shape that an outage is announced with: no more than the values show."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.outages.outage_lifecycle import Ongoing, RowBin, revise
from detectors.types import Change
from tests.detectors.series import START, outages, watch

HALF_HOUR, HOUR = 1_800, 3_600
OPENED = Ongoing(
    opened=START,
    revision=1,
    state="open",
    started_at=START,
    started_from=START - HOUR,
    started_to=START + HOUR,
    detected_at=START + 6 * HOUR,
    drop=0.97,
    max_drop=0.97,
    shape="sudden",
    drops=((START, 0.97),),
    evidence=15.0,
    bins=6,
    baseline="hour-of-day",
    spread=20.0,
    threshold=13.0,
    suspected_fault="",
    reason="",
)


def office(seed: int) -> list[Change]:
    """An office in half-hours for three weeks: nights and weekends are at 15 % of a working hour."""
    hours = np.arange(21 * 48) / 2
    at_work = (hours % 24 >= 8) & (hours % 24 < 18) & (hours // 24 % 7 < 5)
    noise = 1 + 0.05 * np.random.default_rng(seed).standard_normal(len(hours))
    return watch("gauge", HALF_HOUR, (300 * np.where(at_work, 1, 0.15) * noise)[:, None])


@pytest.mark.parametrize("seed", range(3))
def test_no_more_is_lost_than_the_values_show(seed: int) -> None:
    """What is left of a working hour on a weekend is about 15 %: no revision says that nearly all is lost."""
    deepest = [change.max_drop for change in office(seed)]
    assert deepest
    assert max(deepest) < 0.9


def after(bins: int, drop: float, moving: int, spread: float = 20.0, state: str = "open") -> float:
    """The deepest drop after some bins of which the last show another level; 100 is normal."""
    end = OPENED.detected_at + bins * HOUR
    seen = RowBin(0, end - HOUR, end, 100 * (1 - drop), 100.0)
    old = Ongoing(**{name: getattr(OPENED, name) for name in OPENED.__slots__} | {"spread": spread, "state": state})
    return revise(old, seen, "open", "", drop, moving).max_drop


def test_the_bins_since_the_opening_correct_an_unsure_depth() -> None:
    """No bin since the opening was so deep, and it was unsure by a fifth of normal: the level was never there."""
    assert after(3, 0.84, 3) == 0.84


@pytest.mark.parametrize(
    ("bins", "drop", "spread", "state"),
    [(8, 0.84, 20.0, "open"), (3, 0.84, 2.0, "open"), (3, 0.5, 20.0, "open"), (3, 0.84, 20.0, "recovering")],
)
def test_a_depth_that_lasted_stays(bins: int, drop: float, spread: float, state: str) -> None:
    """Bins since the opening were as deep, or it was surely so deep, or the outage has already seemed over."""
    assert after(bins, drop, 3, spread, state) == 0.97


@pytest.mark.parametrize("seed", range(2))
def test_a_sudden_fall_on_the_first_day_is_sudden(seed: int) -> None:
    """It takes hours to be sure of it, but it was as deep in its first bins."""
    hours = np.arange(16 * 12) / 12
    daily = 1 + 0.3 * np.sin(2 * np.pi * (hours - 9) / 24)
    values = 500 * daily * (1 + 0.05 * np.random.default_rng(seed).standard_normal(len(hours)))
    values[(hours >= 10) & (hours < 13)] *= 0.1
    (outage,) = outages(watch("gauge", 300, values[:, None]))
    assert (outage.shape, outage.severity) == ("sudden", "major")
