"""The rules used elsewhere flag what their definitions say, and the tap gives them the bins that ours closed."""

from __future__ import annotations

from math import inf, isnan
from pathlib import Path

import numpy as np

from detectors.evaluation.scoring import Alarm
from streams.evaluation import cases, score
from tests.scoreboard.rules import alarms, fixed_fraction, hour_of_week, river_quantile
from tests.scoreboard.simulated import SIMULATED, write
from tests.scoreboard.tap import Bins, Tap

HOUR = 3600
WEEK = 168
MONDAY = 345_600  # 1970-01-05


def hourly(values: list[float], signal: str = "traffic") -> Bins:
    """A series of hourly bins."""
    return Bins("asn/1", "feed", signal, MONDAY, HOUR, np.array(values))


def test_fixed_fraction_of_the_trailing_median() -> None:
    """Below 0.80 of the median before it, and not at it; BGP is held to 0.99, a telescope to 0.25."""
    values = [100.0, 100, 100, 80, 79, 98, 24]
    assert fixed_fraction(hourly(values)).tolist() == [False] * 4 + [True, False, True]
    assert fixed_fraction(hourly(values, "bgp")).tolist() == [False] * 3 + [True] * 4
    assert fixed_fraction(hourly(values, "telescope")).tolist() == [False] * 6 + [True]


def test_trailing_window_forgets() -> None:
    """BGP looks back 24 hours: a level that has been lower for longer than twelve is normal."""
    flags = fixed_fraction(hourly([100.0] * 30 + [50.0] * 20, "bgp"))
    assert np.flatnonzero(flags).tolist() == list(range(30, 43))


def test_hour_of_week() -> None:
    """Silent for three weeks; then an hour is held to the same hour of the weeks before, by three deviations."""
    weeks = [100.0 + shift for shift in (0, 2, -2) for _ in range(WEEK)]
    low = 100 - 3 * 1.4826 * 2
    flags = hour_of_week(hourly([*weeks, low - 0.1, low + 0.1, *[50.0] * 3]))
    assert np.flatnonzero(flags).tolist() == [504, 506, 507, 508]


def test_river_flags_falls_only() -> None:
    """After its hundred values of grace a fall far below the mean is flagged, a surge is not."""
    steady = [100.0 + index % 5 for index in range(400)]
    flags = river_quantile(hourly([*steady, 0.0, 102.0, 300.0]))
    assert flags[400]
    assert not flags[401:].any()


def test_runs_become_alarms() -> None:
    """A run is one alarm, told at the end of its first bin; a missing bin does not end it; the last may stay open."""
    nan = float("nan")
    got = alarms(fixed_fraction, [hourly([100.0] * 4 + [0, nan, 0, 100, 0])])
    times = [(alarm.started_at, alarm.detected_at, alarm.ended_at) for alarm in got]
    first, last = MONDAY + 4 * HOUR, MONDAY + 8 * HOUR
    assert times == [(first, first + HOUR, MONDAY + 7 * HOUR), (last, last + HOUR, inf)]
    assert isinstance(got[0], Alarm)


def test_tap_sees_what_was_sent(tmp_path: Path) -> None:
    """The bins of a simulated gauge are its measurements, NaN where one was lost."""
    case = cases.read(write(SIMULATED["sim-routes"], tmp_path))
    shard = score.pipeline(case, {})
    tap = Tap(shard)
    score.run(shard, case)
    bins = tap.series()
    assert len(bins) == len(SIMULATED["sim-routes"].networks)
    assert {len(series.values) for series in bins} == {671}
    lost = np.mean([np.isnan(series.values).mean() for series in bins])
    assert 0.002 < lost < 0.01
    fallen = next(series for series in bins if series.entity == "asn/64524")
    assert fallen.values[24 * 16] < 0.98 * fallen.values[24 * 10]


def test_presence_counts_the_unheard_as_up(tmp_path: Path) -> None:
    """Every bin of a presence series is a number of members between none and all; small networks are left out."""
    case = cases.read(write(SIMULATED["sim-members"], tmp_path))
    shard = score.pipeline(case, {})
    tap = Tap(shard)
    score.run(shard, case)
    bins = tap.series()
    assert 0 < len(bins) < len(SIMULATED["sim-members"].networks)
    assert not any(isnan(value) for series in bins for value in series.values)
    assert all(series.values.min() >= 0 and 5 <= series.values.max() <= 90 for series in bins)
