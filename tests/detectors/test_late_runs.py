"""Since when entities have measured late: the same however their measurements are cut, and what it says of a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.clock_agreement import SLOTS, hashes_of, slots_of
from detectors.late_runs import LateRuns


class Taken(NamedTuple):
    """A measurement: of whom, when (Unix s), and whether its bin had closed."""

    entity: int
    ts: float
    late: bool


def given_to(taken: list[Taken], cuts: list[int]) -> LateRuns:
    """Return the runs after these measurements, cut here; a snapshot is read after each part."""
    runs = LateRuns()
    for start, stop in zip([0, *cuts], [*cuts, len(taken)], strict=True):
        part = taken[start:stop]
        late = np.array([found.late for found in part], dtype=np.bool_)
        if runs.concerns(late):
            runs.note(np.array([found.entity for found in part]), np.array([found.ts for found in part]), late)
        again = LateRuns()
        again.restore(runs.stored())
        runs = again
    return runs


MEASURED = st.builds(Taken, st.integers(1, 4), st.integers(0, 9).map(float), st.booleans())


@given(taken=st.lists(MEASURED, min_size=1, max_size=30), cuts=st.lists(st.integers(0, 30), max_size=3))
def test_a_run_begins_after_the_last_that_was_on_time(taken: list[Taken], cuts: list[int]) -> None:
    """The first late measurement since then says when, one measurement looked at after the other or all at once."""
    expected: dict[int, float] = {}
    for found in taken:
        expected = expected | {found.entity: expected.get(found.entity, found.ts)} if found.late else {**expected}
        if not found.late:
            expected.pop(found.entity, None)
    runs = given_to(taken, sorted(min(cut, len(taken)) for cut in cuts))
    slots = {entity: int(slots_of(hashes_of(np.array([entity])))[0]) for entity in range(1, 5)}
    assert len(set(slots.values())) == len(slots)
    assert {entity: at for entity, slot in slots.items() if np.isfinite(at := runs.first[slot])} == expected


def test_who_is_late_as_ever_says_nothing_of_a_time() -> None:
    """One network in ten that has been late for long is left out; without a run, time is as false as it is."""
    taken = [Taken(1, 5.0, late=True), *(Taken(entity, 100.0 + entity, late=True) for entity in range(2, 21))]
    runs, everybody = given_to(taken, []), np.ones(SLOTS, dtype=np.bool_)
    assert runs.began(everybody, 0.0) in (102.0, 103.0)
    assert LateRuns().began(everybody, 7.0) == 7.0
    runs.clear()
    assert runs.stored() == []
