"""The transport's consumer without a broker: fetches, seeks, rebalances and acknowledgements in every awkward order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError
from faust.types import TP, Message

from streams.broker.transport import Consumer, Transport, batch_topic, lag

BATCHED = TP("measurements", 0)
OTHER = TP("clock", 0)
NOW_MS = 1_000_000_000_000


def records(tp: TP, start: int, stop: int) -> list[ConsumerRecord[bytes, bytes]]:
    """Return records of these offsets."""
    return [ConsumerRecord(*tp, at, NOW_MS + at, 0, b"key", b"value", None, 3, 5, ()) for at in range(start, stop)]


class Log:
    """Stands for the consumer's thread: partitions of an endless log, a position in each, and what was committed."""

    def __init__(self) -> None:
        self.committed: dict[TP, int] = {}
        self.states = {tp: self.state() for tp in (BATCHED, OTHER)}
        self.asked: list[set[TP]] = []
        self.seeks: list[tuple[TP, int]] = []
        self.per_fetch = 5
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        self.gone = False
        self.resets: set[TP] = set()

    def state(self) -> SimpleNamespace:
        """Return what aiokafka knows of a partition just assigned."""
        return SimpleNamespace(has_valid_position=True, position=0, highwater=1000, lso=900, timestamp=NOW_MS)

    def assignment(self) -> set[TP]:
        """Return the assigned partitions."""
        return set(self.states)

    async def getmany(self, wanted: set[TP], timeout: float) -> Mapping[TP, list[Any]]:
        """Read on in the wanted partitions, and let something happen meanwhile."""
        self.asked.append(wanted)
        found = {TopicPartition(*tp): self.read(tp) for tp in sorted(wanted)}
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return found

    def read(self, tp: TP) -> list[Any]:
        """Take the next records of a partition."""
        state = self.states[tp]
        start, state.position = state.position, state.position + self.per_fetch
        return records(tp, start, state.position)

    async def seek_to_committed(self) -> Mapping[TopicPartition, int | None]:
        """Go to what is committed where something is, as aiokafka does."""
        for tp, offset in self.committed.items():
            self.states[tp].position = offset
        return {TopicPartition(*tp): self.committed.get(tp) for tp in self.states}

    async def seek_wait(self, offsets: Mapping[TP, int]) -> None:
        """Go to the offsets."""
        if self.gone:
            raise IllegalStateError("not assigned")
        for tp, offset in offsets.items():
            self.seeks.append((tp, offset))
            self.states[tp].position = offset

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        """Go to offset 0."""
        await self.seek_wait({TP(*tp): 0 for tp in partitions})

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit."""
        self.committed.update(offsets)
        return True

    def highwater(self, tp: TP) -> int:
        """Return the end of a partition."""
        return int(self.states[tp].highwater)

    def _ensure_consumer(self) -> SimpleNamespace:
        assignment = SimpleNamespace(state_value=self.states.get)
        return SimpleNamespace(_subscription=SimpleNamespace(subscription=SimpleNamespace(assignment=assignment)))


class Idle:
    """Stands for the producer: nothing is waiting to be sent."""

    async def flush(self) -> None:
        """Return at once."""


@pytest.fixture
async def app() -> AsyncIterator[faust.App]:
    """Return an app that reads `measurements` in batches of 2 and `clock` record by record, generation 1."""
    app = faust.App("test", broker="batchkafka://127.0.0.1:1", broker_commit_every=None)
    app.loop = asyncio.get_running_loop()  # Faust asks the policy, which may still name the loop of another test
    app.finalize()
    app.producer = Idle()
    for topic in (batch_topic(app, "measurements", max_records=2), app.topic("clock")):
        app.topics.add(topic)
        app.topics.acking_topics.update(topic.topics)
    app.consumer_generation_id = 1
    yield app
    thread = app.consumer._thread
    if not isinstance(thread, Log):
        thread.thread_loop.close()


@pytest.fixture
def log(app: faust.App) -> Log:
    """Put a log behind the app's consumer, with both partitions active."""
    log = Log()
    app.consumer._thread.thread_loop.close()
    app.consumer._thread = log
    app.consumer._active_partitions = log.assignment()
    return log


async def fetch(app: faust.App) -> list[Message]:
    """Return the messages of one fetch."""
    return [message async for _, message in app.consumer.getmany(timeout=0)]


def spans(messages: list[Message]) -> list[tuple[int, int]]:
    """Return the first and last offset of each batch."""
    return [
        (message.value.first_offset, message.value.offset) for message in messages if message.topic == "measurements"
    ]


def ack(app: faust.App, *messages: Message) -> None:
    """Acknowledge messages as an agent does."""
    for message in messages:
        message.tracked = True
        message.incref()
        message.ack(app.consumer)


def test_scheme_names_this_transport(app: faust.App) -> None:
    """The entry point is found by the broker URL's scheme."""
    assert isinstance(app.transport, Transport)
    assert isinstance(app.consumer, Consumer)


async def test_batch_topic_comes_in_batches_and_others_record_by_record(app: faust.App, log: Log) -> None:
    """One fetch of five records each: batches of 2, 2 and 1 with the last record's offset, and five plain messages."""
    messages = await fetch(app)
    assert spans(messages) == [(0, 1), (2, 3), (4, 4)]
    batches = [message for message in messages if message.topic == "measurements"]
    assert [(message.tp, message.offset, message.timestamp) for message in batches][:1] == [
        (BATCHED, 1, NOW_MS / 1000 + 0.001)
    ]
    assert [message.value for message in messages if message.topic == "clock"] == [b"value"] * 5


async def test_acknowledged_batches_are_committed_and_faust_keeps_no_list(app: faust.App, log: Log) -> None:
    """The commit is behind the acknowledged run; of other topics Faust's own arithmetic decides."""
    messages = await fetch(app)
    batches = [message for message in messages if message.topic == "measurements"]
    ack(app, batches[0], batches[2], *(message for message in messages if message.topic == "clock"))
    await app.consumer.commit()
    assert log.committed == {BATCHED: 2, OTHER: 5}
    assert not app.consumer._acked[BATCHED]
    assert not app.consumer._acked_index[BATCHED]
    ack(app, batches[1])
    await app.consumer.commit()
    assert log.committed[BATCHED] == 5


async def test_late_acknowledgement_of_before_a_seek_commits_nothing(app: faust.App, log: Log) -> None:
    """The batch read again after a seek has the same offsets; acknowledging the earlier one does not count for it."""
    before = await fetch(app)
    await app.consumer.perform_seek()
    after = await fetch(app)
    assert spans(after) == spans(before)
    ack(app, *(message for message in before if message.topic == "measurements"))
    await app.consumer.commit()
    assert BATCHED not in log.committed
    ack(app, *(message for message in after if message.topic == "measurements"))
    await app.consumer.commit()
    assert log.committed[BATCHED] == 5


async def test_what_an_agent_has_not_taken_before_a_seek_is_void(app: faust.App, log: Log) -> None:
    """It comes again behind what lies before it; a state loaded since would take what lies between for included."""
    before = [message.value for message in await fetch(app) if message.topic == "measurements"]
    assert not any(batch.is_void for batch in before)
    await app.consumer.perform_seek()
    after = [message.value for message in await fetch(app) if message.topic == "measurements"]
    assert all(batch.is_void for batch in before)
    assert after
    assert not any(batch.is_void for batch in after)


async def test_nothing_of_a_batch_topic_is_fetched_during_a_rebalance(app: faust.App, log: Log) -> None:
    """Until Faust says that the rebalance is over, only other topics are asked for."""
    app.rebalancing = True
    assert {message.topic for message in await fetch(app)} == {"clock"}
    app.rebalancing = False
    assert spans(await fetch(app)) == [(0, 1), (2, 3), (4, 4)]
    assert log.asked == [{OTHER}, {OTHER, BATCHED}]


async def test_partitions_are_sought_again_after_the_rebalance(app: faust.App, log: Log) -> None:
    """Faust's seek can be overtaken; before the first fetch after it we seek once, to what is committed."""
    await fetch(app)
    log.committed[BATCHED] = 3
    await app.consumer.perform_seek()
    log.states[BATCHED].position = 77
    assert spans(await fetch(app))[0] == (3, 4)
    await fetch(app)
    assert log.seeks == [(BATCHED, 0), (BATCHED, 3)]


async def test_fetch_that_a_seek_overtakes_is_read_again(app: faust.App, log: Log) -> None:
    """Records that were fetched before a seek and arrive after it are dropped, and come again from the start."""
    log.committed[BATCHED] = 10
    log.meanwhile = app.consumer.perform_seek
    assert spans(await fetch(app)) == []
    assert spans(await fetch(app)) == [(10, 11), (12, 13), (14, 14)]


async def test_fetch_that_a_rebalance_overtakes_is_read_again(app: faust.App, log: Log) -> None:
    """Records that arrive while the group rebalances are dropped, and come again with all that was in flight."""

    async def begin() -> None:
        app.rebalancing = True

    assert spans(await fetch(app)) == [(0, 1), (2, 3), (4, 4)]
    log.meanwhile = begin
    assert spans(await fetch(app)) == []
    app.rebalancing = False
    again = await fetch(app)
    assert spans(again) == [(0, 1), (2, 3), (4, 4)]
    ack(app, *(message for message in again if message.topic == "measurements"))
    await app.consumer.commit()
    assert log.committed == {BATCHED: 5}


async def test_a_seek_waits_for_a_fetch_that_would_take_what_it_is_for(app: faust.App, log: Log) -> None:
    """A fetch that was on its way when the flow was stopped is thrown away: a recovery's seek comes after it."""
    seeking: list[asyncio.Task[None]] = []

    async def recover() -> None:
        app.consumer.stop_flow()
        seeking.append(asyncio.create_task(app.consumer.seek_wait({OTHER: 0})))
        for _ in range(5):
            await asyncio.sleep(0)
        log.read(OTHER)  # the answer of the broker

    log.meanwhile = recover
    assert await fetch(app) == []
    await asyncio.wait_for(seeking[0], 1)
    assert log.states[OTHER].position == 0


async def test_rebalance_between_the_batches_of_a_fetch_voids_the_rest(app: faust.App, log: Log) -> None:
    """A seek while the batches of a fetch are being handed on: the others of that fetch are not delivered any more."""
    del log.states[OTHER]
    app.consumer._active_partitions = log.assignment()
    handed = []
    async for _, message in app.consumer.getmany(timeout=0):
        handed.append(message)
        await app.consumer.perform_seek()
    assert spans(handed) == [(0, 1)]
    assert spans(await fetch(app)) == [(0, 1), (2, 3), (4, 4)]


async def test_faust_does_not_take_what_comes_again_for_read(app: faust.App, log: Log) -> None:
    """Faust's own loop drops offsets below the last one it handed on; batches that are read again get through."""
    del log.states[OTHER]
    app.consumer._active_partitions = log.assignment()
    handed: list[Message] = []
    fetcher = faust.Service(loop=asyncio.get_running_loop())

    async def take(message: Message) -> None:
        handed.append(message)
        if len(handed) == 2:
            await app.consumer.perform_seek()
        if len(handed) == 5:
            fetcher._stopped.set()

    app.consumer.callback = take
    await app.consumer._drain_messages(fetcher)
    assert spans(handed) == [(0, 1), (2, 3), (0, 1), (2, 3), (4, 4)]


async def test_partition_that_goes_during_our_seek_is_left_alone(app: faust.App, log: Log) -> None:
    """When a partition is revoked under the seek, nothing of batch topics is read until the next one succeeds."""
    log.gone = True
    assert spans(await fetch(app)) == []
    log.gone = False
    assert spans(await fetch(app))[0] == (0, 1)


async def test_what_is_acknowledged_is_committed_before_partitions_go(app: faust.App, log: Log) -> None:
    """A planned rebalance repeats only what was not acknowledged."""
    messages = await fetch(app)
    ack(app, next(message for message in messages if message.topic == "measurements"))
    await app.consumer.on_partitions_revoked(log.assignment())
    assert log.committed == {BATCHED: 2}


async def test_full_queue_stops_fetching_of_ordinary_topics_only(app: faust.App, log: Log) -> None:
    """Faust's switch between full and drained queues leaves batch topics active."""
    for tp in (BATCHED, OTHER):
        app.consumer.on_buffer_full(tp)
    assert app.consumer._active_partitions == {BATCHED}
    app.consumer.on_buffer_drop(OTHER)
    assert app.consumer._active_partitions == {BATCHED, OTHER}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return a clock that the lag is judged by, one second after the broker's answer."""
    clock = SimpleNamespace(now=NOW_MS / 1000 + 1)
    monkeypatch.setattr("streams.broker.transport.time.time", lambda: clock.now)
    return clock


async def test_lag_counts_what_no_agent_has_taken(app: faust.App, log: Log, clock: SimpleNamespace) -> None:
    """Fetched batches that wait in a queue count; taken ones do not; at the end it is 0, holes before it or not."""
    assert lag(app, BATCHED) is None
    batches = [message for message in await fetch(app) if message.topic == "measurements"]
    assert lag(app, BATCHED) == 1000
    batches[0].tracked = True
    assert lag(app, BATCHED) == 998
    ack(app, *batches)
    assert lag(app, BATCHED) == 995
    log.per_fetch = 995
    ack(app, *(message for message in await fetch(app) if message.topic == "measurements"))
    assert lag(app, BATCHED) == 0


async def test_lag_is_unknown_when_the_broker_is_silent_or_the_group_rebalances(
    app: faust.App, log: Log, clock: SimpleNamespace
) -> None:
    """An old answer says nothing about now, nor does any answer about a partition that may go."""
    await fetch(app)
    app.rebalancing = True
    assert lag(app, BATCHED) is None
    app.rebalancing = False
    assert lag(app, BATCHED) == 1000
    clock.now += 20
    assert lag(app, BATCHED) is None
    assert lag(app, BATCHED, max_age=30) == 1000
    del log.states[BATCHED]
    assert lag(app, BATCHED, max_age=30) is None


def test_lag_of_an_ordinary_topic_is_refused(app: faust.App, log: Log) -> None:
    """Only batch topics have their place tracked, and asking for another is a mistake."""
    with pytest.raises(ValueError, match="clock is not a batch topic"):
        lag(app, OTHER)
