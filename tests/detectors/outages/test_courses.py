"""What holds of every course of a level, however it goes."""

from __future__ import annotations

from itertools import groupby, pairwise
from operator import attrgetter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.outages.detector import Detector
from detectors.outages.outage_lifecycle import severity
from detectors.types import Change, Kind, Rule
from tests.detectors.series import START, bins, run, watch

HOUR = 3_600
AFTER = {
    "suspected": {"open", "retracted"},
    "open": {"open", "recovering", "closed", "rebaselined", "expired"},
    "recovering": {"open", "closed", "expired"},
}
OVER = {"closed", "retracted", "rebaselined", "expired"}
PARTS = st.lists(
    st.tuples(st.integers(1, 30), st.sampled_from([0.0, 0.02, 0.3, 0.6, 0.85, 0.9, 0.95, 1.0, 1.3, 5.0, np.nan])),
    max_size=12,
)


def course(kind: Kind, parts: list[tuple[int, float]], seed: int, after: int | None) -> list[Change]:
    """All that is told of a level at shares of normal for some hours each, after four normal days."""
    share = np.concatenate([np.ones(96), *(np.full(hours, level) for hours, level in parts)])
    rng = np.random.default_rng(seed)
    level = 400 * share * (1 + 0.02 * rng.standard_normal(share.size))
    values = np.where(np.isnan(share), np.nan, np.maximum(np.nan_to_num(level), 0))
    detector = Detector(Rule(kind, HOUR, rebaseline_after=after))
    changes = run(detector, bins(np.rint(values)[:, None], HOUR))
    return changes + detector.expire(START + HOUR * len(values))


@settings(max_examples=25)
@given(st.sampled_from(["gauge", "count"]), PARTS, st.integers(0, 3), st.sampled_from([None, 24 * HOUR]))
def test_every_course_is_well_formed(kind: Kind, parts: list[tuple[int, float]], seed: int, after: int | None) -> None:
    """Revisions count up, states follow their order, and no outage comes back after its last word."""
    revisions = course(kind, parts, seed, after)
    outages = [list(group) for _, group in groupby(revisions, attrgetter("opened"))]
    assert len({own[0].opened for own in outages}) == len(outages)
    for own in outages:
        assert [change.revision for change in own] == list(range(1, len(own) + 1))
        assert own[0].state in ("suspected", "open")
        assert own[-1].state in OVER
        assert all(later.state in AFTER[earlier.state] for earlier, later in pairwise(own))
        assert len({change.detected_at for change in own if change.state != "suspected"}) <= 1
        for change in own:
            sane(change)


def sane(change: Change) -> None:
    """What holds of each revision by itself."""
    assert (
        change.started_between[0]
        <= change.started_at
        < change.started_between[1]
        <= change.detected_at
        <= change.updated_at
    )
    assert (change.ended_at is not None) is (change.state in ("closed", "rebaselined"))
    assert change.ended_at is None or change.started_at < change.ended_at <= change.updated_at
    assert [drop.at for drop in change.drops] == sorted({drop.at for drop in change.drops})
    assert change.drops[0].at == change.started_at
    assert max(change.drop, *(drop.drop for drop in change.drops)) <= change.max_drop <= 1
    assert change.severity == severity(change.max_drop)
    assert change.shape != "stepwise" or len(change.drops) >= 3


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("left", [0.0, 0.16, 0.4])
def test_no_revision_says_that_more_is_lost_than_the_bins_show(left: float, noise: float) -> None:
    """A part is lost for two days beside noise: each depth lies within three standard deviations of a bin."""
    rng = np.random.default_rng([round(100 * left), round(100 * noise)])
    values = 400 * np.maximum(1 + noise * rng.standard_normal((24 * 12, 6)), 0)
    values[24 * 9 : 24 * 11] *= left
    found = watch("gauge", HOUR, values)
    lost = [change for change in found if change.state == "open"]
    assert {change.row for change in lost} == set(range(6))
    assert all(change.max_drop <= 1 - left + 0.02 + 3 * noise * left for change in lost)
