"""The loop with threads, and receivers, sources and a journal of the test's own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from schemas.alertstate import AlertState
from streams.alerts.delivery_types import DeadNotice, Job, Outcome, RecordLocation
from streams.alerts.dispatcher import Dispatcher
from streams.alerts.metrics import AlertMetrics
from streams.alerts.metrics_recorder import MetricsRecorder
from streams.alerts.offsets import Part
from streams.alerts.revision_source import RevisionRecord
from streams.alerts.service import FORGET_EVERY, AlertService, Ports
from streams.config.alerts import AlertsSettings, Route
from tests.streams.alerts.helpers import DELIVERED, WEBHOOK, incident

TOPIC = "incidents"


class Fixed:
    """A source of these values, and a journal."""

    def __init__(self, *values: bytes | None) -> None:
        self.records = [RevisionRecord(RecordLocation(TOPIC, 0, at), value) for at, value in enumerate(values)]
        self.end, self.is_new = len(self.records), True
        self.committed: dict[Part, int] = {}
        self.states: list[AlertState] = []
        self.dead: list[tuple[str, DeadNotice]] = []
        self.rejected: list[RevisionRecord] = []
        self.forgotten: list[AlertState] = []

    def changed(self) -> Mapping[Part, int] | None:
        """Return the partition, once."""
        was, self.is_new = self.is_new, False
        return {(TOPIC, 0): 0} if was else None

    def poll(self, seconds: float) -> list[RevisionRecord]:
        """Return one record after the other."""
        return [self.records.pop(0)] if self.records else []

    def commit(self, offsets: Mapping[Part, int]) -> bool:
        """Note them."""
        self.committed.update(offsets)
        return True

    def lag(self, offsets: Mapping[Part, int]) -> dict[str, int]:
        """Return what is not settled."""
        return {TOPIC: self.end - offsets.get((TOPIC, 0), 0)}

    def ends(self) -> dict[Part, int]:
        """Return the end."""
        return {(TOPIC, 0): self.end}

    def answers(self) -> bool:
        """Say that it is there."""
        return True

    def write(self, states: Iterable[AlertState], dead: Iterable[tuple[str, DeadNotice]]) -> None:
        """Keep them."""
        self.states += states
        self.dead += dead

    def reject(self, record: RevisionRecord, detail: str) -> None:
        """Keep it."""
        self.rejected.append(record)

    def forget(self, states: Iterable[AlertState]) -> None:
        """Keep which."""
        self.forgotten += states

    def close(self) -> None:
        """Do nothing."""


def loop(
    fixed: Fixed,
    senders: Mapping[str, Callable[[Job], Outcome]],
    states: Sequence[AlertState] = (),
    clock: Callable[[], float] = time.time,
) -> tuple[AlertService, CollectorRegistry]:
    """A run for once, in which every receiver is told everything that it was not told before."""
    alerts = AlertsSettings(receivers=dict.fromkeys(senders, WEBHOOK), routes=(Route(receivers=tuple(senders)),))
    metrics = AlertMetrics(CollectorRegistry(), tuple(senders), (TOPIC,))
    world = Ports(
        source=fixed,
        delivery_log=fixed,
        senders=senders,
        read_states=lambda: list(states),
        topics={TOPIC: "incident"},
        metrics=MetricsRecorder(metrics),
        clock=clock,
        rng=Random(1),
    )
    return AlertService(Dispatcher(alerts), world, once=True), metrics.registry


def value(number: int) -> bytes:
    """An incident of that id."""
    return json.dumps(incident(1, incident_id=f"{number:016x}").message).encode()


def test_a_receiver_that_hangs_holds_up_nobody_else() -> None:
    """One hears of all three while the other hangs on the first; nothing is committed until that one has answered."""
    free, received = threading.Event(), list[str]()

    def hang(job: Job) -> Outcome:
        assert free.wait(30)
        return DELIVERED

    def receive(job: Job) -> Outcome:
        received.extend(item.notice.id for item in job.items)
        if len(received) == 3:
            seen.append(dict(fixed.committed))
            free.set()
        return DELIVERED

    seen: list[dict[Part, int]] = []
    fixed = Fixed(*map(value, range(3)))
    loop(fixed, {"hangs": hang, "receives": receive})[0].run()
    assert len(received) == 3
    assert seen == [{(TOPIC, 0): 0}]
    assert fixed.committed == {(TOPIC, 0): 3}
    assert {state.status for state in fixed.states} == {"attempted", "open"}


def test_what_is_no_incident_is_a_dead_letter_and_the_rest_is_told() -> None:
    """No JSON, also in a field that nobody reads, and a revision that was compacted away: the former are kept."""
    hidden = value(1)[:-1] + b', "more": "\xff"}'
    fixed = Fixed(b"{", hidden, None, value(1))
    run, registry = loop(fixed, {"noc": lambda _: DELIVERED})
    run.run()
    assert [record.value for record in fixed.rejected] == [b"{", hidden]
    assert fixed.committed == {(TOPIC, 0): 4}
    counted = {"receiver": "noc", "result": "delivered"}
    assert registry.get_sample_value("ebbtide_alerts_delivered_total", counted) == 1
    assert registry.get_sample_value("ebbtide_alerts_rejected_total", {"topic": TOPIC}) == 2
    assert registry.get_sample_value("ebbtide_alerts_ready") == 1


def test_it_is_ready_while_the_broker_answers() -> None:
    """Lost while nothing comes, as when nothing happens: not ready, until it is there again."""

    class Shaky(Fixed):
        """Away for the second round."""

        def answers(self) -> bool:
            """Say so."""
            rounds.append(len(rounds))
            return len(rounds) != 2

        def poll(self, seconds: float) -> list[RevisionRecord]:
            """Note what the page says, and return the next record."""
            ready.append(registry.get_sample_value("ebbtide_alerts_ready"))
            return super().poll(seconds)

    rounds, ready = list[int](), list[float | None]()
    run, registry = loop(Shaky(value(1), value(2), value(3)), {"noc": lambda _: DELIVERED})
    assert registry.get_sample_value("ebbtide_alerts_ready") == 0
    run.run()
    assert ready[:3] == [1, 0, 1]


def test_what_was_told_of_a_topic_that_no_route_wants_any_more_holds_up_nothing() -> None:
    """A receiver was told of an outage; the route for outages is gone, and incidents are told as before."""
    fixed = Fixed(value(1))
    state = AlertState(receiver="noc", subject="outage", id="0" * 16, partition=0, revision=1, status="open")
    run, registry = loop(fixed, {"noc": lambda _: DELIVERED}, states=[state])
    run.run()
    assert fixed.committed == {(TOPIC, 0): 1}
    assert registry.get_sample_value("ebbtide_alerts_open", {"receiver": "noc"}) == 1


@pytest.mark.parametrize("is_ours", [True, False])
def test_what_is_long_over_is_taken_out_after_a_commit(is_ours: bool) -> None:
    """Not when the commit is refused: then the partitions are another's, who may be writing of it."""

    class Refusing(Fixed):
        """A source whose commits may be refused."""

        def commit(self, offsets: Mapping[Part, int]) -> bool:
            """Say whether it was."""
            return is_ours

    old = AlertState(
        receiver="noc",
        subject="incident",
        id="f" * 16,
        partition=0,
        revision=9,
        status="none",
        offset=0,
        written_at="2020-01-01T00:00:00Z",
    )
    fixed = Refusing(value(1))
    clock = count(1.8e9, FORGET_EVERY).__next__
    loop(fixed, {"noc": lambda _: DELIVERED}, states=[old], clock=clock)[0].run()
    assert [state.status for state in fixed.states] == ["attempted", "open"]
    assert fixed.forgotten == ([old] if is_ours else [])


def test_what_is_under_way_at_the_end_is_taken_in() -> None:
    """Told to stop in the middle of a request, the loop waits for it, writes it down and commits."""
    fixed = Fixed(value(1))

    def stop(job: Job) -> Outcome:
        run.stopping.set()
        return DELIVERED

    run, _ = loop(fixed, {"noc": stop})
    run.run()
    assert [state.status for state in fixed.states] == ["attempted", "open"]
    assert fixed.committed == {(TOPIC, 0): 1}
