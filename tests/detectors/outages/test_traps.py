"""The situations in which a detector usually fails, each small enough to watch whole."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pytest

from detectors.outages import recovery
from detectors.outages.detector import Detector
from detectors.outages.level_kinds import Ratio
from detectors.outages.series_state import CourseColumns, StoredColumns, over
from detectors.types import Change, Rule
from tests.detectors.outages.test_contract import copied
from tests.detectors.series import START, Matrix, bins, daily, outages, run, watch, watch_each

DAY = 86_400
HOUR = 3_600


def noisy(level: np.ndarray, seed: int, share: float = 0.02) -> np.ndarray:
    """A gauge with white noise, one series."""
    rng = np.random.default_rng(seed)
    return (level * (1 + share * rng.standard_normal(level.shape)))[:, None]


def counted(level: np.ndarray, seed: int) -> np.ndarray:
    """A Poisson count, one series."""
    return np.random.default_rng(seed).poisson(level).astype(float)[:, None]


@pytest.mark.parametrize("kind", ["gauge", "count"])
def test_the_same_four_hours_dark_eight_days_running(kind: str) -> None:
    """On 24 hours of history, every one is found, on its hour: yesterday's outage is not today's baseline."""
    level = 300 * daily(10, 600)
    starts = [DAY * day + 9 * HOUR for day in range(1, 9)]
    for at in starts:
        level[at // 600 : (at + 4 * HOUR) // 600] *= 0.05
    values = noisy(level, 1) if kind == "gauge" else counted(level, 1)
    found = outages(watch("gauge" if kind == "gauge" else "count", 600, values))
    assert [o.started_at - START for o in found] == starts
    assert [(o.ended_at or 0) - START for o in found] == [at + 4 * HOUR for at in starts]


def test_seventy_dark_nights_of_a_stream_of_one_or_two_events() -> None:
    """Each night is an outage of its own, nearly all with both ends within two bins of silence at random."""
    width, nights = 600, 70
    level = np.full((nights + 3) * DAY // width, 1.5)
    starts = [DAY * (2 + night) + 20 * HOUR for night in range(nights)]
    for at in starts:
        level[at // width : (at + 8 * HOUR) // width] = 0
    found = outages(watch("count", width, counted(level, 2)))
    assert len(found) == nights
    begun = [abs(o.started_at - START - at) for o, at in zip(found, starts, strict=True)]
    assert np.mean(np.array(begun) <= 2 * width) >= 0.9
    ends = [abs((o.ended_at or 0) - START - at - 8 * HOUR) for o, at in zip(found, starts, strict=True)]
    assert np.mean(np.array(ends) <= 2 * width) >= 0.9


def test_six_months_dark_stays_open_and_the_first_normal_bin_is_normal() -> None:
    """A trickle of one in a hundred closes nothing; the return is told at once and starts nothing new."""
    level = 200 * daily(200, 2 * HOUR)
    level[10 * 12 : 190 * 12] *= 0.01
    changes = watch("count", 2 * HOUR, counted(level, 3))
    (outage,) = outages(changes)
    assert outage.ended_at == START + 190 * DAY
    assert outage.started_at == START + 10 * DAY
    assert outage.updated_at <= START + 190 * DAY + 6 * HOUR
    assert len(changes) < 12


def test_a_return_in_stages_over_two_weeks_is_one_outage() -> None:
    """Down to a tenth, back by thirds: revisions tell the stages, the end is the last of them."""
    level = 500 * daily(40, HOUR, 0.2)
    for day, share in ((10, 0.1), (14, 0.4), (18, 0.65), (22, 0.8)):
        level[day * 24 : (day + 4) * 24] *= share
    changes = watch("gauge", HOUR, noisy(level, 4))
    (outage,) = outages(changes)
    assert (outage.started_at, outage.ended_at) == (START + 10 * DAY, START + 26 * DAY)
    assert any(change.state in ("open", "recovering") and 0.3 < change.drop < 0.7 for change in changes)
    assert len(changes) < 15


def test_stages_of_a_noisy_count_are_told_once_each() -> None:
    """Bins of ten minutes that stray by a twelfth: as many revisions as stages, nearly, and not one a wiggle."""
    level = 300 * daily(22, 600, 0.2)
    for day, share in ((6, 0.1), (10, 0.4), (14, 0.65)):
        level[day * 144 : (day + 4) * 144] *= share
    changes = watch("count", 600, counted(level, 19))
    (outage,) = outages(changes)
    assert abs((outage.ended_at or 0) - START - 18 * DAY) <= 1200
    assert len(changes) <= 12
    assert len(outage.drops) == 1


def test_a_staircase_down_is_one_outage_of_several_drops() -> None:
    """Each further fall is in the list of drops, and the shape says so."""
    level = 500 * daily(20, HOUR, 0.2)
    for hour, share in ((240, 0.75), (252, 0.5), (264, 0.25), (276, 0.02)):
        level[hour : hour + 12] *= share
    (outage,) = outages(watch("gauge", HOUR, noisy(level, 5)))
    assert len(outage.drops) >= 3
    assert outage.shape == "stepwise"
    assert outage.severity == "total"
    assert outage.started_at == START + 240 * HOUR


def test_a_slow_slide_over_a_month_is_not_absorbed() -> None:
    """Halved within thirty days, an hour at a time: found before it ends, as gradual."""
    level = 1000 * daily(75, HOUR, 0.2)
    level *= np.interp(np.arange(len(level)), [30 * 24, 60 * 24], [1.0, 0.5])
    found = outages(watch("gauge", HOUR, noisy(level, 6)))
    assert len(found) == 1
    assert found[0].detected_at < START + 65 * DAY


def test_growth_is_followed() -> None:
    """Half as much again in two months is no outage, before or after."""
    level = 1000 * daily(90, HOUR, 0.3)
    level *= np.interp(np.arange(len(level)), [10 * 24, 70 * 24], [1.0, 1.5])
    assert outages(watch("gauge", HOUR, noisy(level, 7))) == []


@pytest.mark.parametrize("hours", [1, 6, 24])
def test_a_surge_is_no_outage_and_not_learnt_into_one(hours: int) -> None:
    """Ten times as much for some hours: nothing then, nothing when it ends, nothing a day or a week later."""
    level = 300 * daily(24, HOUR)
    level[12 * 24 : 12 * 24 + hours] *= 10
    assert outages(watch("count", HOUR, counted(level, 8))) == []


def test_a_surge_on_the_first_day_is_not_expected_again() -> None:
    """The only history a series has holds a surge of two hours."""
    level = 300 * daily(4, 600)
    level[60:72] *= 8
    assert outages(watch("count", 600, counted(level, 9))) == []


def test_an_outage_leaves_no_echo() -> None:
    """A day at a fifth, then two quiet weeks: nothing 1, 7 or 14 days after."""
    level = 300 * daily(30, HOUR)
    level[10 * 24 : 11 * 24] *= 0.2
    (outage,) = outages(watch("count", HOUR, counted(level, 10)))
    assert (outage.started_at, outage.ended_at) == (START + 10 * DAY, START + 11 * DAY)


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_change_to_summer_time_is_no_outage(shift: int) -> None:
    """The whole daily pattern comes an hour earlier or later from one day on."""
    before, after = daily(15, 1800, 0.6), np.roll(daily(15, 1800, 0.6), 2 * shift)
    assert outages(watch("gauge", 1800, noisy(500 * np.concatenate([before, after]), 11))) == []


def test_a_new_network_knows_nothing_then_is_careful() -> None:
    """Half of it gone after three hours is not told; nightfall on the first day is not; the same on day three is."""
    level = 300 * daily(5, 600, 0.7)
    early = level.copy()
    early[18:24] *= 0.5
    assert outages(watch("gauge", 600, noisy(early, 12))) == []
    level[3 * 144 : 3 * 144 + 18] *= 0.3
    assert len(outages(watch("gauge", 600, noisy(level, 12)))) == 1


def test_a_dip_seen_once_on_the_only_day_of_history_is_expected_the_next_day() -> None:
    """A nightly dip to two fifths, 24 hours of history, four such days: no false alarm."""
    hour = np.arange(5 * 144) // 6 % 24
    level = np.where((hour >= 2) & (hour < 6), 160.0, 400.0)
    assert outages(watch("count", 600, counted(level, 13))) == []


def test_a_network_that_shrank_for_good_is_accepted_as_told() -> None:
    """Rebaselined as an event after the operator's time, and normal from then on."""
    level = np.where(np.arange(40 * 24) < 10 * 24, 500.0, 300.0)
    changes = watch("gauge", HOUR, noisy(level, 14), rebaseline_after=7 * DAY)
    (outage,) = outages(changes)
    assert outage.state == "rebaselined"
    assert 7 * DAY <= outage.updated_at - outage.started_at <= 8 * DAY
    never = outages(watch("gauge", HOUR, noisy(level, 14)))
    assert [o.state for o in never] == ["open"]


@pytest.mark.parametrize("levels", [10, 20])
def test_a_quantised_index(levels: int) -> None:
    """An index of few levels that flickers between neighbours is quiet; its fall by half is found."""
    rng = np.random.default_rng(15)
    values = np.round(np.clip(0.93 + 0.03 * rng.standard_normal((21 * 24, 30)), 0, 1) * levels)
    values[20 * 24 :, 0] = np.round(values[20 * 24 :, 0] * 0.5)
    assert [o.row for o in outages(watch("gauge", HOUR, values))] == [0]


@pytest.mark.parametrize("levels", [2, 3, 4])
@pytest.mark.parametrize("noise", [0.03, 0.1])
def test_an_index_of_few_levels(levels: int, noise: float) -> None:
    """One step down is most of the level, and comes now and then: quiet, but each that goes to zero is found."""
    rng = np.random.default_rng(levels)
    values = np.round(np.clip(rng.uniform(0.75, 1, 40) + noise * rng.standard_normal((21 * 24, 40)), 0, 1) * levels)
    values[20 * 24 :, ::4] = 0
    found = outages(watch("gauge", HOUR, values))
    assert {o.row for o in found if o.started_at >= START + 20 * DAY - HOUR} >= {*range(0, 40, 4)}
    assert len(found) <= 12


def test_an_index_that_never_moved_and_then_moves_by_one_step() -> None:
    """A level that was constant for weeks and is then one rounding step lower has said nothing."""
    values = np.full((20 * 24, 1), 10.0)
    values[15 * 24 :] = 9.0
    assert outages(watch("gauge", HOUR, values)) == []


SPIKES = tuple(product((40.0, 35.0, 30.0, 25.0, 12.0, 10.0), (1, 5), (0.01, 1.0, 50.0)))  # height, bins, unit


@cache
def dark_after_a_spike() -> list[list[Change]]:
    """Return the outages of constant gauges of which each once shows a spike, and which go dark two weeks later."""
    series = []
    for spike, lasts, scale in SPIKES:
        values = np.full((28 * 24 + 24, 1), 20.0)
        values[14 * 24 : 14 * 24 + lasts] = spike
        values[28 * 24 :] = 0
        series.append(values * scale)
    return [outages(changes) for changes in watch_each("gauge", HOUR, series)]


@pytest.mark.parametrize("spike", SPIKES, ids=str)
def test_a_spike_is_no_quantum(spike: tuple[float, int, float]) -> None:
    """A constant gauge that once showed something else goes dark two weeks later: open within two bins."""
    found = dark_after_a_spike()[SPIKES.index(spike)]
    assert found[-1].detected_at - (START + 28 * DAY) <= 2 * HOUR


@cache
def spiked(width: int) -> tuple[Detector, list[Change], Matrix]:
    """Return constant gauges after nine days with spikes of a height each, or one dip; what was found, and levels."""
    rng, day = np.random.default_rng(20), DAY // width
    levels = np.repeat([0.02, 3.0, 20.0, 1500.0], 10)
    values = np.tile(levels, (9 * day, 1))
    for row, height in enumerate([1.15, 1.2, 1.25, 1.5, 1.7, 2.0, 3.0, 10.0, 0.5, 0.7] * 4):
        values[rng.choice(np.arange(day, 9 * day - 5), 8 if height > 1 else 1), row] *= height
    detector = Detector(Rule("gauge", width))
    return detector, run(detector, bins(values, width, group=7)), levels


@pytest.mark.parametrize("width", [300, HOUR])
@pytest.mark.parametrize("left", [0.0, 0.5, 2 / 3])
def test_many_spikes_are_no_quantum(width: int, left: float) -> None:
    """Constant gauges with spikes of a height each, or one dip, fall: each is open within two bins, and no other."""
    detector, before, levels = spiked(width)
    fallen = bins(np.tile(left * levels, (DAY // width, 1)), width, start=START + 9 * DAY, group=7)
    found = outages([*before, *run(copied(detector), fallen)])
    assert sorted(o.row for o in found) == list(range(40))
    assert {(o.started_at - START) // width for o in found} == {9 * DAY // width}
    assert max(o.detected_at for o in found) <= START + 9 * DAY + 2 * width


@pytest.mark.parametrize("share", [0.35, 0.4, 0.5, 0.8])
@pytest.mark.parametrize("level", [0.02, 20.0, 1500.0])
def test_a_fall_is_no_quantum(share: float, level: float) -> None:
    """A gauge that was constant for days falls by more than a third: one step is no proof of a coarse scale."""
    values = np.full((60 + 12, 1), level)
    values[60:] *= 1 - share
    (found,) = outages(watch("gauge", HOUR, values))
    assert found.started_at == START + 60 * HOUR
    assert found.detected_at <= START + 64 * HOUR


def test_mostly_zeros_never_alarm() -> None:
    """An event now and then, and long silences."""
    rng = np.random.default_rng(16)
    values = rng.poisson(0.1, (9 * 144, 200)).astype(float)
    values[6 * 144 :] = 0
    assert outages(watch("count", 600, values)) == []


def test_flapping_is_few_outages_and_few_messages() -> None:
    """Half an hour down, twenty minutes up, for a day: told as one or two outages, not as thirty."""
    level = np.full(12 * 144, 400.0)
    for start in range(8 * 144, 9 * 144, 5):
        level[start : start + 3] = 0
    changes = watch("count", 600, counted(level, 17))
    assert 1 <= len(outages(changes)) <= 2
    assert changes[-1].state == "closed"


def test_a_whole_feed_falls_and_is_held_then_withdrawn() -> None:
    """Twenty networks of several countries fall in one bin and come back: suspected, then retracted, never open."""
    rng = np.random.default_rng(18)
    values = rng.poisson(200.0, (10 * 144, 20)).astype(float)
    values[1200:1212] = rng.poisson(20.0, (12, 20))
    changes = watch("count", 600, values)
    assert {change.state for change in changes} == {"suspected", "retracted"}
    assert {change.row for change in changes} == set(range(20))


def test_a_country_that_falls_whole_is_no_feed_fault() -> None:
    """The same fall, all of one country: twenty outages."""
    rng = np.random.default_rng(18)
    values = rng.poisson(200.0, (10 * 144, 20)).astype(float)
    values[1200:1212] = rng.poisson(20.0, (12, 20))
    assert len(outages(watch("count", 600, values, group=7))) == 20


def test_a_dip_while_it_comes_back_is_not_the_whole_fall_again() -> None:
    """Eight trials a bin: whole for a bin, then four of eight; what is told is no longer the level of the outage."""
    stored: StoredColumns = {
        "sums": np.array([[8.5, 1, 0.9, 0.03, 0.8]], np.float32),
        "runs": np.array([[1, 0, 1, 50, 1]], np.uint16),
        "hole": np.zeros(1, np.uint16),
        "flaps": np.array([1], np.uint8),
    }
    c = over(CourseColumns, stored)
    seen = recovery.Followed(*(np.full(1, number, np.float32) for number in (0.5, 8, 0.97, 3e-4, 200, 0.97, 1)))
    course = recovery.levels(Ratio(), c, seen)
    assert (course.back.tolist(), course.returning.tolist(), course.changed.tolist()) == ([False], [False], [True])
    assert 0.4 < c.level_ratio[0] < 1
