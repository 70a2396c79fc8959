"""Sends the drill's messages to Kafka: paced, never far ahead of the workers, one partition's first hours at once."""

from __future__ import annotations

import time
from collections.abc import Iterable
from threading import Event, Thread

from confluent_kafka import Producer

from tests.drill.retractor import Retractor
from tests.drill.stream import PARTITIONS, Message

AT_ONCE = 200
PATIENCE = 600.0
LAGGARD = 3  # the partition that starts with a backlog
BACKLOG_BINS = 10


CODECS = ("gzip", "snappy", "lz4", "zstd")  # by partition
RETRACT_EVERY, COPIES = 2000, 300  # messages sent between two transactions that are taken back, and messages in one


class Feeder(Thread):
    """Sends in order within each partition, each message once, also while the broker is down.

    The messages of the laggard's first bins are kept back until all others of these bins were sent and `release` says
    so. `sent`: messages by partition. `limit`: how many may have been sent, the laggard's backlog aside.

    Each partition's messages are compressed by another codec, and a second producer takes copies of some back.
    """

    def __init__(self, address: str, topic: str, messages: Iterable[Message], rate: float) -> None:
        super().__init__(daemon=True)
        self.topic, self.messages, self.rate = topic, messages, rate
        self.sent = [0] * PARTITIONS
        self.limit = 0
        self.error: str | None = None
        self.waiting, self.release, self.released, self.done = Event(), Event(), Event(), Event()
        self._pending: list[Message] = []
        self._producers = [_producer(address, codec) for codec in CODECS]
        self.retractor = Retractor(address, topic)
        self._copies: list[Message] = []

    def run(self) -> None:
        """Send everything, then wait until it has arrived."""
        try:
            for message in self.messages:
                self._take(message)
            left = self._flush()
            self.error = self.error or (f"{left} messages were not sent" if left else None)
        except Exception as error:  # noqa: BLE001 - the main thread tells it
            self.error = repr(error)
        self.done.set()

    def _take(self, message: Message) -> None:
        early = message.bin < BACKLOG_BINS
        if early and message.partition == LAGGARD:
            self._pending.append(message)
            return
        if not early and not self.released.is_set():
            self._let_go()
        if sum(self.sent) % AT_ONCE == 0:
            self._pace()
        self._send(message)

    def _let_go(self) -> None:
        """Send the laggard's backlog."""
        self._flush()
        self.waiting.set()
        self.release.wait()
        for message in self._pending:
            self._send(message)
        self._pending.clear()
        self._flush()
        self.released.set()

    def _pace(self) -> None:
        time.sleep(AT_ONCE / self.rate)
        while sum(self.sent) > self.limit:
            self._poll(0.02)

    def _poll(self, seconds: float) -> None:
        for producer in self._producers:
            producer.poll(seconds / PARTITIONS)

    def _flush(self) -> int:
        return sum(producer.flush(PATIENCE) for producer in self._producers)

    def _send(self, message: Message) -> None:
        producer = self._producers[message.partition]
        while True:
            try:
                producer.produce(self.topic, message.value, message.key, message.partition, on_delivery=self._delivered)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
        self.sent[message.partition] += 1
        self._retract(message)

    def _retract(self, message: Message) -> None:
        """Now and then, have copies of the newest messages sent and taken back."""
        self._copies.append(message)
        if len(self._copies) == RETRACT_EVERY:
            self.retractor.take_back(self._copies[-COPIES:])
            self._copies.clear()

    def _delivered(self, error: object, _: object) -> None:
        if error is not None:
            self.error = str(error)


def _producer(address: str, codec: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": address,
            "enable.idempotence": True,
            "compression.type": codec,
            "linger.ms": 20,
            "message.timeout.ms": int(PATIENCE * 1000),
            "reconnect.backoff.max.ms": 1000,
            "log_level": 2,
        }
    )
