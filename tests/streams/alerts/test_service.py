"""The service with its threads; receivers, source and delivery log belong to the test."""

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


class FakeKafka:
    """A source of these values, and a delivery log that keeps what is written."""

    def __init__(self, *values: bytes | None) -> None:
        self.records = [RevisionRecord(RecordLocation(TOPIC, 0, at), value) for at, value in enumerate(values)]
        self.end, self.is_new = len(self.records), True
        self.committed: dict[Part, int] = {}
        self.states: list[AlertState] = []
        self.dead_letters: list[tuple[str, DeadNotice]] = []
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
        """Keep the offsets."""
        self.committed.update(offsets)
        return True

    def lag(self, offsets: Mapping[Part, int]) -> dict[str, int]:
        """Return the number of records from these offsets on."""
        return {TOPIC: self.end - offsets.get((TOPIC, 0), 0)}

    def ends(self) -> dict[Part, int]:
        """Return the end."""
        return {(TOPIC, 0): self.end}

    def answers(self) -> bool:
        """Return True."""
        return True

    def write(self, states: Iterable[AlertState], dead_letters: Iterable[tuple[str, DeadNotice]]) -> None:
        """Keep them."""
        self.states += states
        self.dead_letters += dead_letters

    def reject(self, record: RevisionRecord, detail: str) -> None:
        """Keep the record."""
        self.rejected.append(record)

    def forget(self, states: Iterable[AlertState]) -> None:
        """Keep the deleted states."""
        self.forgotten += states

    def close(self) -> None:
        """Do nothing."""


def service(
    kafka: FakeKafka,
    senders: Mapping[str, Callable[[Job], Outcome]],
    states: Sequence[AlertState] = (),
    clock: Callable[[], float] = time.time,
) -> tuple[AlertService, CollectorRegistry]:
    """Return a service with `once` that sends everything to every receiver, and its metrics."""
    alerts = AlertsSettings(receivers=dict.fromkeys(senders, WEBHOOK), routes=(Route(receivers=tuple(senders)),))
    metrics = AlertMetrics(CollectorRegistry(), tuple(senders), (TOPIC,))
    ports = Ports(
        source=kafka,
        delivery_log=kafka,
        senders=senders,
        read_states=lambda: list(states),
        topics={TOPIC: "incident"},
        metrics=MetricsRecorder(metrics),
        clock=clock,
        rng=Random(1),
    )
    return AlertService(Dispatcher(alerts), ports, once=True), metrics.registry


def value(number: int) -> bytes:
    """Return the message of the incident with this number."""
    return json.dumps(incident(1, incident_id=f"{number:016x}").message).encode()


def test_a_receiver_that_hangs_delays_no_other() -> None:
    """One receiver gets all three incidents while the other hangs. Nothing is committed before that one answers."""
    free, received = threading.Event(), list[str]()

    def hang(job: Job) -> Outcome:
        assert free.wait(30)
        return DELIVERED

    def receive(job: Job) -> Outcome:
        received.extend(item.notice.id for item in job.items)
        if len(received) == 3:
            seen.append(dict(kafka.committed))
            free.set()
        return DELIVERED

    seen: list[dict[Part, int]] = []
    kafka = FakeKafka(*map(value, range(3)))
    service(kafka, {"hangs": hang, "receives": receive})[0].run()
    assert len(received) == 3
    assert seen == [{(TOPIC, 0): 0}]
    assert kafka.committed == {(TOPIC, 0): 3}
    assert {state.status for state in kafka.states} == {"attempted", "open"}


def test_a_broken_record_is_a_dead_letter() -> None:
    """Broken JSON is rejected, also in a field that the decoder skips. A tombstone is skipped, the rest is sent."""
    hidden = value(1)[:-1] + b', "more": "\xff"}'
    kafka = FakeKafka(b"{", hidden, None, value(1))
    run, registry = service(kafka, {"noc": lambda _: DELIVERED})
    run.run()
    assert [record.value for record in kafka.rejected] == [b"{", hidden]
    assert kafka.committed == {(TOPIC, 0): 4}
    counted = {"receiver": "noc", "result": "delivered"}
    assert registry.get_sample_value("ebbtide_alerts_delivered_total", counted) == 1
    assert registry.get_sample_value("ebbtide_alerts_rejected_total", {"topic": TOPIC}) == 2
    assert registry.get_sample_value("ebbtide_alerts_ready") == 1


def test_the_service_is_ready_while_the_broker_answers() -> None:
    """While the broker does not answer, the service is not ready."""

    class Shaky(FakeKafka):
        """Does not answer in the second round."""

        def answers(self) -> bool:
            """Return whether it answers."""
            rounds.append(len(rounds))
            return len(rounds) != 2

        def poll(self, seconds: float) -> list[RevisionRecord]:
            """Keep the value of the metric, and return the next record."""
            ready.append(registry.get_sample_value("ebbtide_alerts_ready"))
            return super().poll(seconds)

    rounds, ready = list[int](), list[float | None]()
    run, registry = service(Shaky(value(1), value(2), value(3)), {"noc": lambda _: DELIVERED})
    assert registry.get_sample_value("ebbtide_alerts_ready") == 0
    run.run()
    assert ready[:3] == [1, 0, 1]


def test_a_state_of_a_topic_without_a_route_blocks_nothing() -> None:
    """A receiver has an open outage, but no route wants outages any more. Incidents are sent as usual."""
    kafka = FakeKafka(value(1))
    state = AlertState(receiver="noc", subject="outage", id="0" * 16, partition=0, revision=1, status="open")
    run, registry = service(kafka, {"noc": lambda _: DELIVERED}, states=[state])
    run.run()
    assert kafka.committed == {(TOPIC, 0): 1}
    assert registry.get_sample_value("ebbtide_alerts_open", {"receiver": "noc"}) == 1


@pytest.mark.parametrize("is_ours", [True, False])
def test_obsolete_states_are_deleted_after_a_commit(is_ours: bool) -> None:
    """Not after a refused commit: another process owns the partitions and may write the state."""

    class Refusing(FakeKafka):
        """A source that may refuse commits."""

        def commit(self, offsets: Mapping[Part, int]) -> bool:
            """Return whether the commit is accepted."""
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
    kafka = Refusing(value(1))
    clock = count(1.8e9, FORGET_EVERY).__next__
    service(kafka, {"noc": lambda _: DELIVERED}, states=[old], clock=clock)[0].run()
    assert [state.status for state in kafka.states] == ["attempted", "open"]
    assert kafka.forgotten == ([old] if is_ours else [])


def test_a_running_request_is_recorded_at_the_end() -> None:
    """Stopped during a request, the service waits for it, writes the state and commits."""
    kafka = FakeKafka(value(1))

    def stop(job: Job) -> Outcome:
        run.stopping.set()
        return DELIVERED

    run, _ = service(kafka, {"noc": stop})
    run.run()
    assert [state.status for state in kafka.states] == ["attempted", "open"]
    assert kafka.committed == {(TOPIC, 0): 1}
