"""Record batches, batch topics, and which offset may be committed."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import faust
import numpy as np
import pytest
from aiokafka import ConsumerRecord
from faust.exceptions import ImproperlyConfigured
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.broker.batch_topic import BatchSchema, RecordBatch, batch_limits, batch_topic
from streams.broker.in_flight import InFlight
from streams.ingest.record_run import Run

TP0 = TP("measurements", 0)


def record(offset: int) -> ConsumerRecord[bytes, bytes]:
    """Return a record as aiokafka delivers it; its timestamp is 1000 ms more than the offset."""
    return ConsumerRecord(TP0.topic, TP0.partition, offset, 1000 + offset, 0, b"key", b"value", None, 3, 5, ())


def batch(*offsets: int) -> RecordBatch:
    """Return a batch of records with these offsets."""
    return RecordBatch(TP0, Run.of([record(offset) for offset in offsets]))


@dataclass
class Envelope:
    """A message around a batch, as far as InFlight looks at it."""

    value: RecordBatch
    acked: bool = False
    tracked: bool = False


def in_flight(*batches: RecordBatch) -> tuple[InFlight, list[Envelope]]:
    """Return the book of these batches, and their messages."""
    book, envelopes = InFlight(), [Envelope(batch) for batch in batches]
    for envelope in envelopes:
        book.add(envelope)
    return book, envelopes


def test_batch_names_its_first_and_last_record() -> None:
    """Offsets, the time and the size are those of its records."""
    found = batch(5, 6, 9)
    assert (found.tp, found.first_offset, found.offset, found.timestamp, len(found)) == (TP0, 5, 9, 1009, 3)
    assert found.run.offsets == [5, 6, 9]


def test_released_batch_keeps_its_place_and_loses_its_records() -> None:
    """After release the offsets and the size are known, and reading a record is an error that names the batch."""
    found = batch(5, 6)
    found.release()
    assert (found.first_offset, found.offset, len(found)) == (5, 6, 2)
    with pytest.raises(ValueError, match=r"measurements/0 5..6 .* released"):
        _ = found.run


def test_empty_batch_is_refused() -> None:
    """A batch without records has no offset, so there is none."""
    with pytest.raises(ValueError, match="at least one record"):
        RecordBatch(TP0, Run(range(0), np.zeros(0, dtype=np.int64), [], []))


def test_nothing_is_committable_before_an_acknowledgement() -> None:
    """Without an acknowledgement there is no offset to commit."""
    book, _ = in_flight(batch(0, 1))
    assert book.committable() is None


def test_commit_follows_the_acknowledged_run() -> None:
    """Acknowledged in order, the commit is behind the last acknowledged batch, and is told again when asked again."""
    book, (first, second) = in_flight(batch(0, 1), batch(2, 3))
    first.acked = True
    assert book.committable() == 2
    second.acked = True
    assert [book.committable(), book.committable()] == [4, 4]
    assert len(book) == 0


def test_commit_waits_for_a_batch_in_flight() -> None:
    """Later batches that are acknowledged first do not carry the commit past one in flight."""
    book, (first, second, third) = in_flight(batch(0, 99), batch(100, 199), batch(200, 299))
    first.acked = third.acked = True
    assert book.committable() == 100
    second.acked = True
    assert book.committable() == 300


def test_commit_goes_across_missing_offsets() -> None:
    """Offsets that compaction or a transaction took away, in a batch or between two, hold nothing back."""
    book, (first, second) = in_flight(batch(10, 17), batch(40, 41))
    first.acked = second.acked = True
    assert book.committable() == 42


@given(st.permutations(range(8)))
def test_commit_is_the_longest_acknowledged_run_in_any_order(order: list[int]) -> None:
    """Whatever the order of acknowledgement, the commit is the end of the acknowledged run from the first batch on."""
    book, envelopes = in_flight(*(batch(10 * number, 10 * number + 3) for number in range(8)))
    for done, number in enumerate(order):
        envelopes[number].acked = True
        acked = set(order[: done + 1])
        run = next((end for end in range(8) if end not in acked), 8)
        assert book.committable() == (10 * (run - 1) + 4 if run else None)


def test_first_untaken_is_where_the_agents_stand() -> None:
    """Taken batches, acknowledged or not, are behind; the first one still in a queue counts."""
    book, envelopes = in_flight(batch(0, 1), batch(2, 3), batch(4, 5))
    assert book.first_untaken() == 0
    envelopes[0].tracked = envelopes[1].tracked = True
    assert book.first_untaken() == 4
    envelopes[2].tracked = True
    assert book.first_untaken() is None


@pytest.fixture
async def app() -> faust.App:
    """Return an app that is not started."""
    return faust.App("test", broker="batchkafka://127.0.0.1:1")


def test_batch_topic_bounds_the_queue_of_its_agents(app: faust.App) -> None:
    """The buffer reaches the queue that an agent reads from, which `app.topic(maxsize=…)` does not do."""
    topic = batch_topic(app, "measurements", max_records=7, buffer=3)
    assert topic.clone(is_iterator=True).queue.maxsize == 3
    assert topic.schema.max_records == 7


def test_only_topics_with_the_schema_are_batch_topics(app: faust.App) -> None:
    """Limits name the batch topics among those that are read."""
    app.topics.add(batch_topic(app, "measurements", max_records=7))
    app.topics.add(app.topic("clock"))
    assert batch_limits(app) == {"measurements": 7}


async def test_topic_cannot_be_read_both_ways(app: faust.App) -> None:
    """One topic in batches and record by record is an error that names it."""
    app.topics.add(batch_topic(app, "measurements"))
    app.topics.add(app.topic("measurements"))
    with pytest.raises(ImproperlyConfigured, match="measurements"):
        batch_limits(app)


def test_batch_of_no_records_cannot_be_asked_for() -> None:
    """A limit below one record is refused."""
    with pytest.raises(ValueError, match="max_records"):
        BatchSchema(max_records=0)


async def test_event_carries_the_batch_and_no_key(app: faust.App) -> None:
    """Decoding passes the batch through untouched."""
    found = batch(0)
    message = SimpleNamespace(topic="measurements", key=None, value=found, headers=())
    event = await BatchSchema().compile(app)(message, propagate=True)
    assert event.value is found
    assert event.key is None


def test_other_transport_is_an_error_that_names_the_scheme(app: faust.App) -> None:
    """Under kafka:// a batch topic would deliver bytes: that is said, not passed on."""
    message = SimpleNamespace(topic="measurements", value=b"{}")
    with pytest.raises(ImproperlyConfigured, match=r"measurements .* batchkafka://"):
        BatchSchema().loads_value(app, message)
