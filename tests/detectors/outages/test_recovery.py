"""An outage that is followed: which bin a step of its level, and its end, begin with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.outages.detector import Detector
from detectors.types import Change, Rule
from tests.detectors.series import START, bins, outages, run

HOUR = 3_600
NORMAL = 200


def followed(trials: int, *successes: float) -> Change:
    """The only outage of a ratio of 95 % that falls after `NORMAL` bins of an hour; NaN is missing."""
    usual = np.random.default_rng(2).binomial(trials, 0.95, NORMAL)
    values = np.concatenate([usual, successes, np.full(12, round(0.95 * trials))])[:, None].astype(float)
    (found,) = outages(run(Detector(Rule("ratio", HOUR)), bins(values, HOUR, np.full(values.shape, trials))))
    return found


def hours(outage: Change) -> Sequence[float]:
    """When its falls were, in hours after the first bin that is not normal."""
    return [(drop.at - START) / HOUR - NORMAL for drop in outage.drops]


def test_a_step_begins_with_the_bin_that_shows_it() -> None:
    """Chance lowers the level a little for two bins before: they are no beginning of the step."""
    outage = followed(40, 20, 20, 20, 20, 16, 16, 5, 4, 4, 4, 5)
    assert hours(outage) == [0, 6]
    assert outage.drops[1].drop > 0.85


def test_a_bin_above_the_level_does_not_hide_the_step_that_follows() -> None:
    """Chance raises the level a little just before it falls: the step begins with the first low bin, not the second."""
    outage = followed(40, 20, 20, 20, 20, 25, 5, 4, 4, 4, 5)
    assert hours(outage) == [0, 5]


def test_a_poor_bin_does_not_date_the_end_later() -> None:
    """Three failures of eight just after the return may be chance, and two more: what follows is whole."""
    outage = followed(8, *[0] * 20, 8, 5, 6)
    assert outage.ended_at == START + (NORMAL + 20) * HOUR


def test_a_partial_return_does_date_the_end_later() -> None:
    """Four such bins are no chance: the end is after them."""
    outage = followed(8, *[0] * 20, 4, 5, 4, 5)
    assert outage.ended_at == START + (NORMAL + 24) * HOUR


def test_bins_missing_in_a_return_do_not_date_the_end_later() -> None:
    """It was back in the last bin before nothing was measured for four hours, and in the first after."""
    outage = followed(40, *[0] * 20, 38, *[np.nan] * 4)
    assert outage.ended_at == START + (NORMAL + 20) * HOUR
    assert outage.updated_at == START + (NORMAL + 26) * HOUR


def test_bins_missing_in_a_return_that_was_none_count_for_nothing() -> None:
    """After them it is down again: the end is that of the next return."""
    outage = followed(40, *[0] * 20, 38, *[np.nan] * 4, *[0] * 5)
    assert outage.ended_at == START + (NORMAL + 30) * HOUR
