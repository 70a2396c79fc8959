"""What the other series of a country leave open, what doubtful bins teach, and steps that are no quantum."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.outages import groups, level_model
from detectors.outages.detector import Detector
from detectors.types import Change, Kind, Rule
from tests.detectors.series import Matrix, bins, outages, run

HOUR, WEEKS = 3600, 14


def season(days: int, rows: int, seed: int = 1) -> Matrix:
    """Return hours of a level with a strong day, noise of two per cent."""
    hours = np.arange(24 * days)
    level = 100 * (1 + 0.4 * np.sin(2 * np.pi * hours / 24))[:, None]
    return level * (1 + 0.02 * np.random.default_rng(seed).standard_normal((len(hours), rows)))


def opened(values: Matrix, group: int | Matrix, kind: Kind = "gauge", width: int = HOUR) -> list[Change]:
    """Return the outages that a detector finds."""
    detector = Detector(Rule(kind, width))
    return outages(run(detector, bins(values, width, group=group)))


def test_an_outage_on_a_slope_costs_only_what_the_others_leave_open() -> None:
    """A seventh lost in the steepest hours is found beside eleven that do not move; alone the clock may explain it."""
    values = season(WEEKS, 12)
    values[-12:-6, 0] *= 0.86
    beside = [change.row for change in opened(values, 7)]
    alone = opened(values, np.arange(12) + 1)
    assert beside == [0]
    assert alone == []


def test_what_all_do_stays_open() -> None:
    """A clock that moves for the whole country by an hour is no outage of any."""
    values = season(2 * WEEKS, 12)
    values[-24 * WEEKS :] = values[-24 * WEEKS - 1 : -1]
    assert opened(values, 7) == []


def state_of(values: Matrix, group: Matrix, chunk: int, patch: pytest.MonkeyPatch) -> bytes:
    """Return what a detector knows that scores so many rows at a time, of blocks of ten."""
    patch.setattr(groups, "BLOCK", 10)
    patch.setattr(level_model, "CHUNK", chunk)
    detector = Detector(Rule("gauge", HOUR))
    run(detector, bins(values, HOUR, group=group))
    return b"".join(column.tobytes() for column in detector.stored.values())


def test_how_many_rows_are_scored_at_a_time_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neighbours are those of a block: here some of one rest on their first weekend, and a row of another falls."""
    values, group = season(9, 30), np.arange(30) % 10 // 9 + 1
    values[5 * 24 : 7 * 24, :5] *= 0.4
    values[5 * 24 + 9 :, 12] *= 0.5
    alone, two, all_ = (state_of(values, group, chunk, monkeypatch) for chunk in (10, 20, 40))
    assert two == alone
    assert all_ == alone


def test_a_first_sunday_is_as_its_saturday() -> None:
    """Begun on a Thursday, a row that did not rest on its first Saturday is not expected to on the Sunday."""
    hours = 24 * 7
    values = 100 * (1 + 0.02 * np.random.default_rng(2).standard_normal((hours, 1)))
    values[24 * 6 + 6 :] *= 0.65
    (change,) = opened(values, 7)
    assert change.started_at == next(bins(values, HOUR)).start + (24 * 6 + 6) * HOUR


@pytest.mark.parametrize("width", [300, 1200, 3600, 7200])
def test_nothing_healthy_is_dark_after_daily_outages(width: int) -> None:
    """Half is lost for four hours on each of twenty days: as many outages, and none in the ten healthy days after."""
    day = 86_400 // width
    values = 100 * (1 + 0.01 * np.random.default_rng(3).standard_normal((40 * day, 1)))
    for first in range(10 * day, 30 * day, day):
        values[first + 8 * 3600 // width : first + 12 * 3600 // width] *= 0.5
    assert len(opened(values, 0, width=width)) == 20


def test_an_outage_after_one_day_is_not_learnt() -> None:
    """A noisy level falls to half a day after it began, for 33 hours: it is found, and so is the next one."""
    rng = np.random.default_rng(4)
    values = 30 * (1 + 0.1 * rng.standard_normal((24 * 12 * 5, 1)))
    values[24 * 12 : 57 * 12] *= 0.5
    values[24 * 12 * 4 : 24 * 12 * 4 + 15 * 12] *= 0.5
    assert len(opened(values, 0, width=300)) == 2


def test_a_deep_run_in_wide_bins_is_not_learnt() -> None:
    """Counts of two hours, noise of a fifth, lose half for two days after eight: level and noise wait, and most open.

    Before deep runs waited for longer than shallow ones, 17 of 27 did.
    """
    day, found = 12, 0
    for seed in (1, 2, 3):
        rng = np.random.default_rng(seed)
        rates = 1000 * rng.gamma(25, 0.04, (12 * day, 9))
        rates[8 * day : 10 * day] *= 0.5
        seen = bins(rng.poisson(rates).astype(float), 7200, group=np.arange(1, 10))
        found += len({change.row for change in outages(run(Detector(Rule("count", 7200)), seen))})
    assert found >= 22


@pytest.mark.parametrize(("level", "spike"), [(20, 40), (20, 60), (20, 31), (0.2, 0.5), (1000, 2500)])
def test_a_spike_is_no_quantum(level: float, spike: float) -> None:
    """A constant gauge that once stood far higher is found dark in its first dark bin."""
    values = np.full((600, 1), level)
    values[300], values[580:] = spike, 0
    (change,) = opened(values, 0, width=300)
    assert (change.started_at, change.detected_at) == tuple(
        next(bins(values, 300)).start + bin_ * 300 for bin_ in (580, 581)
    )
