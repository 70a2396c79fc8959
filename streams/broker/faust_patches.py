"""Uses private names of Faust, mode and aiokafka, as the files `faust_*` do; `check_faust` checks them at start.

Faust's consumer delivers single records. This consumer delivers batch topics as runs of records and leaves the rest to
Faust: rebalance, flow control, recovery, acknowledgement and the commit itself. Changes, and the reason of each:

- `_getmany` cuts the fetched records of batch topics into messages, one per run. During a rebalance it fetches none of
  them, and afterwards it seeks them once more to the committed offset: Faust resumes reading before it seeks and
  empties the queues after it, so a record fetched in between would never reach an agent.
- `_new_offset` commits behind the acknowledged run of batches, never past a batch in flight.
- `_add_gap` ends before the record that follows, so that commits of other topics pass the markers of transactions.
- `perform_seek` and `on_partitions_revoked` drop what is in flight: all that is not committed is read again. Before
  partitions are revoked, acknowledged batches are committed, so that less is read again.
- `_seek_batches` asks the app's `log_guard`, if it has one, where to read on, and which partitions not to read at all.
- `on_buffer_full` and `on_buffer_drop` ignore batch topics: their full queue itself makes reading wait. Faust would
  stop fetching, and idle for a second each time.
- `StoppableWorker` makes a stop signal during the start a plain cancellation.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, NamedTuple

import faust
from aiokafka.consumer.subscription_state import TopicPartitionState
from aiokafka.errors import KafkaError
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from faust.types.tuples import ack_lock

from streams.broker.batch_topic import RecordBatch, batch_limits
from streams.broker.faust_fetching import Thread
from streams.broker.in_flight import InFlight
from streams.ingest.record_run import joined

REBALANCE_PAUSE_SECONDS = 0.1


class StoppableWorker(faust.Worker):  # type: ignore[misc]
    """Faust's worker, which a signal may stop while it declares topics."""

    async def start(self) -> None:
        """Start. A signal meanwhile raises CancelledError: Faust, once cancelled there, resolves a future twice."""
        try:
            await super().start()
        except asyncio.InvalidStateError:
            if self._signal_stop_future is None:
                raise
            raise asyncio.CancelledError from None


class BatchMessage(ConsumerMessage):  # type: ignore[misc]
    """Faust's message around a batch: its offset is that of the last record; `epoch` tells seeks apart."""

    __slots__ = ("epoch",)

    def __init__(self, batch: RecordBatch, epoch: int, generation_id: int) -> None:
        super().__init__(
            batch.tp.topic,
            batch.tp.partition,
            batch.offset,
            batch.timestamp / 1000.0,
            batch.timestamp_type,
            (),
            None,
            batch,
            None,
            tp=batch.tp,
            generation_id=generation_id,
        )
        self.epoch = epoch


class OpenTransaction(NamedTuple):
    """Messages from the first undecided one on, and the seconds for which that has been the first one."""

    messages: int
    seconds: float


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer on aiokafka, which reads batch topics in runs of records."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **options)
        self._in_flight: dict[TP, InFlight] = {}
        self._position: dict[TP, int] = {}
        self._stable: dict[TP, tuple[int, float]] = {}  # end of what is decided, and since when it stands still
        # The epoch grows whenever positions are no longer known; batches of an earlier one are void.
        self._epoch = 0
        self._sought_epoch = -1
        self._fetched: dict[TP, tuple[int, int]] = {}  # position and newest record of changelogs since a seek

    def _new_consumer_thread(self) -> Thread:
        return Thread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yield the messages of one fetch, without batches from before a seek."""
        async for tp, message in super().getmany(timeout):
            if isinstance(message, BatchMessage):
                if message.epoch != self._epoch:
                    continue
                # Faust takes a jump in offsets for a gap and a step back for a repetition: here neither is one.
                self._read_offset[tp] = None
            elif self._read_offset[tp] == 0:  # Faust takes that for no offset, and would never commit past the gap
                await self._add_gap(tp, 1, message.offset)
            yield tp, message

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Note offsets without a record. Faust counts the record behind them too, and its commits then stop there."""
        await super()._add_gap(tp, offset_from, offset_to - 1)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:
        self.not_waiting_next_records.clear()  # Faust only ever sets it
        self._thread.batched = limits = batch_limits(self.app)
        wanted = await self._readable(active_partitions, limits)
        if wanted is not None and not wanted:
            await self.sleep(REBALANCE_PAUSE_SECONDS)
            return {}
        epoch = self._epoch
        records = await super()._getmany(wanted, timeout)
        self._note_fetched(records, limits)
        if self._guard and self._thread.resets and self._sought_epoch == epoch:
            self._turn()  # to judge again where to read on
        if epoch != self._epoch or self.app.rebalancing:
            # Faust forgets and seeks when the rebalance reaches it; till then what is acknowledged can be committed.
            self._turn()
            return {tp: found for tp, found in records.items() if tp.topic not in limits}
        self._note_positions(limits)
        return {tp: self._cut(tp, found, limits) for tp, found in records.items()}

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek once the pending fetch has returned: Faust discards what arrives while the flow is stopped.

        Otherwise a recovery that seeks to the beginning of a changelog could wait forever for rows of that fetch.
        """
        if not self.flow_active:
            await self.wait_for_stopped_flow()
        for tp in partitions:
            self._fetched.pop(tp, None)
        await super().seek_wait(partitions)

    def _note_fetched(self, records: Mapping[TP, list[Any]], limits: Collection[str]) -> None:
        """Note how far changelogs were read: no fetch is under way now, so all records so far are in our hands."""
        for tp in self.assignment():
            state = self._state(tp) if tp.topic not in limits else None
            if state is not None and state.has_valid_position:
                newest = self._fetched.get(tp, (0, -1))[1]
                self._fetched[tp] = state.position, max([newest, *(record.offset for record in records.get(tp, ()))])

    def has_read(self, tp: TP, offset: int, end: int) -> bool:
        """Return whether a changelog was read past `end`, with no record behind `offset` still on its way."""
        position, newest = self._fetched.get(tp, (-1, -1))
        return position > end and newest <= offset

    async def _readable(self, active: set[TP] | None, limits: Mapping[str, int]) -> set[TP] | None:
        """Return the active partitions, without batch topics as long as their positions may move."""
        if active is None:
            return None
        if not self.app.rebalancing and await self._seek_batches(limits):
            return {tp for tp in active if not (self._guard and self._guard.is_refused(tp))}
        return {tp for tp in active if tp.topic not in limits}

    async def _seek_batches(self, limits: Collection[str]) -> bool:
        """Seek batch topics to the committed offsets, once per epoch; False when a rebalance came in between."""
        epoch = self._epoch
        if self._sought_epoch != epoch:
            partitions = self._batch_partitions(limits)
            committed = {tp: offset for tp in partitions if (offset := self._committed_offset[tp])}
            try:
                self._thread.resets.clear()
                committed = await self._starts(partitions, committed)
                if committed:
                    await super().seek_wait(committed)
                await self._seek_uncommitted(partitions.difference(committed))
            except KafkaError:  # a rebalance, or a broker that does not answer now
                return False
            if epoch != self._epoch:
                return False
            self._in_flight.clear()
            self._sought_epoch = epoch
        return True

    async def _starts(self, partitions: set[TP], committed: dict[TP, int]) -> dict[TP, int]:
        """Return where to read on in each partition, as the app's guard decides; by default what is committed."""
        if self._guard is None or not partitions:
            return committed
        firsts, ends = await self.earliest_offsets(*self.assignment()), await self.highwaters(*partitions)
        logs = {tp: (firsts[tp], ends[tp], committed.get(tp)) for tp in partitions}
        return await self._guard.starts(logs, firsts)  # type: ignore[no-any-return]

    @property
    def _guard(self) -> Any:  # noqa: ANN401
        return getattr(self.app, "log_guard", None)

    async def _seek_uncommitted(self, partitions: set[TP]) -> None:
        if partitions and self.app.conf.consumer_auto_offset_reset == "earliest":
            await self._thread.seek_to_beginning(*map(driver.ensure_aiokafka_TP, partitions))

    def _batch_partitions(self, limits: Collection[str]) -> set[TP]:
        return {tp for tp in self.assignment() if tp.topic in limits}

    def _note_positions(self, limits: Collection[str]) -> None:
        """Remember the fetched positions; only here, since later fetches have not been delivered."""
        for tp in self._batch_partitions(limits):
            state = self._state(tp)
            if state is not None and state.has_valid_position:
                self._position[tp] = state.position

    def _state(self, tp: TP) -> TopicPartitionState | None:
        """Return aiokafka's state of a partition; None when it is not assigned (its thread may change that)."""
        assignment = self._thread._ensure_consumer()._subscription.subscription.assignment
        return assignment.state_value(tp) if assignment is not None else None

    def _cut(self, key: TP, records: list[Any], limits: Mapping[str, int]) -> list[Any]:
        """Return the messages of a batch topic's records; the records themselves of any other."""
        size = limits.get(key.topic)
        if size is None:
            return records
        tp = ensure_TP(key)
        run = joined(records)
        cuts = [run.cut(at, at + size) for at in range(0, len(run.values), size)]
        messages = [self._message(RecordBatch(tp, cut)) for cut in cuts]
        in_flight = self._in_flight.setdefault(tp, InFlight())
        for message in messages:
            in_flight.add(message)
        return messages

    def _message(self, batch: RecordBatch) -> BatchMessage:
        return BatchMessage(batch, self._epoch, self.app.consumer_generation_id)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:  # noqa: ANN401
        return record if isinstance(record, BatchMessage) else super()._to_message(tp, record)

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic not in batch_limits(self.app):
            return super()._new_offset(tp)  # type: ignore[no-any-return]
        self._drop_acks(tp)
        in_flight = self._in_flight.get(tp)
        return in_flight.committable() if in_flight is not None else None

    def _drop_acks(self, tp: TP) -> None:
        # Faust's own lists would grow for ever: they are read by nothing else, the messages know that they are acked.
        with ack_lock:
            self._acked[tp].clear()
            self._acked_index[tp].clear()

    def _turn(self) -> None:
        """Begin a new epoch. Batches not yet taken are void: a state loaded since lacks the messages before them."""
        self._epoch += 1
        for in_flight in self._in_flight.values():
            in_flight.void()

    def _forget(self) -> None:
        """Drop what is in flight: it is fetched again from the committed offset."""
        self._turn()
        for tp in self._in_flight:
            self._drop_acks(tp)
        self._in_flight.clear()
        self._position.clear()

    async def perform_seek(self) -> None:
        """Seek to the committed offsets and drop what is in flight."""
        if self.app.should_stop:
            return
        await super().perform_seek()
        self._forget()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit acknowledged batches while the partitions are still ours, then give them up."""
        if revoked and not self.app.should_stop:
            try:
                await self.commit()
            except KafkaError as error:
                self.log.warning("Commit before the rebalance failed, the batches will be read again: %r", error)
        self._forget()
        await super().on_partitions_revoked(revoked)

    def on_buffer_full(self, tp: TP) -> None:
        """Stop fetching a partition whose queue is full, unless it is of a batch topic."""
        if tp.topic not in batch_limits(self.app):
            super().on_buffer_full(tp)

    def on_buffer_drop(self, tp: TP) -> None:
        """Fetch a partition again whose queue has room, unless it is of a batch topic."""
        if tp.topic not in batch_limits(self.app):
            super().on_buffer_drop(tp)

    def lag(self, tp: TP, now: float, max_age: float) -> int | None:
        """Return how many offsets of a batch topic's partition no agent has taken; None when that is not known."""
        if tp.topic not in batch_limits(self.app):
            raise ValueError(f"{tp.topic} is not a batch topic that is being read")
        position = self._position.get(tp)
        end = self._end(tp, now, max_age)
        if position is None or end is None or self.app.rebalancing:
            return None
        in_flight = self._in_flight.get(tp)
        untaken = in_flight.first_untaken() if in_flight is not None else None
        return max(0, end - (position if untaken is None else untaken))

    def _end(self, tp: TP, now: float, max_age: float) -> int | None:
        """Return the partition's end, if the broker gave it at most `max_age` seconds ago."""
        state = self._state(tp)
        if state is None or state.timestamp is None or now - state.timestamp / 1000.0 > max_age:
            return None
        end: int | None = state.highwater
        return end

    def open_transaction(self, tp: TP, now: float) -> OpenTransaction | None:
        """Return what waits for the end of a transaction in a batch topic's partition; None when nothing does."""
        state = self._state(tp)
        if state is None or state.lso is None or state.highwater is None or state.lso >= state.highwater:
            self._stable.pop(tp, None)
            return None
        stable, since = self._stable.get(tp, (None, now))
        since = since if stable == state.lso else now
        self._stable[tp] = state.lso, since
        return OpenTransaction(state.highwater - state.lso, max(0.0, now - since))
