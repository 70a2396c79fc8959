"""Fetches records as `faust_patches` needs them; uses private names of Faust and aiokafka, as it does.

- `Thread` fetches batch topics in runs: columns of whole log batches, not a Python object per record. No request waits
  longer than `FETCH_WAIT_MS`: with Faust's 1.5 s, a changelog is read with long pauses.
- `Thread` reads committed transactions only, and no open one. `open_transaction` returns what waits for the end of one.
- `Log` keeps the bytes that checksums cover: aiokafka reads them byte by byte, a sixth of its thread's time.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher as fetching
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.record.memory_records import MemoryRecords
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.config.errors import BrokerError
from streams.ingest.record_run import Batches, Run, UnreadableBatchError

# One request is out at a time: what it does not ask for, as it had just been fetched, waits until it is answered.
FETCH_WAIT_MS = 50


class Log(MemoryRecords):  # type: ignore[misc]
    """The fetched records of a partition, with their bytes, which aiokafka's own class hides."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class NamedRecords(PartitionRecords):  # type: ignore[misc]
    """The fetched records of a partition; a batch that cannot be decoded is an error that names its place."""

    def __init__(self, tp: TP, records: Log, *rest: Any) -> None:  # noqa: ANN401
        place = f"topic {tp.topic}, partition {tp.partition}"
        super().__init__(tp, Batches(records, records.data, place), *rest)


fetching.MemoryRecords, fetching.PartitionRecords = Log, NamedRecords


class RunRecords(NamedRecords):
    """The fetched records of a partition, delivered in runs: a Python object per record costs more than decoding."""

    @classmethod
    def adopt(cls, records: NamedRecords) -> None:
        """Deliver the records in runs; aiokafka still decides what to skip and what comes next."""
        records._records.in_runs = True
        records.__class__ = cls

    def _consumer_record(self, tp: TP, record: Run) -> Run:
        return record.since(self.next_fetch_offset).received_by(time.time())


class Thread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's thread around aiokafka's consumer. `batched`: names of the topics whose records come in runs."""

    batched: Collection[str] = ()
    _watched: Fetcher | None = None

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **options)
        self.resets: set[TP] = set()  # partitions of batch topics whose position was outside of the log

    def topic_partitions(self, topic: str) -> int | None:
        """Return how many partitions a topic has, or had when the worker started."""
        number: int | None = super().topic_partitions(topic)
        return None if number is None else min(number, int(self.consumer.app.conf.topic_partitions))

    def _stopped_set(self) -> None:
        try:
            super()._stopped_set()
        except RuntimeError:  # the thread has crashed and closed its loop: nobody is left to wake up
            self._stopped.set()

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:  # noqa: ANN401
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        consumer._isolation_level = "read_committed"  # what a producer took back was never said
        return consumer

    async def _fetch_records(self, consumer: Any, active_partitions: set[TP], **options: Any) -> Any:  # noqa: ANN401
        if self._watched is not consumer._fetcher:
            self._watch(consumer._fetcher)
        try:
            return await super()._fetch_records(consumer, active_partitions, **options)
        except UnreadableBatchError as error:
            raise BrokerError(str(error)) from None

    def _watch(self, fetcher: Fetcher) -> None:
        """Adopt the records of each fetch before anybody can take them, also of a fetch that is already there."""
        self._watched = fetcher
        self._adopt(fetcher)
        process = fetcher._proc_fetch_request

        async def watched(*request: Any) -> bool:  # noqa: ANN401
            needs_wakeup: bool = await process(*request)
            self._adopt(fetcher)
            self._note_resets(request[0])
            return needs_wakeup

        fetcher._proc_fetch_request = watched

    def _note_resets(self, assignment: Any) -> None:  # noqa: ANN401
        """Note partitions that aiokafka sends back to the beginning, as their position is not in the log."""
        batches = (tp for tp in assignment.tps if tp.topic in self.batched)
        self.resets.update(ensure_TP(tp) for tp in batches if assignment.state_value(tp).awaiting_reset)

    def _adopt(self, fetcher: Fetcher) -> None:
        for tp, result in fetcher._records.items():
            if tp.topic in self.batched and isinstance(result, FetchResult) and result.has_more():
                RunRecords.adopt(result._partition_records)
