"""A worker's partitions and areas without Faust and Kafka: dictionaries for tables, lists for topics, one journal."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import msgspec

from schemas.outage import encode
from schemas.partial import encode as encode_partial
from streams.config.settings import Settings
from streams.pipeline.areas.partials import place_of
from streams.pipeline.emitted import Emitted, FeedActivity
from streams.state.area_stage import AreaStage
from streams.state.measurement_stage import MeasurementStage
from tests.streams import area_helpers
from tests.streams.helpers import HOUR, START, message, records, run
from tests.streams.state.test_snapshot_store import Journal

Values = list[bytes | None]
REGIONS = ("IR-12", "IR-30", "KZ-75")
NETWORKS = 8


class Divided:
    """Partitions that read their logs, and the stages behind them. `sent`: area outages, each as often as it was sent.

    `journal`: how much each table, by stage, and each partition of the partials held after every write and sending.
    """

    def __init__(
        self, settings: Settings, logs: Sequence[Values], after: Divided | None = None, point: int = 0
    ) -> None:
        self.settings, self.logs = settings, logs
        self.journal: list[tuple[str, int, Any]] = after.journal[:point] if after else []
        self.partials: list[list[bytes]] = [self._past("partial", n) for n in range(len(logs))]
        self.sent: list[bytes] = self._past("outage", 0)
        self.late = 0
        self.partitions = [MeasurementStage(settings, n, self._table(n), 0.0) for n in range(len(logs))]
        self.stages = [AreaStage(settings, n, self._table(n), 0.0) for n in range(len(logs))]
        self.activity: list[tuple[str, FeedActivity]] = []
        self.read = [0] * len(logs)
        self.taken = [0] * len(logs)

    def _past(self, kind: str, number: int) -> list[bytes]:
        return [content for entry_kind, where, content in self.journal if (entry_kind, where) == (kind, number)]

    def _table(self, number: int) -> Table:
        return Table(self.journal, number)

    def take(self, number: int, count: int) -> None:
        """Let a partition take its next messages, and send what comes of them."""
        at, partition = self.read[number], self.partitions[number]
        values = self.logs[number][at : at + count]
        self.read[number] = at + len(values)
        if values:
            emitted = partition.process(records(values, at), 0.0)
            self.activity += emitted.activity.items()
            self.publish(emitted)

    def tell(self, now: float = 0.0) -> None:
        """Let every partition note what the others have read, and follow where it may."""
        news = [(feed, time) for feed, active in self.activity for time in (*sorted(active.bins), active.newest)]
        self.activity.clear()
        for number, partition in enumerate(self.partitions):
            for feed, time in news:
                partition.note_clock(feed, time)
            self.publish(partition.follow_clock(len(self.logs[number]) - self.read[number], now))

    def sum(self) -> None:
        """Let every stage take the partials that are new."""
        for number, stage in enumerate(self.stages):
            values = self.partials[number][self.taken[number] :]
            if values:
                emitted = stage.process(records(values, self.taken[number]), 0.0)
                assert emitted.unreadable == []
                self.late += emitted.counts.total()
                self.publish(emitted)
                for outage in emitted.outages:
                    self._put("outage", 0, encode(outage), self.sent)
            self.taken[number] += len(values)

    def publish(self, emitted: Emitted) -> None:
        """Send area sums to where they are summed; whoever groups incidents sends bin reports, too."""
        for piece in emitted.area_sums:
            place = place_of(piece.feed, piece.areas, len(self.logs))
            self._put("partial", place, encode_partial(piece), self.partials[place])

    def save(self) -> None:
        """Write a snapshot of everything."""
        for stage in (*self.partitions, *self.stages):
            stage.save(0.0)

    def run(self, every: int = 10_000, now: float = 0.0) -> Self:
        """Read all logs to their ends, in turns, with a snapshot after each."""
        while any(read < len(log) for read, log in zip(self.read, self.logs, strict=True)):
            for number in range(len(self.logs)):
                self.take(number, every)
            self.tell(now)
            self.sum()
            self.save()
        self.tell(now)
        self.sum()
        return self

    def _put(self, kind: str, number: int, content: bytes, into: list[bytes]) -> None:
        self.journal.append((kind, number, content))
        into.append(content)


class Table(Journal):
    """The table of a partition, of which each write stands in the journal of all."""

    def __init__(self, journal: list[tuple[str, int, Any]], number: int) -> None:
        super().__init__()
        self.number = number
        self.writes = [content for kind, where, content in journal if (kind, where) == ("table", number)]
        self.now = self.after(len(self.writes))
        self.writes = Writes(journal, number)


class Writes(list[Any]):
    """Puts what a table writes into the journal of all."""

    def __init__(self, journal: list[tuple[str, int, Any]], number: int) -> None:
        super().__init__()
        self.journal, self.number = journal, number

    def append(self, entry: Any) -> None:  # noqa: ANN401
        """Note a write."""
        self.journal.append(("table", self.number, entry))


def settings(partitions: int, kinds: Sequence[Any], **worker: float) -> Settings:
    """Return settings of feeds with areas for so many partitions, whose clock is followed at once."""
    settings = area_helpers.settings(("country", "region", "region+access"), kinds, **{"idle_after": 0.0, **worker})
    kafka = msgspec.structs.replace(settings.kafka, partitions=partitions)
    return msgspec.structs.replace(settings, kafka=kafka)


def traffic(seed: int, kinds: Iterable[str], bins: int = 30, dark: range = range(18, 24)) -> list[tuple[int, bytes]]:
    """Return messages of eight networks in hourly bins, each with its network, in order of their times.

    Those of one region are dark for a while, some are silent now and then, some lie in two regions.
    """
    rng = random.Random(seed)
    found: list[tuple[float, int, bytes]] = []
    for hour in range(bins):
        for asn in range(1, NETWORKS + 1):
            for kind in kinds:
                at = START + hour * HOUR + rng.uniform(1, HOUR - 1)
                found += [(at, asn, value) for value in _measured(rng, kind, at, asn, hour in dark)]
    return [(asn, value) for _, asn, value in sorted(found)]


def _measured(rng: random.Random, kind: str, at: float, asn: int, dark: bool) -> list[bytes]:
    region = REGIONS[rng.choice([asn % 3, 1]) if asn == 5 else asn % 3]
    out, where = dark and region == "IR-12", {"region": region, "access": ("mobile", "fixed")[asn % 2]}
    if rng.random() < 0.05:
        return []
    if kind == "gauge":
        return [message(kind, at, asn, value=0.1 if out else asn * rng.gauss(100, 0.7), **where)]
    if kind == "count":
        return [] if out else [message(kind, at, asn, value=rng.uniform(40, 42.3), **where)]
    if kind == "distinct":
        return [] if out else [message(kind, at, asn, member=f"m{n}", **where) for n in range(20)]
    if kind == "ratio":
        return [message(kind, at, asn, value=0 if out else rng.uniform(57, 60), of=60, **where)]
    return [message(kind, at, asn, member=f"p{n}", up=not out, **where) for n in range(12)]


def split(messages: Sequence[tuple[int, bytes]], homes: Mapping[int, int], partitions: int) -> list[Values]:
    """Return the log of each partition, given that of each network."""
    return [[value for asn, value in messages if homes[asn] == number] for number in range(partitions)]


def of_areas(outages: Iterable[bytes]) -> list[bytes]:
    """Return the outages that are not of networks."""
    return [outage for outage in outages if b'"entity":"asn/' not in outage]


def alone(settings: Settings, messages: Sequence[tuple[int, bytes]]) -> list[bytes]:
    """Return the outages of areas that `ebbtide detect` finds in all messages."""
    return of_areas(run(settings, [value for _, value in messages]).outages)
