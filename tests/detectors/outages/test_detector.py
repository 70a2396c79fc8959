"""What holds of a detector beyond its contract: exact sums, the size of its state, and what a snapshot must write."""

from __future__ import annotations

import numpy as np

from detectors.outages.detector import Detector
from detectors.outages.series_state import DAILY
from detectors.types import Kind, Rule
from tests.detectors.series import bins, run, watch

KINDS: tuple[Kind, ...] = ("gauge", "count", "distinct", "ratio")
HOURS = 24 * 6


def test_sums_do_not_depend_on_how_many_rows_fall() -> None:
    """Shares so small that rounding makes evidence of them: the same sums whether all rows are computed or a few."""
    rng = np.random.default_rng(1)
    tiny = 0.1 * (1 + 0.01 * rng.standard_normal((60, 4)))
    slope = np.linspace(0, 2_000, 60)[:, None] * np.ones(36)
    rising, falling = (np.hstack([tiny, 5_000 + sign * slope]) for sign in (1, -1))
    few, many = Detector(Rule("ratio", 3600)), Detector(Rule("ratio", 3600))
    trials = np.full(rising.shape, 1e4)
    alone = np.repeat([1, 0], [4, 36])  # neighbours and a fault of the feed are tested elsewhere
    for bin_, other in zip(
        bins(rising, 3600, trials, group=alone), bins(falling, 3600, trials, group=alone), strict=True
    ):
        run(few, iter([bin_]))
        run(many, iter([other]))
        assert np.array_equal(few.state.store.falls.evidence[:4], many.state.store.falls.evidence[:4])


def test_state_per_row_is_bounded() -> None:
    """Columns that change with each bin stay near 155 bytes a row, those of a day near 83, all state below 1.5 kB."""
    detector = Detector(Rule("count", 300))
    detector.grow(10)
    daily = sum(detector.stored[name].nbytes for name in DAILY) / 10
    hot = sum(column.nbytes for column in detector.stored.values()) / 10 - daily
    assert hot <= 156
    assert daily <= 84
    assert hot + daily + detector.slots.nbytes / 10 <= 1_500


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
    changes = watch("count", 300, values, group=1)
    assert {change.row for change in changes if change.state == "open"} == set(range(20))
