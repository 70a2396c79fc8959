"""What is over is forgotten after a time, and never so that anybody is told of it again, whenever the process dies."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.config.alerts import AnyReceiver
from tests.streams.alerts.helpers import AGAIN, ALERTMANAGER, PAGERDUTY, REFUSED, WEBHOOK
from tests.streams.alerts.program import DAY, Program, course

RECEIVERS: dict[str, AnyReceiver] = {
    "webhook": WEBHOOK,
    "pagerduty": PAGERDUTY,
    "pagerduty, digests": msgspec.structs.replace(PAGERDUTY, digest_over=1),
    "alertmanager": ALERTMANAGER,
}


STEPS: dict[str, Callable[[Program], object]] = {
    "read": Program.read,
    "send": Program.send,
    "send and die": lambda one: one.send(None),
    "fails": lambda one: one.send(AGAIN),
    "refused": lambda one: one.send(REFUSED),
    "commit": Program.commit,
    "die": Program.crash,
}


@settings(max_examples=200, deadline=None)
@given(
    st.permutations([0, 0, 0, 1, 1, 1, 2, 2, 2]),
    st.lists(st.sampled_from(sorted(STEPS)), min_size=20, max_size=60),
    st.sampled_from(sorted(RECEIVERS)),
)
def test_nothing_is_told_after_its_end_and_every_end_is_told(order: list[int], steps: list[str], receiver: str) -> None:
    """Whatever is over is old after the next step here: what is forgotten is never missed."""
    courses = [iter(course(number)) for number in range(3)]
    program = Program([next(courses[number]) for number in order], RECEIVERS[receiver], forget_after=60.0)
    for step in steps:
        STEPS[step](program)
        program.now += 600
    program.crash()
    program.finish()
    assert set(dict(program.told).values()) <= {"ended"}
    program.commit()
    assert program.written == {}
    assert program.dispatcher.queues["noc"].states.by_key == {}


def test_what_is_over_is_remembered_for_its_time() -> None:
    """So a revision that a worker repeats in the meantime says nothing; what goes on is never forgotten."""
    program = Program([*course(0), course(1)[0]])
    program.finish()
    assert {state.status for state in program.written.values()} == {"none", "open"}
    program.now += 13 * DAY
    program.commit()
    assert len(program.written) == 2
    program.log += course(0)
    program.finish()
    assert program.told.count((course(0)[0].id, "opened")) == 1
    program.now += 100 * DAY
    program.commit()
    assert [state.status for state in program.written.values()] == ["open"]


def test_what_is_read_again_after_a_crash_is_not_forgotten() -> None:
    """One that fails holds back the commit, so another that is long over will be read again from its beginning."""
    program = Program([course(1)[0], *course(0)], forget_after=60.0)
    program.read()
    program.send(AGAIN)
    for _ in course(0):
        program.now += 600
        program.read()
        program.send()
    program.now += 600
    program.commit()
    assert program.over == {course(0)[0].id}
    assert program.committed == 0
    program.crash()
    program.finish()
    assert program.told.count((course(0)[0].id, "opened")) == 1


@pytest.mark.parametrize("fields", [{"offset": None}, {"written_at": None}])
def test_what_does_not_say_where_and_when_it_comes_from_is_not_forgotten(fields: dict[str, None]) -> None:
    """A state that an earlier version has written stays."""
    program = Program(course(0))
    program.finish()
    (state,) = program.written.values()
    program.written[state.id] = msgspec.structs.replace(state, **fields)
    program.crash()
    program.now += 100 * DAY
    program.commit()
    assert len(program.written) == 1
