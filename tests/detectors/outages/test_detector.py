"""The contract of a detector: score before learn, no input mutated, state that copies exactly, determinism."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.outages.outage_lifecycle import Ongoing
from detectors.types import ClosedBin, Kind, Rule
from tests.detectors.series import START, bins, daily, outages, run, watch

KINDS: tuple[Kind, ...] = ("gauge", "count", "distinct", "ratio")
HOURS = 24 * 6


def recorded(kind: Kind, seed: int = 1) -> list[ClosedBin]:
    """Twelve series of six days by the hour, with a day of darkness in one of them and some bins missing."""
    rng = np.random.default_rng(seed)
    usual = 80 * daily(6, 3600)[:, None] * np.ones(12)
    usual[100:124, 3] *= 0.02
    if kind == "ratio":
        size = np.full((HOURS, 12), 100.0)
        return list(bins(rng.binomial(100, usual / 120).astype(float), 3600, size))
    values = rng.poisson(usual).astype(float)
    values[rng.random(values.shape) < 0.02] = np.nan
    return list(bins(values, 3600))


def copied(old: Detector) -> Detector:
    """A detector rebuilt from copies of the four parts of another's state."""
    new = Detector(old.rule)
    new.grow(old.rows)
    for name, column in old.stored.items():
        new.stored[name][:] = column.copy()
    new.slots[:] = old.slots.copy()
    new.ongoing.update({row: Ongoing(**asdict(one)) for row, one in old.ongoing.items()})
    new.scalars.update(old.scalars)
    return new


@pytest.mark.parametrize("kind", KINDS)
def test_finds_the_dark_day_and_nothing_else(kind: Kind) -> None:
    """One outage, in the dark row, with both ends exact and told as total."""
    (outage,) = outages(run(Detector(Rule(kind, 3600)), iter(recorded(kind))))
    assert (outage.row, outage.state, outage.severity) == (3, "closed", "total")
    assert (outage.started_at, outage.ended_at) == (START + 100 * 3600, START + 124 * 3600)
    assert outage.detected_at <= START + 103 * 3600


@pytest.mark.parametrize("kind", KINDS)
def test_state_copied_in_mid_outage_continues_with_the_same_bytes(kind: Kind) -> None:
    """Columns, profiles, outages and scalars are all the state there is."""
    story = recorded(kind)
    whole = Detector(Rule(kind, 3600))
    run(whole, iter(story[:110]))
    other = copied(whole)
    assert run(whole, iter(story[110:])) == run(other, iter(story[110:]))
    assert all(np.array_equal(whole.stored[name], other.stored[name], equal_nan=True) for name in whole.stored)
    assert np.array_equal(whole.slots, other.slots)


@pytest.mark.parametrize("kind", KINDS)
def test_input_is_not_mutated(kind: Kind) -> None:
    """What is shown to a detector stays as it was."""
    story = recorded(kind)
    before = [{k: np.copy(v) for k, v in asdict(one).items()} for one in story]
    run(Detector(Rule(kind, 3600)), iter(story))
    for one, old in zip(story, before, strict=True):
        assert all(np.array_equal(value, old[name], equal_nan=True) for name, value in asdict(one).items())


def test_rows_do_not_know_each_other() -> None:
    """A row alone tells what it tells among others: chunks and neighbours change nothing."""
    story = recorded("count")
    together = [c for c in run(Detector(Rule("count", 3600)), iter(story)) if c.row == 3]
    alone = [
        ClosedBin(
            o.start, *(getattr(o, n)[3:4] for n in ("value", "size", "present", "alive", "lost", "back", "group"))
        )
        for o in story
    ]
    assert [replace(c, row=3) for c in run(Detector(Rule("count", 3600)), iter(alone))] == together


def test_sums_do_not_depend_on_how_many_rows_fall() -> None:
    """Shares so small that rounding makes evidence of them: the same sums whether all rows are computed or a few."""
    rng = np.random.default_rng(1)
    tiny = 0.1 * (1 + 0.01 * rng.standard_normal((60, 4)))
    slope = np.linspace(0, 2_000, 60)[:, None] * np.ones(36)
    rising, falling = (np.hstack([tiny, 5_000 + sign * slope]) for sign in (1, -1))
    few, many = Detector(Rule("ratio", 3600)), Detector(Rule("ratio", 3600))
    trials = np.full(rising.shape, 1e4)
    for one, other in zip(bins(rising, 3600, trials), bins(falling, 3600, trials), strict=True):
        run(few, iter([one]))
        run(many, iter([other]))
        assert np.array_equal(few.state.store.falls.evidence[:4], many.state.store.falls.evidence[:4])


def test_scores_before_it_learns() -> None:
    """The expected value of a bin does not know the bin's own value."""
    one, other = (Detector(Rule("gauge", 3600)) for _ in range(2))
    story = recorded("gauge")[:60]
    run(one, iter(story))
    run(other, iter([*story[:-1], replace(story[-1], value=story[-1].value * 1.5)]))
    assert np.array_equal(one.deviations().expected, other.deviations().expected, equal_nan=True)


def test_warming_up_is_nan() -> None:
    """No deviation before there is a baseline, then one."""
    detector = Detector(Rule("gauge", 3600))
    story = recorded("gauge")
    run(detector, iter(story[:3]))
    assert np.isnan(detector.deviations().expected).all()
    run(detector, iter(story[3:30]))
    assert np.isfinite(detector.deviations().expected[story[29].present]).all()


def test_a_reset_row_is_new_and_the_others_are_not() -> None:
    """A row that was forgotten starts again in warm-up."""
    detector = Detector(Rule("count", 3600))
    run(detector, iter(recorded("count")[:50]))
    kept = {name: column[1:].copy() for name, column in detector.stored.items()}
    detector.reset(np.array([0]))
    fresh = Detector(Rule("count", 3600))
    fresh.grow(1)
    assert all(np.array_equal(detector.stored[n][:1], fresh.stored[n], equal_nan=True) for n in detector.stored)
    assert all(np.array_equal(detector.stored[n][1:], kept[n], equal_nan=True) for n in kept)
    assert (detector.slots[0] == -1).all()


def test_rows_that_do_not_exist_yet_are_left_alone() -> None:
    """A bin before a series' first measurement changes nothing of it."""
    detector = Detector(Rule("count", 3600))
    detector.grow(2)
    before = {name: column[1:].copy() for name, column in detector.stored.items()}
    values = np.full((40, 2), 50.0)
    values[:, 1] = np.nan
    run(detector, bins(values, 3600))
    assert all(np.array_equal(detector.stored[name][1:], before[name], equal_nan=True) for name in before)


def test_state_per_row_is_bounded() -> None:
    """All columns that change with each bin stay near 90 bytes a row, and all state below 1.5 kB."""
    detector = Detector(Rule("count", 300))
    detector.grow(10)
    hot = sum(column.nbytes for column in detector.stored.values()) / 10
    assert hot <= 104
    assert hot + detector.slots.nbytes / 10 <= 1_500


def test_dirty_slots_name_the_hours_that_ended() -> None:
    """One slot is written per hour, when it ends; the day that gives a row its profile writes them all."""
    detector = Detector(Rule("count", 600))
    story = list(bins(np.full((6 * 26, 1), 50.0), 600))
    run(detector, iter(story[:5]))
    assert detector.dirty_slots() == ()
    run(detector, iter(story[5:6]))
    assert detector.dirty_slots() == (0,)
    run(detector, iter(story[6 : 6 * 25]))
    assert len(detector.dirty_slots()) == 168
    run(detector, iter(story[6 * 25 :]))
    assert detector.dirty_slots() == (7 * 1 + 1,)


def test_a_total_loss_of_a_large_count_is_told_after_one_bin() -> None:
    """Twenty or more a bin, then none."""
    rng = np.random.default_rng(5)
    values = rng.poisson(25.0, (12 * 50, 20)).astype(float)
    values[-1] = 0
    told = watch("count", 300, values, group=1)
    assert {change.row for change in told if change.state == "open"} == set(range(20))
