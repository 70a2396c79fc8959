"""What entities agree on as the time: more than half of those that measure, or whoever is left."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.clock_agreement import MOST, Agreement
from detectors.watermark import TimeRule

RULE = TimeRule(width=300, lateness=120, max_ahead=120)
Sent = tuple[int, float, int]  # entity, event time, offset of the message


def rounds(entities: Sequence[int], bins: range, ahead: dict[int, float] | None = None) -> list[Sent]:
    """Return one measurement of each entity in each bin, spread over it; `ahead`: seconds by which clocks are wrong."""
    step = 300 / len(entities)
    return [
        (entity, 300 * number + step * index + (ahead or {}).get(entity, 0.0), number * len(entities) + index)
        for number in bins
        for index, entity in enumerate(entities)
    ]


def agreed(agreement: Agreement, sent: Sequence[Sent], cuts: Sequence[int] = ()) -> list[float]:
    """Return what is agreed as each measurement has come."""
    bounds = [0, *sorted({cut for cut in cuts if cut < len(sent)}), len(sent)]
    found: list[float] = []
    for start, stop in pairwise(bounds):
        if start < stop:
            entity, ts, message = (np.array(column) for column in zip(*sent[start:stop], strict=True))
            found += agreement.take(entity, ts.astype(np.float64), message, -np.inf).tolist()
    return found


def test_nothing_is_agreed_before_an_entity_has_measured_for_a_bin() -> None:
    """The first clock may be the wrong one."""
    found = agreed(Agreement(RULE), rounds(range(10), range(6), {0: 5000.0}))
    assert set(found[:10]) == {-np.inf}
    assert 600 < found[-1] <= 1800


@settings(deadline=None)
@given(st.integers(3, 60), st.integers(0, 2**32), st.booleans())
def test_a_minority_of_wrong_clocks_never_leads(many: int, seed: int, shuffled: bool) -> None:
    """Each wrong by another amount, forwards or back: no right clock is passed, and time goes on."""
    rng = random.Random(seed)
    entities = list(range(many))
    if shuffled:
        rng.shuffle(entities)
    wrong = {entity: rng.uniform(-4000, 4000) for entity in entities[: (many - 1) // 2]}
    sent = rounds(entities, range(20, 44), wrong)
    for time, (entity, ts, _) in zip(agreed(Agreement(RULE), sent), sent, strict=True):
        assert time <= ts - wrong.get(entity, 0.0)
    assert time >= 300 * 38


@settings(deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 900), max_size=5))
def test_cuts_change_nothing(seed: int, cuts: list[int]) -> None:
    """Random entities at random times, some far ahead, several in a message: the same is agreed, the same is kept."""
    rng = random.Random(seed)
    sent = [(rng.randrange(6), 20.0 * n + rng.choice([0, 0, 0, -90, 400, 900]), n // 3) for n in range(900)]
    whole, parts = Agreement(RULE), Agreement(RULE)
    assert agreed(whole, sent) == agreed(parts, sent, cuts)
    assert [getattr(whole, name) for name in Agreement.SCALARS] == [getattr(parts, name) for name in Agreement.SCALARS]
    for name in Agreement.COLUMNS:
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


@pytest.mark.parametrize("left", [1, 6, 20])
@pytest.mark.parametrize("many", [40, 200, 3 * MOST])
def test_those_that_are_left_are_followed(many: int, left: int) -> None:
    """Most fall silent at once: nobody contradicts the rest, so time goes on with them, a bin behind."""
    agreement = Agreement(RULE)
    agreed(agreement, rounds(range(1, 1 + many), range(6)))
    sent = [(entity, ts, message + 99 * many) for entity, ts, message in rounds(range(1, 1 + left), range(6, 20))]
    lags = [ts - time for (_, ts, _), time in zip(sent, agreed(agreement, sent), strict=True)]
    assert max(lags) <= 3 * 300
    assert max(lags[2 * left :]) <= 300 + 1


def test_of_those_left_a_wrong_clock_is_outvoted() -> None:
    """A sample of the many has none of the few that are left: it is widened until it has."""
    agreement, many = Agreement(RULE), 6 * MOST
    agreed(agreement, rounds(range(1, 1 + many), range(6)))
    assert agreement.sample
    few = rounds(range(1, 8), range(6, 1500), {3: 500.0})
    time = agreed(agreement, [(entity, ts, message + 99 * many) for entity, ts, message in few])[-1]
    assert 300 * 1480 <= time <= 300 * 1500


def test_a_backlog_of_a_fast_clock_leads_nobody() -> None:
    """It begins late: who sends that catches up, though nobody measures meanwhile."""
    agreement = Agreement(RULE)
    sent = rounds(range(1, 11), range(12))
    agreed(agreement, sent)
    backlog = [(99, 300.0 * n + 500, 900 + n) for n in range(6, 12)]
    assert max(agreed(agreement, backlog)) <= sent[-1][1]


def test_one_message_moves_nothing() -> None:
    """However many times ahead it holds of however few entities: the others have not measured them."""
    agreement = Agreement(RULE)
    sent = rounds(range(10), range(8))
    agreed(agreement, sent)
    forged = [(3, 2500.0 + 300 * n, 999) for n in range(6)]
    assert max(agreed(agreement, forged)) <= max(ts for _, ts, _ in sent)


def test_of_many_entities_a_sample_is_asked() -> None:
    """More than there are slots for: the state stays as it is, and 40 % of them ahead lead nobody."""
    rng, agreement = random.Random(1), Agreement(RULE)
    entities = rng.sample(range(1, 400_000), 3 * MOST)
    sent = rounds(entities, range(10), {entity: 500.0 for entity in entities if rng.random() < 0.4})
    now = [message * 300 / len(entities) for *_, message in sent]
    assert all(time <= at for time, at in zip(agreed(agreement, sent), now, strict=True))
    assert agreement.sample > 0
    assert agreement.agreed >= 300 * 7
