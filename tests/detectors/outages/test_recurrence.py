"""Losses at the same hours of each day: expected after some days, until they are deeper, longer or dark."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.types import Change, Kind, Rule
from tests.detectors.series import START, Matrix, bins, daily, outages, run

DAY, HOUR = 86_400, 3_600
BEGINS = 14  # days of history
WORK = [*range(8, 20)]
NIGHT = [22, 23, *range(6)]


def level(hours: list[int], left: float, width: int = HOUR, days: int = 21, rests: bool = False) -> Matrix:
    """A level with a season that is lower at some hours of each day from one day on. `rests`: not on weekends."""
    at = np.arange(0, (BEGINS + days) * DAY, width)
    lower = np.isin(at % DAY // HOUR, hours) & (at >= BEGINS * DAY) & ~(rests & (at // DAY % 7 >= 5))
    return np.asarray(500 * daily(BEGINS + days, width, 0.3) * np.where(lower, left, 1))


def lowered(values: Matrix, day: int, hours: tuple[float, float], left: float, width: int = HOUR) -> Matrix:
    """The level with a loss more, so many days after the first of them."""
    at = np.arange(len(values)) * width - (BEGINS + day) * DAY
    return np.where((at >= hours[0] * HOUR) & (at < hours[1] * HOUR), values * left, values)


def seen(kind: Kind, values: Matrix, width: int = HOUR, seed: int = 1, noise: float = 0.02) -> list[Change]:
    """Every revision."""
    random = np.random.default_rng(seed)
    size = np.full((len(values), 1), 900.0)
    if kind == "ratio":
        drawn = random.binomial(900, values / 1_000).astype(float)
    elif kind == "count":
        drawn = random.poisson(values).astype(float)
    else:
        drawn = values * (1 + noise * random.standard_normal(len(values)))
    return run(Detector(Rule(kind, width)), bins(drawn[:, None], width, size=size))


def alerts(changes: list[Change]) -> list[int]:
    """The days after the first loss on which an outage was no longer a suspicion, and not expected."""
    loud = {c.started_at for c in changes if c.state == "open" and c.suppressed_by is None}
    return sorted({(at - START) // DAY - BEGINS for at in loud})


def alert(changes: list[Change], day: int) -> int:
    """The time of the first revision from a day on that alerts, in hours of that day."""
    first = START + (BEGINS + day) * DAY
    return min(
        (c.updated_at - first) // HOUR
        for c in changes
        if c.updated_at > first and c.state == "open" and c.suppressed_by is None
    )


@pytest.mark.parametrize(
    ("kind", "width", "hours", "left", "rests"),
    [
        ("gauge", 3_600, WORK, 0.5, False),
        ("gauge", 600, NIGHT, 0.7, False),
        ("gauge", 7_200, [*range(6, 20)], 0.3, False),
        ("count", 3_600, [9, 10], 0.5, False),
        ("count", 3_600, NIGHT, 0.4, True),
        ("ratio", 3_600, WORK, 0.6, True),
    ],
)
def test_it_is_expected_after_some_days(kind: Kind, width: int, hours: list[int], left: float, rests: bool) -> None:
    """An outage each day, as before, but no more than five alert; each later one says that the profile has changed."""
    changes = seen(kind, level(hours, left, width, rests=rests), width)
    found = outages(changes)
    assert len(found) >= (15 if rests else 21)
    assert all(o.state == "closed" for o in found[:-1])
    assert alerts(changes)[0] <= 0 and len(alerts(changes)) <= 5 and alerts(changes)[-1] <= 5
    last = found[-1].suppressed_by
    assert last is not None and last.entry_id == "recurring" and "the daily profile has changed" in last.note


@pytest.mark.parametrize(
    ("day", "hours", "left", "at"),
    [(10, (12, 16), 0.4, 14), (10, (2, 5), 0.5, 5), (10, (20, 28), 0.5, 23), (10, (10, 20), 0.01, 12)],
)
def test_a_new_loss_alerts_at_once(day: int, hours: tuple[int, int], left: float, at: int) -> None:
    """One that is deeper, at other hours, longer, or dark, beside a half that is lost from 8 to 20 h each day."""
    values = lowered(level(WORK, 0.5), day, hours, left)
    assert alert(seen("gauge", values), day) <= at


@pytest.mark.parametrize("width", [1_200, 3_600, 7_200])
def test_darkness_is_never_expected(width: int) -> None:
    """Off, or nearly, each night for three weeks: each alerts, also where the nights before lost a half."""
    values = level(NIGHT, 0.01, width)
    assert len(alerts(seen("gauge", values, width))) >= 20
    assert len(alerts(seen("gauge", level(NIGHT, 0.15, width), width))) >= 20
    half = np.where(np.arange(len(values)) * width < (BEGINS + 7) * DAY, level(NIGHT, 0.5, width), values)
    assert {*range(8, 20)} <= set(alerts(seen("gauge", half, width)))


@pytest.mark.parametrize("hours", [[*range(0, 24, 2)], [h for h in range(24) if h % 4 < 2]])
def test_hours_that_are_dark_in_turn_are_no_profile(hours: list[int]) -> None:
    """Dark at every second hour, or two: it neither ends as a changed profile nor is it expected."""
    changes = seen("gauge", level(hours, 0.0))
    assert {c.suppressed_by for c in changes} == {None}
    assert "rebaselined" not in {c.state for c in changes}


@pytest.mark.parametrize("noise", [0.02, 0.15])
def test_an_outage_that_stays_is_not_expected(noise: float) -> None:
    """Half of the level is gone for three weeks."""
    assert {c.suppressed_by for c in seen("gauge", level([*range(24)], 0.5), noise=noise)} == {None}


def test_losses_at_other_hours_each_day_are_not_expected() -> None:
    """Six hours of each day, at random: nearly each alerts."""
    random, values = np.random.default_rng(3), level([], 1)
    for day in range(21):
        first = int(random.integers(0, 18))
        values = lowered(values, day, (first, first + 6), 0.5)
    assert len(alerts(seen("gauge", values))) >= 19


@pytest.mark.parametrize(("pause", "alerts_again"), [(2, False), (6, False), (7, True), (14, True)])
def test_a_timetable_is_forgotten(pause: int, alerts_again: bool) -> None:
    """Ten days alike, then days without a loss: after a week of them the next loss alerts."""
    values = level(WORK, 0.5, days=28)
    whole = level([], 1, days=28)
    at = np.arange(len(values)) // 24 - BEGINS
    changes = seen("gauge", np.where((at >= 10) & (at < 10 + pause), whole, values))
    assert (10 + pause in alerts(changes)) == alerts_again


@pytest.mark.parametrize(("deeper", "longer"), [(0.04, 0), (0, 1)])
def test_a_loss_that_creeps_alerts_again(deeper: float, longer: int) -> None:
    """A twenty-fifth deeper, or an hour longer, on each day: what was once expected does not follow."""
    values = level([], 1)
    for day in range(14):
        values = lowered(values, day, (8, 10 + longer * day), 0.7 - deeper * day)
    assert {*range(7, 11)} <= set(alerts(seen("gauge", values)))


def test_three_hours_are_longer_than_half_an_hour() -> None:
    """Half an hour at 3 h each day, and once from 2 to 5 h: it alerts."""
    values = level([], 1, 600, days=12)
    for day in range(12):
        values = lowered(values, day, (2, 5) if day == 10 else (3, 3.5), 0.4, 600)
    loud = alerts(seen("gauge", values, 600))
    assert 10 in loud and 9 not in loud


@pytest.mark.parametrize("begins", [0, 2])
def test_a_total_loss_is_no_changed_profile(begins: int) -> None:
    """Two losses a day for a week, and then dark from before the first of them or from it on: that outage goes on."""
    values = level([], 1, days=12)
    for day in range(12):
        values = lowered(lowered(values, day, (2, 4), 0.5), day, (7, 10), 0.5)
    changes = seen("gauge", lowered(values, 7, (begins, begins + 30), 0.0))
    dark = [c for c in changes if c.max_drop > 0.9]
    assert 7 in alerts(dark) and all(c.state != "rebaselined" for c in dark)


def test_alternate_two_hours_end_as_a_changed_profile() -> None:
    """Down for two hours and up for two, each day: it ends and says so though each loss ended by itself."""
    found = outages(seen("gauge", level([h for h in range(24) if h % 4 < 2], 0.5)))
    (end,) = [o for o in found if o.state == "rebaselined"]
    assert end.updated_at <= START + (BEGINS + 10) * DAY
    assert all(o.started_at < end.updated_at for o in found)
