"""`ebbtide replay`: files to Kafka, at full speed or in the time of the recording."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from math import inf
from typing import Any

import msgspec
from kafka import KafkaProducer

from schemas.decode import Decoded, RejectedValue, decode
from schemas.measurement import entity_of
from streams.broker import topics
from streams.broker.clients import opened
from streams.cli.bad_input import BadInput
from streams.cli.common import add_files, counter, positive, print_note, print_summary, settings_of
from streams.config.errors import BrokerError
from streams.config.line_files import read_chunks
from streams.config.settings import KafkaSettings
from streams.state.key_watch import home_of

OLD = 3600.0  # seconds before now
BY_RECEIPT = (
    "topic {} has message.timestamp.type=LogAppendTime, so this old data counts as received now: a clock that is ahead "
    "in it moves the time of its feed, and what others measured is late. `ebbtide detect`, and a worker of a topic "
    "with CreateTime, go by what most agree on"
)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_files(parser)
    parser.add_argument("--speed", type=positive, metavar="N", help="N times the recorded time (default: full speed)")


def run(arguments: Namespace) -> None:
    """Send the files to Kafka, with the number of messages on standard error."""
    send(arguments, arguments.files)


def send(arguments: Namespace, files: Sequence[str]) -> None:
    """Send files to Kafka as `--settings` and `--speed` say; the number of messages goes to standard error.

    Raises InputError when all are sent and no measurement in them is usable.
    """
    kafka = settings_of(arguments).kafka
    topics.check(kafka)
    is_stamped = topics.timestamp_type(kafka) == "LogAppendTime"
    with counter("measurements sent") as show:
        for replayed in replay(kafka, files, ReplayPace(arguments.speed, time.time, time.sleep)):
            show(replayed.sent)
    print_summary({"messages sent": replayed.sent})
    if is_stamped and replayed.newest < time.time() - OLD:
        print_note(BY_RECEIPT.format(kafka.measurements))
    BadInput(files, replayed.first_unusable).say(replayed.usable)


@dataclass(slots=True)
class ReplayPace:
    """The pace of a replay: `speed` times the recorded time, or full speed when it is None."""

    speed: float | None
    now: Callable[[], float]
    sleep: Callable[[float], None]
    origin: tuple[float, float] | None = None  # event time and wall time of the first measurement

    def wait(self, ts: float) -> None:
        """Sleep until the event time is due."""
        if self.speed is None:
            return
        if self.origin is None:
            self.origin = (ts, self.now())
        due = self.origin[1] + (ts - self.origin[0]) / self.speed
        self.sleep(max(0.0, due - self.now()))


@dataclass(slots=True)
class Replayed:
    """Messages and usable measurements sent so far, the newest event time of these (Unix s), the first value that is
    unusable whatever the settings are, and the newest offset of each partition that has arrived.
    """

    sent: int = 0
    usable: int = 0
    newest: float = -inf
    first_unusable: RejectedValue | None = None
    offsets: dict[int, int] = field(default_factory=dict)

    def count(self, found: Decoded) -> None:
        """Count a message."""
        self.sent += 1
        self.usable += len(found.measurements)
        self.newest = max([self.newest, *(float(measurement.ts) for measurement in found.measurements)])
        self.first_unusable = self.first_unusable or next(iter(found.dead), None)

    def delivered(self, metadata: Any) -> None:  # noqa: ANN401
        """Note the offset of a delivered message."""
        self.offsets[metadata.partition] = max(metadata.offset, self.offsets.get(metadata.partition, -1))


def replay(kafka: KafkaSettings, files: Iterable[str], pace: ReplayPace) -> Iterator[Replayed]:
    """Send each line of the files as one message, keyed by its entity; yield progress after each chunk.

    Every line is sent as it is, valid or not: the worker decides. Raises BrokerError or InputError.
    """
    replayed, place = Replayed(), placing(kafka)
    failed: list[BaseException] = []
    with closing(opened(kafka, KafkaProducer, linger_ms=5, batch_size=262_144)) as producer:
        for lines in read_chunks(files):
            for line in lines:
                found = decode([line])
                key, ts = key_and_time(found)
                if ts is not None:
                    pace.wait(ts)
                future = producer.send(kafka.measurements, key=key, value=line, partition=place(key))
                future.add_callback(replayed.delivered)
                future.add_errback(failed.append)
                replayed.count(found)
            _raise_first(failed, kafka)
            yield replayed
        producer.flush()
        _raise_first(failed, kafka)
        yield replayed


def _raise_first(failed: list[BaseException], kafka: KafkaSettings) -> None:
    if failed:
        raise BrokerError(f"{kafka.address}: topic {kafka.measurements}: a message was not delivered: {failed[0]}")


def key_and_time(message: Decoded) -> tuple[bytes, float | None]:
    """Return the key of a message, which is the entity of the first measurement in it, and the event time of that."""
    found = message.measurements
    return (entity_of(found[0]).encode(), float(found[0].ts)) if found else (b"unreadable", None)


def placing(kafka: KafkaSettings) -> Callable[[bytes], int | None]:
    """Return a function from a key to its partition; None leaves that to the client, which hashes by murmur2."""
    if kafka.partitioner == "murmur2":
        return lambda _: None
    home = home_of(msgspec.structs.replace(kafka, partitions=topics.check(kafka)), 0)
    return lambda key: home.placement.of(key.decode()) if home else None
