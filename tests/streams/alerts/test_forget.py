"""States of ended incidents are deleted after a time, and no crash makes that repeat a message."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.config.receivers import AnyReceiver
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
    "send and die": lambda program: program.send(None),
    "fails": lambda program: program.send(AGAIN),
    "refused": lambda program: program.send(REFUSED),
    "commit": Program.commit,
    "die": Program.crash,
}


@settings(max_examples=200)
@given(
    st.permutations([0, 0, 0, 1, 1, 1, 2, 2, 2]),
    st.lists(st.sampled_from(sorted(STEPS)), min_size=20, max_size=60),
    st.sampled_from(sorted(RECEIVERS)),
)
def test_no_message_after_an_end_and_every_end_is_sent(order: list[int], steps: list[str], receiver: str) -> None:
    """States become obsolete within a step here, and a deleted one is never missed."""
    courses = [iter(course(number)) for number in range(3)]
    program = Program([next(courses[number]) for number in order], RECEIVERS[receiver], forget_after=60.0)
    for step in steps:
        STEPS[step](program)
        program.now += 600
    program.crash()
    program.finish()
    assert set(dict(program.notified).values()) <= {"ended"}
    program.commit()
    assert program.written == {}
    assert program.dispatcher.queues["noc"].states.by_key == {}


def test_an_ended_state_is_kept_for_forget_after() -> None:
    """A revision that a worker repeats in that time is moot. An open state is never deleted."""
    program = Program([*course(0), course(1)[0]])
    program.finish()
    assert {state.status for state in program.written.values()} == {"none", "open"}
    program.now += 13 * DAY
    program.commit()
    assert len(program.written) == 2
    program.log += course(0)
    program.finish()
    assert program.notified.count((course(0)[0].id, "opened")) == 1
    program.now += 100 * DAY
    program.commit()
    assert [state.status for state in program.written.values()] == ["open"]


def test_a_state_whose_revision_may_be_read_again_is_kept() -> None:
    """A failing message holds back the commit, so an incident that ended long ago is read again after a crash."""
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
    assert program.notified.count((course(0)[0].id, "opened")) == 1


@pytest.mark.parametrize("fields", [{"offset": None}, {"written_at": None}])
def test_a_state_without_offset_or_time_is_kept(fields: dict[str, None]) -> None:
    """An earlier version wrote states without them."""
    program = Program(course(0))
    program.finish()
    (state,) = program.written.values()
    program.written[state.id] = msgspec.structs.replace(state, **fields)
    program.crash()
    program.now += 100 * DAY
    program.commit()
    assert len(program.written) == 1
