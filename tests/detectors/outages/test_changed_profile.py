"""An outage that is whole at the same hours of each day is a changed profile: it ends and says so."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.types import Change
from tests.detectors.series import START, Matrix, daily, outages, watch

DAY, HOUR = 86_400, 3_600
CHANGED = 14  # days of history


def changed(hours: list[int], left: float, seed: int, days: int = 35, width: int = HOUR) -> Matrix:
    """A gauge, lower at some hours of each day from one day on."""
    at = np.arange(0, days * DAY, width)
    lower = np.isin(at % DAY // HOUR, hours) & (at >= CHANGED * DAY)
    noise = 1 + 0.02 * np.random.default_rng(seed).standard_normal(len(at))
    return np.asarray(500 * daily(days, width, 0.3) * np.where(lower, left, 1) * noise)[:, None]


@pytest.mark.parametrize("left", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("hours", [[*range(0, 24, 2)], [*range(1, 24, 2)], [h for h in range(24) if h % 3]])
def test_it_ends_and_says_so(left: float, hours: list[int]) -> None:
    """Nothing stays open for longer than eight days, and what ends as a changed profile is not found again."""
    ends_and_says_so(outages(watch("gauge", HOUR, changed(hours, left, 1))), 35)


@pytest.mark.parametrize("width", [600, 7_200])
@pytest.mark.parametrize("hours", [[h for h in range(24) if h % 4 < 2], [*range(6, 10), *range(14, 18)]])
@pytest.mark.parametrize("left", [0.3, 0.6])
def test_it_ends_in_bins_of_any_width(width: int, hours: list[int], left: float) -> None:
    """The same in narrow and wide bins; the first day of the new profile shows no outage, though half of it is low."""
    ends_and_says_so(outages(watch("gauge", width, changed(hours, left, 1, 28, width))), 28)


def ends_and_says_so(found: list[Change], days: int) -> None:
    """Check that outages are short enough, and what changed profiles say and leave."""
    assert found
    assert all((o.ended_at or START + days * DAY) - o.started_at <= 8 * DAY for o in found)
    ends = [o for o in found if o.state == "rebaselined"]
    assert all("the daily profile has changed" in str(o.explain["reason"]) for o in ends)
    assert all(o.started_at < end.updated_at for end in ends for o in found)


def test_hours_that_alternate_end_as_a_changed_profile() -> None:
    """Every second hour at two fifths: one outage for a week, which ends as the new normal."""
    (outage,) = outages(watch("gauge", HOUR, changed([*range(0, 24, 2)], 0.4, 3)))
    assert outage.state == "rebaselined"
    assert outage.updated_at == START + (CHANGED + 7) * DAY


def test_an_outage_that_is_never_whole_stays_open() -> None:
    """Down to between a tenth and two fifths for three weeks, more at night: no changed profile."""
    values = changed([*range(24)], 0.4, 4)
    values[CHANGED * 24 :][np.arange(21 * 24) % 24 < 8] *= 0.25
    (outage,) = outages(watch("gauge", HOUR, values))
    assert outage.state == "open"


@pytest.mark.parametrize("width", [600, 3_600, 7_200])
def test_a_curfew_is_found_each_night(width: int) -> None:
    """Off from 22:00 to 6:00 for nine nights: each is an outage, and none a changed profile."""
    found = outages(watch("gauge", width, changed([22, 23, *range(6)], 0.01, 2, CHANGED + 9, width)))
    assert {o.state for o in found} <= {"open", "closed"}
    for night in range(START + CHANGED * DAY + 22 * HOUR, START + (CHANGED + 9) * DAY, DAY):
        assert any(o.started_at < night + 8 * HOUR and (o.ended_at or night + 1) > night for o in found)


def test_flapping_at_random_is_no_profile() -> None:
    """Hours down and up by chance, for three weeks: nothing becomes the new normal."""
    values = changed([], 1, 5)
    values[CHANGED * 24 :][np.random.default_rng(5).random(21 * 24) < 0.5] *= 0.3
    assert all(o.state != "rebaselined" for o in outages(watch("gauge", HOUR, values)))
