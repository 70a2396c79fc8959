"""Claims that time has leapt: held, believed, refuted."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from detectors.clock_leaps import ROOM, Claim, LeapGuard

STEP, LATENESS = 600.0, 60.0


OFFSETS = count()


def claim_of(ts: float, who: str, item: str | None = None, message: int | None = None) -> Claim[str]:
    """Return a claim in a message of its own, unless one is named."""
    return Claim(ts, who, item or who, next(OFFSETS) if message is None else message)


def guard() -> LeapGuard[str]:
    """Nothing held yet."""
    return LeapGuard(STEP, LATENESS)


def test_a_lone_claim_is_held_until_it_is_refuted() -> None:
    """It is believed by nobody, and given back when the next voice speaks against it."""
    leaps = guard()
    assert leaps.claim(claim_of(5000.0, "a", "x"), active=10) == []
    assert leaps.settle(4000.0) == ([], ["x"])
    assert leaps.pending == []
    assert leaps.settle(4000.0) == ([], [])


def test_a_claim_within_lateness_of_a_voice_was_out_of_order() -> None:
    """The first after a gap is the newest of a few; one that is further ahead still is refuted with it."""
    leaps = guard()
    leaps.claim(claim_of(5000.0, "a", "a"), active=50)
    leaps.claim(claim_of(9000.0, "b", "b"), active=50)
    assert leaps.settle(4950.0) == (["a"], ["b"])


@pytest.mark.parametrize(
    ("ts", "voice"), [([3000.0, 3941.0], 1), ([3000.0, 3001.0], 2), ([4010.0, 3955.0], 0), ([], 0)]
)
def test_late_ones_are_no_voice(ts: list[float], voice: int) -> None:
    """What is late for the feed itself, whose time is 4000, neither refutes a claim nor supports it."""
    leaps = guard()
    leaps.claim(claim_of(5000.0, "a", "a"), active=50)
    assert leaps.first_claim(np.array(ts), 4000.0) == voice


def test_where_nothing_is_held_none_decides() -> None:
    """All are taken in at once."""
    assert guard().first_claim(np.array([4001.0, 4002.0]), 4000.0) == 2


def test_half_of_the_active_are_believed_in_order_of_arrival() -> None:
    """Claims of the same one count once."""
    leaps = guard()
    for who in "aab":
        assert leaps.claim(claim_of(5000.0, who, who), active=6) == []
    assert leaps.claim(claim_of(4990.0, "c", "c"), active=6) == ["a", "a", "b", "c"]
    assert leaps.pending == []


def test_claims_that_differ_are_believed_only_where_they_agree() -> None:
    """Time moves to the earliest; one that leaps past it stays in doubt."""
    leaps = guard()
    leaps.claim(claim_of(90_000.0, "far", "far"), active=5)
    leaps.claim(claim_of(5000.0, "a", "a"), active=5)
    assert leaps.claim(claim_of(5001.0, "b", "b"), active=5) == ["a", "b"]
    assert [claim.item for claim in leaps.pending] == ["far"]


def test_a_stretch_without_a_voice_against_it_is_enough() -> None:
    """When few of many are back, time goes on nevertheless: as soon as a lone clock would have been overtaken."""
    leaps = guard()
    for n in range(4):
        assert leaps.claim(claim_of(5000.0 + 150 * n, "a", str(n)), active=1000) == []
    assert leaps.claim(claim_of(5599.0, "a", "4"), active=1000) == []
    assert leaps.claim(claim_of(5600.0, "a", "5"), active=1000) == ["0", "1", "2", "3", "4", "5"]


def test_a_clock_heard_elsewhere_confirms_what_is_in_step_with_it() -> None:
    """What is still far ahead of it stays in doubt."""
    leaps = guard()
    leaps.claim(claim_of(5000.0, "a", "a"), active=50)
    leaps.claim(claim_of(9000.0, "b", "b"), active=50)
    assert leaps.confirm(4400.0) == ["a"]
    assert [claim.item for claim in leaps.pending] == ["b"]


def test_only_what_says_something_new_waits_beyond_the_room() -> None:
    """Another entity does, and a time a second away from all others; repeated claims do not."""
    leaps = guard()
    leaps.restore(claim_of(5000.0, who, who) for who in ["a"] * (ROOM + 5) + ["b"] * 95)
    assert not leaps.has_room(5000.5, "a", active=50)
    assert leaps.has_room(5000.5, "a", active=51)
    assert leaps.has_room(5000.0, "c", active=50)
    assert leaps.has_room(5001.0, "a", active=50)
    assert leaps.has_room(4999.0, "b", active=50)


@pytest.mark.parametrize("active", [0, 6, 1000])
def test_a_message_counts_once_however_many_claims_it_has(active: int) -> None:
    """An array of half of the entities, with times that span a step, moves nothing; a second message of one does."""
    leaps = guard()
    for n in range(6):
        assert leaps.claim(claim_of(5000.0 + 600 * n, str(n % 3), message=7), active) == []
    assert (leaps.claim(claim_of(5000.0, "a", message=8), active) != []) == (active < 1000)
