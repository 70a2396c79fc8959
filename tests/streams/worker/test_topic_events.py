"""What a worker keeps of the topics of outages and incidents."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock, patch

import msgspec
import pytest
from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError

from schemas.outage import Outage, encode
from streams.config.errors import BrokerError
from streams.config.settings import KafkaSettings
from streams.worker.topic_events import SILENT_SECONDS, TopicEvents, _probe
from tests.benchmarks.crowd import Crowd
from tests.benchmarks.scrape import outage

KAFKA = KafkaSettings()


def name(number: int) -> str:
    """Return the id of the outage with this number."""
    return f"{number:016x}"


def record(offset: int, made: Outage | None, key: str = "", value: bytes = b"") -> Any:  # noqa: ANN401
    """Return a record of the topic of outages."""
    text = encode(made) if made else value or None
    name_ = (made.outage_id if made else key).encode()
    return SimpleNamespace(topic=KAFKA.outages, partition=0, offset=offset, key=name_, value=text)


def made(number: int, state: Any = "open", revision: int = 1) -> Outage:  # noqa: ANN401
    """Return an outage, which was updated in a later minute the higher its number is."""
    return msgspec.structs.replace(
        outage(number, Crowd(1, 1, 1)),
        outage_id=name(number),
        state=state,
        revision=revision,
        updated_at=f"2026-01-01T00:{number:02}:00Z",
    )


def names(events: TopicEvents) -> set[str]:
    """Return the ids of the outages that are kept."""
    return {outage.outage_id for outage in events.outages.values()}


def test_the_last_record_of_a_key_counts() -> None:
    """Revisions replace each other, also from open to closed; a tombstone removes."""
    events = TopicEvents(KAFKA, 10)
    events.put([record(0, made(1)), record(1, made(2)), record(2, made(1, "closed", 2)), record(3, None, name(2))])
    (kept,) = events.outages.values()
    assert (kept.outage_id, kept.state, kept.revision) == (name(1), "closed", 2)


def test_memory_is_bounded_by_what_is_over() -> None:
    """All that lasts is kept, and the newest of what is over, in whatever order they come."""
    events = TopicEvents(KAFKA, 3)
    events.put(record(n, made(n)) for n in range(40, 50))
    events.put(record(60 - n, made(n, "closed")) for n in reversed(range(30)))
    ended = {outage.outage_id for outage in events.outages.values() if outage.state == "closed"}
    assert ended >= {name(27), name(28), name(29)}
    assert len(ended) <= 6
    assert names(events) >= {name(n) for n in range(40, 50)}


def test_a_record_that_is_no_outage_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with its place, and the others are kept."""
    events = TopicEvents(KAFKA, 3)
    events.put([record(7, None, "x", b"{}"), record(8, made(1))])
    assert names(events) == {name(1)}
    assert "topic outages, partition 0, offset 7: neither outage nor incident" in caplog.text


def test_records_that_cannot_be_read_are_counted() -> None:
    """Each is counted, and the page says how many and where the newest is."""
    counted: list[int] = []
    events = TopicEvents(KAFKA, 3, lambda: counted.append(1))
    assert events.notices() == []
    events.put([record(7, None, "x", b"{}")])
    single = (
        "1 record of the topics of outages and incidents cannot be read, the newest in topic outages, partition 0, "
    )
    assert events.notices() == [f"{single}offset 7"]
    events.put([record(8, made(1)), record(9, None, "x", b"[]")])
    assert len(counted) == 2
    assert events.notices() == [single.replace("1 record", "2 records") + "offset 9"]


def test_topics_that_are_no_longer_followed() -> None:
    """The thread that follows them has ended or hangs: after a minute the worker says so."""
    now = [100.0]
    events = TopicEvents(KAFKA, 3, clock=lambda: now[0])
    assert events.trouble is None
    with patch.object(TopicEvents, "_follow"):
        events.follow()
    now[0] += SILENT_SECONDS
    assert events.trouble is None
    now[0] += 60
    assert events.trouble == "outages and incidents have not been followed for 2 min"


@pytest.mark.parametrize("exists", [True, False])
def test_a_broker_whose_topic_was_deleted_answers(exists: bool) -> None:
    """The end of a deleted topic is no question that a broker answers in time; it is no sign that none is there."""
    consumer = SimpleNamespace(end_offsets=Mock(side_effect=KafkaTimeoutError("in 5000 ms")))
    there = {KAFKA.outages: 1} if exists else {}
    silent = pytest.raises(BrokerError, match="no Kafka broker answers: KafkaTimeoutError: in 5000 ms")
    with patch("streams.broker.topics.existing", return_value=there), silent if exists else nullcontext():
        _probe(KAFKA, consumer, [TopicPartition(KAFKA.outages, 0)])
