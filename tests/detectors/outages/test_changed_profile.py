"""An outage that is whole at the same hours of each day is a changed profile: it ends and says so."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pytest

from detectors.types import Change
from tests.detectors.series import START, Matrix, daily, outages, watch, watch_each

DAY, HOUR = 86_400, 3_600
HISTORY = 14  # days before the change
CHANGED = "the daily profile has changed"
Hours = tuple[int, ...]
Case = tuple[float, Hours]  # what is left at some hours of each day
ALTERNATE: tuple[Hours, ...] = (tuple(range(0, 24, 2)), tuple(range(1, 24, 2)), tuple(h for h in range(24) if h % 3))
SPELLS: tuple[Hours, ...] = (tuple(h for h in range(24) if h % 4 < 2), (*range(6, 10), *range(14, 18)))
OF_HOURS: tuple[Case, ...] = tuple(product((0.3, 0.5, 0.7), ALTERNATE))
OF_ANY_WIDTH: tuple[Case, ...] = tuple(product((0.3, 0.6), SPELLS))
LATER = (1, 7, 13, 19, 26, 33)  # hours after the end of an outage


def changed(hours: Hours, left: float, seed: int, days: int = 35, width: int = HOUR) -> Matrix:
    """A gauge, lower at some hours of each day from one day on."""
    at = np.arange(0, days * DAY, width)
    lower = np.isin(at % DAY // HOUR, hours) & (at >= HISTORY * DAY)
    noise = 1 + 0.02 * np.random.default_rng(seed).standard_normal(len(at))
    return np.asarray(500 * daily(days, width, 0.3) * np.where(lower, left, 1) * noise)[:, None]


@cache
def found_in(cases: tuple[Case, ...], days: int, width: int) -> dict[Case, list[Change]]:
    """Return the outages of each case by itself."""
    series = [changed(hours, left, 1, days, width) for left, hours in cases]
    return dict(zip(cases, map(outages, watch_each("gauge", width, series)), strict=True))


@pytest.mark.parametrize("case", OF_HOURS, ids=str)
def test_it_ends_and_says_so(case: Case) -> None:
    """Nothing stays open for longer than eight days, and what ends as a changed profile is not found again."""
    found = found_in(OF_HOURS, 35, HOUR)[case]
    assert 0 < longest(found, 35) <= 8 * DAY
    assert reasons(found) <= {CHANGED}
    assert found_after_a_change(found) == []


@pytest.mark.parametrize("width", [1_200, 7_200])
@pytest.mark.parametrize("case", OF_ANY_WIDTH, ids=str)
def test_it_ends_in_bins_of_any_width(width: int, case: Case) -> None:
    """The same in narrow and wide bins; the first day of the new profile shows no outage, though half of it is low."""
    found = found_in(OF_ANY_WIDTH, 28, width)[case]
    assert 0 < longest(found, 28) <= 8 * DAY
    assert reasons(found) <= {CHANGED}
    assert found_after_a_change(found) == []


def longest(found: list[Change], days: int) -> int:
    """Return the length of the longest outage in s; one that goes on lasts until the end of the days."""
    return max((o.ended_at or START + days * DAY) - o.started_at for o in found)


def rebaselined(found: list[Change]) -> list[Change]:
    """Return the outages that ended as a changed profile."""
    return [o for o in found if o.state == "rebaselined"]


def reasons(found: list[Change]) -> set[str]:
    """Return why changed profiles say that they ended, without their numbers."""
    return {str(o.explain["reason"]).rpartition(": ")[2] for o in rebaselined(found)}


def found_after_a_change(found: list[Change]) -> list[Change]:
    """Return the outages that began after another had ended as a changed profile."""
    return [o for o in found for end in rebaselined(found) if o.started_at >= end.updated_at]


def test_hours_that_alternate_end_as_a_changed_profile() -> None:
    """Every second hour at two fifths: one outage for a week, which ends as the new normal."""
    (outage,) = outages(watch("gauge", HOUR, changed(ALTERNATE[0], 0.4, 3)))
    assert outage.state == "rebaselined"
    assert outage.updated_at == START + (HISTORY + 7) * DAY


def test_an_outage_that_is_never_whole_stays_open() -> None:
    """Down to between a tenth and two fifths for three weeks, more at night: no changed profile."""
    values = changed(tuple(range(24)), 0.4, 4)
    values[HISTORY * 24 :][np.arange(21 * 24) % 24 < 8] *= 0.25
    (outage,) = outages(watch("gauge", HOUR, values))
    assert outage.state == "open"


@pytest.mark.parametrize("width", [600, 3_600, 7_200])
def test_a_curfew_is_found_each_night(width: int) -> None:
    """Off from 22:00 to 6:00 for nine nights: each is an outage, and none a changed profile."""
    found = outages(watch("gauge", width, changed((22, 23, *range(6)), 0.01, 2, HISTORY + 9, width)))
    assert {o.state for o in found} <= {"open", "closed"}
    for night in range(START + HISTORY * DAY + 22 * HOUR, START + (HISTORY + 9) * DAY, DAY):
        assert any(o.started_at < night + 8 * HOUR and (o.ended_at or night + 1) > night for o in found)


def test_flapping_at_random_is_no_profile() -> None:
    """Hours down and up by chance, for three weeks: nothing becomes the new normal."""
    values = changed((), 1, 5)
    values[HISTORY * 24 :][np.random.default_rng(5).random(21 * 24) < 0.5] *= 0.3
    found = outages(watch("gauge", HOUR, values))
    assert len(found) > 10
    assert rebaselined(found) == []


@cache
def dark_later(width: int, left: float, seed: int) -> list[tuple[int, list[Change]]]:
    """Return when nothing is left of two spells a day that have ended as a changed profile, and what two bins show.

    That is so many hours after the end as are in `LATER`.
    """
    values = changed((8, 9, 10, 11, 16, 17, 18, 19), left, seed, 28, width)
    (ended,) = (o.updated_at for o in outages(watch("gauge", width, values)) if o.state == "rebaselined")
    dark = [(ended - START) // width + -(-hour * HOUR // width) for hour in LATER]
    series = [np.where(np.arange(len(values))[:, None] < at, values, 0)[: dark[-1] + 2] for at in dark]
    begins = [START + at * width for at in dark]
    each = zip(begins, watch_each("gauge", width, series), strict=True)
    return [(begin, outages([c for c in changes if c.updated_at <= begin + 2 * width])) for begin, changes in each]


@pytest.mark.parametrize("hour", LATER)
@pytest.mark.parametrize(("width", "left", "seed"), [(1_800, 0.4, 1), (3_600, 0.3, 2), (7_200, 0.6, 3)])
def test_darkness_after_a_changed_profile_is_found(width: int, left: float, seed: int, hour: int) -> None:
    """Two spells a day became the new normal; hours later, by day, by night or within a spell, nothing is left."""
    begin, found = dark_later(width, left, seed)[LATER.index(hour)]
    assert found[-1].started_at == begin
