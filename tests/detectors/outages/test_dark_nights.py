"""Nights in which nothing is left: the season of a series that was never lit in them, and no reason to miss a day."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.types import Change, Kind, Rule
from tests.detectors.series import START, Matrix, bins, outages, run, watch

DAY, HOUR = 86_400, 3_600


def nights(kind: Kind, width: int, begins: int, days: int, night: float = 0.0) -> Matrix:
    """Return levels of 200 (a gauge) or 20 (a count) from an hour of day on, `night` of it from 22:00 to 06:00."""
    rng, hour = np.random.default_rng([begins, width]), begins + np.arange(days * DAY // width) * width / HOUR
    level = np.where((hour % 24 >= 6) & (hour % 24 < 22), 1, night)[:, None]
    return rng.poisson(20 * level) if kind == "count" else 200 * level * (1 + 0.1 * rng.standard_normal(level.shape))


def found(kind: Kind, width: int, begins: int, values: Matrix) -> list[Change]:
    """Return the outages of a series that begins at an hour of a day."""
    return outages(run(Detector(Rule(kind, width)), bins(values, width, start=START + begins * HOUR)))


@pytest.mark.parametrize("kind", ["gauge", "count"])
@pytest.mark.parametrize("width", [900, HOUR])
@pytest.mark.parametrize("begins", [0, 12, 20])
@pytest.mark.parametrize("night", [0, 0.01])
def test_dark_nights_are_expected_and_a_dark_day_is_found(kind: Kind, width: int, begins: int, night: float) -> None:
    """Outages on the first four days at most; what is dark by day after two weeks is one, from its first bin on."""
    values, noon = nights(kind, width, begins, 20, night), (15 * 24 + 12 - begins) * HOUR
    values[noon // width : (noon + 2 * DAY) // width] = 0
    *early, dark = [change.started_at - START - begins * HOUR for change in found(kind, width, begins, values)]
    assert dark == noon
    assert all(started < 4 * DAY for started in early)


def test_days_of_darkness_are_no_nights() -> None:
    """Dark for three days from the first evening on, then lit: a night that goes dark two days later is found."""
    values = 200 * (1 + 0.02 * np.random.default_rng(1).standard_normal((24 * 9, 1)))
    values[14 : 14 + 72] = 0
    values[24 * 7 + 2 : 24 * 7 + 5] = 0
    assert [(change.started_at - START) // HOUR for change in outages(watch("gauge", HOUR, values))] == [14, 24 * 7 + 2]


@pytest.mark.parametrize("ends", ["expire", "withdraw", "go back"])
def test_an_outage_that_nobody_saw_end_tells_no_night(ends: str) -> None:
    """Dark on two nights and until the feed stops on the third: the next such night is an outage still."""
    values = nights("gauge", HOUR, 12, 6)
    detector, cut = Detector(Rule("gauge", HOUR)), 24 * 2 + 14
    seen = list(bins(values, HOUR, start=START + 12 * HOUR))
    run(detector, iter(seen[:cut]))
    if ends == "expire":
        detector.expire(seen[cut].start)
    elif ends == "withdraw":
        detector.withdraw(seen[cut].start, seen[cut - 6].start)
    else:
        detector.go_back(seen[cut].start, seen[cut - 6].start)
    later = outages(run(detector, iter(seen[cut + 24 - 14 + 6 - 12 :])))
    assert later


def test_a_night_that_is_lit_again_is_looked_after() -> None:
    """Nights are dark for two weeks and lit from then on: a month later a night without is an outage."""
    values = nights("gauge", HOUR, 12, 60)
    lit = nights("gauge", HOUR, 12, 60, 1.0)
    values[24 * 14 :] = lit[24 * 14 :]
    values[24 * 55 + 12 : 24 * 55 + 16] = 0
    late = [change for change in found("gauge", HOUR, 12, values) if change.started_at >= START + 20 * DAY]
    assert [change.started_at - START - 12 * HOUR for change in late] == [(24 * 55 + 12) * HOUR]
