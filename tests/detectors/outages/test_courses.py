"""What holds of every course of a level, however it goes."""

from __future__ import annotations

from itertools import groupby, pairwise
from operator import attrgetter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.outages.detector import Detector
from detectors.outages.outage_lifecycle import severity
from detectors.types import Change, Kind, Rule
from tests.detectors.series import START, bins, run

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
    share = np.concatenate([np.ones(96), *(np.full(hours, one) for hours, one in parts)])
    rng = np.random.default_rng(seed)
    level = 400 * share * (1 + 0.02 * rng.standard_normal(share.size))
    values = np.where(np.isnan(share), np.nan, np.maximum(np.nan_to_num(level), 0))
    detector = Detector(Rule(kind, HOUR, rebaseline_after=after))
    changes = run(detector, bins(np.rint(values)[:, None], HOUR))
    return changes + detector.expire(START + HOUR * len(values))


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["gauge", "count"]), PARTS, st.integers(0, 3), st.sampled_from([None, 24 * HOUR]))
def test_every_course_is_well_formed(kind: Kind, parts: list[tuple[int, float]], seed: int, after: int | None) -> None:
    """Revisions count up, states follow their order, and no outage comes back after its last word."""
    told = course(kind, parts, seed, after)
    outages = [list(those) for _, those in groupby(told, attrgetter("opened"))]
    assert len({own[0].opened for own in outages}) == len(outages)
    for own in outages:
        assert [one.revision for one in own] == list(range(1, len(own) + 1))
        assert own[0].state in ("suspected", "open")
        assert own[-1].state in OVER
        assert all(later.state in AFTER[earlier.state] for earlier, later in pairwise(own))
        assert len({one.detected_at for one in own if one.state != "suspected"}) <= 1
        for one in own:
            sane(one)


def sane(one: Change) -> None:
    """What holds of each revision by itself."""
    assert one.started_between[0] <= one.started_at < one.started_between[1] <= one.detected_at <= one.updated_at
    assert (one.ended_at is not None) is (one.state in ("closed", "rebaselined"))
    assert one.ended_at is None or one.started_at < one.ended_at <= one.updated_at
    assert [drop.at for drop in one.drops] == sorted({drop.at for drop in one.drops})
    assert one.drops[0].at == one.started_at
    assert max(one.drop, *(drop.drop for drop in one.drops)) <= one.max_drop <= 1
    assert one.severity == severity(one.max_drop)
    assert one.shape != "stepwise" or len(one.drops) >= 3
