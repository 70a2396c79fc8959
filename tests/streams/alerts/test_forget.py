"""What is over is forgotten after a time, and never so that anybody is told of it again, whenever the process dies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.alertstate import AlertState
from streams.alerts.delivery import Effects, Origin, Outcome
from streams.alerts.desk import Desk
from streams.alerts.notice import Notice
from streams.alerts.settings import Alerts, AnyReceiver, Route
from streams.setting_types import Duration
from tests.streams.alerts.helpers import AGAIN, ALERTMANAGER, DELIVERED, PAGERDUTY, REFUSED, WEBHOOK, incident

DAY = 86_400.0
PART = ("incidents", 0)
RECEIVERS: dict[str, AnyReceiver] = {"webhook": WEBHOOK, "pagerduty": PAGERDUTY, "alertmanager": ALERTMANAGER}


class Program:
    """`ebbtide alerts` with one receiver: what it has written down and committed outlives a crash."""

    def __init__(self, log: list[Notice], receiver: str = "webhook", forget_after: float = 14 * DAY) -> None:
        self.log, self.now, self.committed = log, 1.8e9, 0
        self.settings = Alerts(
            receivers={"noc": RECEIVERS[receiver]},
            routes=(Route(receivers=("noc",)),),
            forget_after=Duration(forget_after),
        )
        self.written: dict[str, AlertState] = {}
        self.told: list[tuple[str, str]] = []  # incident, action
        self.over: set[str] = set()  # incidents whose end is known to be delivered
        self.crash()

    def crash(self) -> None:
        """Die by kill -9 and begin again."""
        self.desk, self.at = Desk(self.settings), self.committed
        self.desk.begin(self.written.values(), {PART: self.committed}, {"incident": PART[0]})

    def read(self) -> None:
        """Take the next revision."""
        if self.at < len(self.log):
            self.write(self.desk.take(self.log[self.at], Origin(*PART, self.at), self.now).values())
            self.at += 1

    def send(self, outcome: Outcome | None = DELIVERED) -> bool:
        """Send what is to be sent; no outcome: die before it is known. Say whether there was anything."""
        job, effects = self.desk.next("noc", self.now)
        self.write([effects, Effects(states=job.intents if job else [])])
        for item in job.items if job else []:
            assert item.notice.id not in self.over, f"told again: {self.told}"
            self.told += [(item.notice.id, item.action)] if outcome in (None, DELIVERED) else []
        if job and outcome:
            self.write([self.desk.land("noc", job, outcome, self.now, Random(1))])
            ended = {item.notice.id for item in job.items if item.action == "ended"}
            self.over |= ended if outcome == DELIVERED else set()
        elif job:
            self.crash()
        return job is not None and bool(job.items)

    def commit(self) -> None:
        """Commit, and forget what may be forgotten."""
        self.committed = self.desk.offsets.settled()[PART]
        for state in self.desk.forget({PART: self.committed}, self.now):
            del self.written[state.id]

    def write(self, effects: Iterable[Effects]) -> None:
        """Write down; an end that is a dead letter is told by that."""
        for one in effects:
            self.written |= {state.id: state for state in one.states}
            self.told += [(dead.notice.id, "ended") for dead in one.dead if dead.notice.phase == "over"]

    def finish(self) -> None:
        """Read one after the other, and send what follows of each."""
        while self.at < len(self.log) or self.desk.outboxes["noc"].waiting:
            self.read()
            self.send()
            self.now += 600
        self.commit()


def course(number: int) -> list[Notice]:
    """An incident that begins, spreads and ends."""
    name = f"{number:016x}"
    return [incident(at, state, incident_id=name) for at, state in enumerate(("ongoing", "spreading", "ended"), 1)]


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
    program = Program([next(courses[number]) for number in order], receiver, forget_after=60.0)
    for step in steps:
        STEPS[step](program)
        program.now += 600
    program.crash()
    program.finish()
    assert set(dict(program.told).values()) <= {"ended"}
    program.commit()
    assert program.written == {}
    assert program.desk.outboxes["noc"].past == {}


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
