"""The sources of revisions when the broker is lost: one line of error, and not ready until it answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError

from streams.alerts import delivery_log, revision_source
from streams.alerts.revision_source import ASK_EVERY, DryRunSource, GroupSource, group_of
from streams.config.errors import BrokerError
from streams.config.settings import KafkaSettings

KAFKA = KafkaSettings(bootstrap_servers=("kafka.example:9092",))


class Client:
    """A consumer of kafka-python whose broker may be away: whatever asks it runs out of time."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401
        self.is_away, self.asked = False, 0

    def subscribe(self, topics: list[str], listener: Any) -> None:  # noqa: ANN401
        """Have partitions come."""
        listener.on_partitions_assigned(None)

    def assign(self, parts: list[TopicPartition]) -> None:
        """Do nothing."""

    def seek_to_beginning(self, tp: TopicPartition) -> None:
        """Do nothing."""

    def assignment(self) -> set[TopicPartition]:
        """Return what is read."""
        return {TopicPartition("incidents", 0)}

    def answer(self, *_: object, **__: object) -> Any:  # noqa: ANN401
        """Answer, or not."""
        self.asked += 1
        if self.is_away:
            raise KafkaTimeoutError("in vain")
        return {TopicPartition("incidents", 0): 7}

    def position(self, tp: TopicPartition, timeout_ms: int) -> int | None:
        """Answer, or not; the client says so without an error here."""
        return None if self.is_away else 7

    end_offsets = committed = commit = poll = answer


@pytest.fixture(autouse=True)
def _client(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def connected(kafka: KafkaSettings) -> Iterator[Any]:
        yield SimpleNamespace(list_group_offsets=lambda groups: {group_of(kafka): {}})

    monkeypatch.setattr(revision_source, "KafkaConsumer", Client)
    monkeypatch.setattr(revision_source, "connected", connected)


class Clock:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def reading(kind: str, clock: Callable[[], float] = time.monotonic) -> tuple[GroupSource | DryRunSource, Client]:
    """Return a source of the topic of incidents, and its client."""
    source: GroupSource | DryRunSource
    if kind == "group":
        source = GroupSource(KAFKA, ["incidents"], clock)
    else:
        source = DryRunSource(KAFKA, {("incidents", 0)}, clock)
    return source, cast("Client", source._consumer)


@pytest.mark.parametrize(
    ("kind", "method", "arguments"),
    [
        ("group", "changed", ()),
        ("group", "ends", ()),
        ("group", "poll", (0.1,)),
        ("group", "commit", ({("incidents", 0): 1},)),
        ("dry-run", "changed", ()),
        ("dry-run", "ends", ()),
        ("dry-run", "poll", (0.1,)),
    ],
)
def test_a_lost_broker_is_one_line_that_names_it(kind: str, method: str, arguments: tuple[Any, ...]) -> None:
    """Every method of both sources turns an error of the client into a BrokerError."""
    source, client = reading(kind)
    client.is_away = True
    with pytest.raises(BrokerError, match=r"^kafka\.example:9092: .*$") as caught:
        getattr(source, method)(*arguments)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 1


def test_no_broker_for_what_is_written_down_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The producer, which is created later, does the same."""

    def none(**_: object) -> None:
        raise KafkaTimeoutError("in vain")

    monkeypatch.setattr(delivery_log, "KafkaProducer", none)
    with pytest.raises(BrokerError, match=r"^kafka\.bootstrap_servers kafka\.example:9092: no Kafka broker answers: "):
        delivery_log.KafkaDeliveryLog(KAFKA)


@pytest.mark.parametrize("kind", ["group", "dry-run"])
def test_it_is_asked_now_and_then_whether_a_broker_is_there(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """A source asks every ten seconds, keeps the answer until then, and logs each change once."""
    clock = Clock()
    source, client = reading(kind, clock)
    answers = []
    for is_away in (False, True, True, False):
        client.is_away = is_away
        clock.now += ASK_EVERY
        answers += [source.answers() for _ in range(5)]
    assert answers == [True] * 5 + [False] * 10 + [True] * 5
    assert client.asked == 4
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert lines == ["kafka.example:9092: no broker answers", "kafka.example:9092: a broker answers again"]
