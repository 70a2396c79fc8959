"""The states of an outage, what each revision says, and what never happens."""

from __future__ import annotations

import re
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.outages.outage_lifecycle import RowBin, lost, plural, severity
from detectors.types import Change, Rule
from tests.detectors.series import START, bins, outages, run, watch

HOUR = 3_600
AFTER = {
    "suspected": {"open", "retracted"},
    "open": {"open", "recovering", "closed", "rebaselined"},
    "recovering": {"open", "recovering", "closed"},
}


def steps(*parts: tuple[int, float], seed: int = 1) -> np.ndarray:
    """A gauge of 400 with a little noise, at shares of normal for some hours each; NaN is missing."""
    level = np.concatenate([np.full(hours, 400.0 * share) for hours, share in parts])
    return (level * (1 + 0.02 * np.random.default_rng(seed).standard_normal(len(level))))[:, None]


STORIES = {
    "plain": steps((100, 1), (10, 0.1), (40, 1)),
    "staged": steps((100, 1), (20, 0.05), (20, 0.5), (40, 1)),
    "relapse": steps((100, 1), (10, 0.1), (1, 1), (10, 0.1), (40, 1)),
    "faint": steps((200, 1), (8, 0.9), (40, 1)),
    "holes": steps((100, 1), (3, np.nan), (10, 0.1), (2, np.nan), (10, 0.1), (40, 1)),
}


def announced(name: str) -> list[Change]:
    """All revisions of a story."""
    return watch("gauge", HOUR, STORIES[name])


@pytest.mark.parametrize("name", STORIES)
def test_revisions_count_up_and_states_follow_the_order(name: str) -> None:
    """Within an outage: revision after revision, no state out of place, nothing after its end."""
    changes = announced(name)
    assert changes
    for opened in {change.opened for change in changes}:
        own = [change for change in changes if change.opened == opened]
        assert [change.revision for change in own] == list(range(1, len(own) + 1))
        assert all(later.state in AFTER[earlier.state] for earlier, later in pairwise(own))
        assert all(earlier.updated_at < later.updated_at for earlier, later in pairwise(own))
        assert all(change.ended_at is None for change in own[:-1])


@pytest.mark.parametrize("name", STORIES)
def test_the_end_closes_every_outage_at_the_return(name: str) -> None:
    """All of them are normal for forty hours at the end, and the outage ended when they began."""
    ends = {(outage.state, outage.ended_at) for outage in outages(announced(name))}
    assert ends == {("closed", START + (len(STORIES[name]) - 40) * HOUR)}


def test_start_and_detection_are_apart() -> None:
    """A loss of an eighth takes some bins, and they count back to the first."""
    changes = watch("gauge", HOUR, steps((200, 1), (30, 0.88)))
    (outage,) = outages(changes)
    assert outage.started_at == START + 200 * HOUR
    assert outage.detected_at > outage.started_at + HOUR
    assert outage.severity == "partial"
    assert outage.explain["bins"] == (outage.detected_at - outage.started_at) // HOUR


def test_a_hole_before_the_fall_widens_the_start() -> None:
    """It may have begun in any of the three missing hours or the one after."""
    (outage,) = outages(announced("holes"))
    assert outage.started_between == (START + 100 * HOUR, START + 104 * HOUR)
    assert outage.started_at == START + 103 * HOUR


def test_a_relapse_goes_on_under_the_same_id_with_a_new_drop() -> None:
    """One hour of normal is told as recovering, and no end."""
    changes = announced("relapse")
    (outage,) = outages(changes)
    states = [change.state for change in changes if change.opened == outage.opened]
    assert states.index("recovering") < len(states) - 2
    assert len(outage.drops) == 2


def test_a_partial_return_is_an_update() -> None:
    """Half of it back is told once, as an open outage of a smaller drop; the severity stays that of the worst."""
    changes = announced("staged")
    halves = [change for change in changes if change.state == "open" and 0.4 < change.drop < 0.6]
    assert len(halves) == 1
    assert halves[0].severity == "total"
    assert halves[0].max_drop > 0.85


@pytest.mark.parametrize("width", [600, HOUR])
def test_the_last_users_do_not_keep_an_outage_open(width: int) -> None:
    """All gone, then 1 - exp(-t / 6 h) of it back: over within two hours of nine tenths, and nothing after it."""
    hours = np.arange(0, 72, width / HOUR)
    level = np.concatenate([np.ones(100 * HOUR // width), np.zeros(10 * HOUR // width), 1 - np.exp(-hours / 6)])
    rng = np.random.default_rng(3)
    changes = watch("gauge", width, (400 * level * (1 + 0.01 * rng.standard_normal(len(level))))[:, None])
    (outage,) = outages(changes)
    nine_tenths = START + (110 + 6 * np.log(10)) * HOUR
    assert abs((outage.ended_at or 0) - nine_tenths) <= 2 * HOUR
    assert all(change.opened == outage.opened for change in changes if change.opened >= outage.opened)


def test_what_is_missing_at_the_end_is_told_and_is_no_outage() -> None:
    """Of a total loss 7 % stay away for good: closed at the return, which says so, and a fall from there is found."""
    changes = watch("gauge", HOUR, steps((100, 1), (10, 0), (100, 0.93), (10, 0.4)))
    ended, fell = outages(changes)
    assert (ended.state, ended.ended_at) == ("closed", START + 110 * HOUR)
    assert re.search("[3-9]% below what was expected", str(ended.explain["reason"]))
    assert fell.started_at == START + 210 * HOUR


def test_the_smaller_the_loss_the_more_of_it_must_be_back() -> None:
    """Nine tenths of normal end a total loss; of a loss of a third they are a return in part."""
    (outage,) = outages(watch("gauge", HOUR, steps((100, 1), (20, 0.67), (60, 0.9))))
    assert outage.state == "open"


def test_no_revision_says_what_the_last_one_said() -> None:
    """Twenty dark hours are silent between the opening and the return."""
    changes = watch("gauge", HOUR, steps((100, 1), (200, 0.1), (20, 1)))
    assert len(changes) <= 3


def test_changes_explain_themselves() -> None:
    """Bins, baseline, spread, threshold and a sentence, all plain values."""
    opened, *_, ended = announced("plain")
    for change in (opened, ended):
        assert set(change.explain) == {"bins", "baseline", "spread", "threshold", "reason"}
        assert all(type(value) in (int, float, str) for value in change.explain.values())


def test_one_bin_is_a_bin() -> None:
    """Sentences count in English."""
    assert (plural(1), plural(2), plural(0)) == ("1 bin", "2 bins", "0 bins")
    assert "in 1 bin say" in str(announced("plain")[0].explain["reason"])


def test_numbers_of_a_change_are_plain() -> None:
    """No NumPy number leaves the detector: the messages are made of these."""
    flat = [value for change in announced("staged") for value in asdict(change).values()]
    assert {type(value) for value in flat} == {int, float, str, type(None), tuple, dict}


def test_an_open_outage_expires_with_the_feed_and_a_suspicion_is_withdrawn() -> None:
    """The feed stopped: neither is an end."""
    detector = Detector(Rule("gauge", HOUR))
    run(detector, bins(STORIES["plain"][:105], HOUR))
    (change,) = detector.expire(START + 105 * HOUR)
    assert (change.state, change.ended_at, change.value) == ("expired", None, None)
    assert detector.expire(START + 106 * HOUR) == []


@pytest.mark.parametrize(
    ("drop", "word"), [(1.0, "total"), (0.9, "total"), (0.89, "major"), (0.5, "major"), (0.1, "partial")]
)
def test_severity(drop: float, word: str) -> None:
    """Total from nine tenths, major from a half."""
    assert severity(drop) == word


def test_the_share_lost_is_that_of_the_bin() -> None:
    """Three of five is two fifths lost; more than was expected, or nothing expected, is nothing lost."""
    assert lost(RowBin(0, 0, 300, 3.0, 5.0)) == pytest.approx(0.4)
    assert lost(RowBin(0, 0, 300, 7.0, 5.0)) == lost(RowBin(0, 0, 300, 1.0, 0.0)) == 0.0
    assert lost(RowBin(0, 0, 300, 0.0, 5.0)) == 1.0
