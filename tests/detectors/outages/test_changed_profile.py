"""An outage that is whole at the same hours of each day is a changed profile: it ends and says so."""

from __future__ import annotations

import numpy as np
import pytest

from tests.detectors.series import START, Matrix, daily, outages, watch

DAY, HOUR = 86_400, 3_600
CHANGED = 14  # days of history


def changed(hours: list[int], left: float, seed: int, days: int = 35) -> Matrix:
    """An hourly gauge, lower at some hours of each day from one day on."""
    at = np.arange(days * 24)
    lower = np.isin(at % 24, hours) & (at >= CHANGED * 24)
    noise = 1 + 0.02 * np.random.default_rng(seed).standard_normal(days * 24)
    return np.asarray(500 * daily(days, HOUR, 0.3) * np.where(lower, left, 1) * noise)[:, None]


@pytest.mark.parametrize("left", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("hours", [[*range(0, 24, 2)], [*range(1, 24, 2)], [h for h in range(24) if h % 3]])
@pytest.mark.parametrize("seed", [1, 2])
def test_it_ends_and_says_so(left: float, hours: list[int], seed: int) -> None:
    """Nothing stays open for longer than eight days, and what ends as a changed profile is not found again."""
    found = outages(watch("gauge", HOUR, changed(hours, left, seed)))
    assert all((o.ended_at or START + 35 * DAY) - o.started_at <= 8 * DAY for o in found)
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


def test_flapping_at_random_is_no_profile() -> None:
    """Hours down and up by chance, for three weeks: nothing becomes the new normal."""
    values = changed([], 1, 5)
    values[CHANGED * 24 :][np.random.default_rng(5).random(21 * 24) < 0.5] *= 0.3
    assert all(o.state != "rebaselined" for o in outages(watch("gauge", HOUR, values)))
