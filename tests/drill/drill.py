"""The course of the drill: input, undisturbed runs, workers among faults, comparison."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from streams.broker import topics
from tests.drill.crew import Crew
from tests.drill.feeder import BACKLOG_BINS, LAGGARD, Feeder
from tests.drill.incidents import incidents
from tests.drill.plan import Move, plan
from tests.drill.snapshot_log import NOTHING, SnapshotLog
from tests.drill.stream import FEEDS, PARTITIONS, Load, messages, struck
from tests.drill.verdict import Key, Undisturbed, Verdict, detect, is_of_area, whole_of
from tests.ebbtide import Cluster
from tests.kafka import ApacheKafka

SETTINGS = {
    "EBBTIDE_KAFKA_PARTITIONS": str(PARTITIONS),
    "EBBTIDE_WORKER_IDLE_AFTER": "20s",
    "EBBTIDE_WORKER_SNAPSHOT_EVERY": "5s",
    "EBBTIDE_WORKER_MAX_RECORDS": "1000",
}
STAGE_SECONDS = 60.0  # after all else, until the outages of areas and the incidents are told
COUNT_SECONDS = 300.0  # in which all messages of the topic can be counted
STALL_SECONDS = 12.0  # longer than a worker's session lasts
Tell = Callable[[str], None]


class Options(NamedTuple):
    """What a drill is asked for. `rate`: measurements a second; `patience`: seconds without progress."""

    load: Load
    kills: int
    restarts: int
    stalls: int
    rate: float
    patience: float


class Input(NamedTuple):
    """The measurements in files: all, and by partition; how many of each; how many come before the backlog."""

    whole: Path
    parts: list[Path]
    counts: list[int]
    before: int

    @property
    def total(self) -> int:
        """All measurements."""
        return sum(self.counts)


def write(load: Load, directory: Path) -> Input:
    """Write the input into files."""
    whole, parts = directory / "all.jsonl", [directory / f"partition-{n}.jsonl" for n in range(PARTITIONS)]
    counts, before = [0] * PARTITIONS, 0
    with whole.open("wb") as everything:
        files = [part.open("wb") for part in parts]
        for message in messages(load):
            everything.write(message.value + b"\n")
            files[message.partition].write(message.value + b"\n")
            counts[message.partition] += 1
            before += message.bin < BACKLOG_BINS and message.partition != LAGGARD
        for file in files:
            file.close()
    return Input(whole, parts, counts, before)


def run(options: Options, kafka: ApacheKafka, directory: Path, tell: Tell) -> Verdict:
    """Run a drill and return what came of it. Raises StuckError."""
    began = time.monotonic()
    feeds = directory / "feeds.toml"
    feeds.write_text(FEEDS)
    given = write(options.load, directory)
    tell(f"{given.total:,} measurements of {options.load.series:,} ASNs in {options.load.bins} bins and a tail")
    merged = detect(feeds, given.whole)
    undisturbed = [detect(feeds, part) for part in given.parts]
    together = incidents(feeds, given.parts)
    tell(f"undisturbed: {sum(len(network.revisions) for network in undisturbed):,} revisions of outages")
    tell(f"undisturbed: {len(together):,} revisions of incidents")
    whole = whole_of(undisturbed, merged)
    awaited = frozenset([*together.values(), *filter(is_of_area, whole.values())])
    cluster = Cluster(kafka.address, f"drill-{options.load.seed}", directory, feeds, **SETTINGS)
    try:
        course = Course(options, kafka, cluster, given, awaited, tell)
        course.run()
        verdict = course.verdict()
        _compare(verdict, cluster, undisturbed, whole)
        verdict.incidents([record.value for record in cluster.all_records(cluster.kafka.incidents)], together)
        verdict.found(struck(options.load), merged.revisions)
    finally:
        cluster.close()
    verdict.table["seconds"] = round(time.monotonic() - began)
    return verdict


def _compare(verdict: Verdict, cluster: Cluster, undisturbed: list[Undisturbed], whole: Mapping[Key, bytes]) -> None:
    """Read what the workers sent and compare it with the undisturbed runs."""
    names = cluster.kafka
    verdict.outages([record.value for record in cluster.all_records(names.outages)], whole)
    verdict.counters(undisturbed)
    letters = (dict(record.headers) for record in cluster.all_records(names.dead))
    verdict.dead([(int(headers["partition"]), int(headers["offset"])) for headers in letters])
    verdict.log(_counted(cluster))


def _counted(cluster: Cluster) -> list[int]:
    """Return how many committed messages each partition of the measurements holds."""
    options = {"group.id": "count", "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = Consumer({"bootstrap.servers": cluster.kafka.address, "isolation.level": "read_committed", **options})
    topic, counts, left = cluster.kafka.measurements, [0] * PARTITIONS, set(range(PARTITIONS))
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in left])
    until = time.monotonic() + COUNT_SECONDS
    while left and time.monotonic() < until:
        for message in consumer.consume(10_000, 0.5):
            if message.error() is None:
                counts[message.partition()] += 1
            else:
                left.discard(message.partition())
    consumer.close()
    return counts


class Course:
    """One drill while it runs."""

    def __init__(
        self,
        options: Options,
        kafka: ApacheKafka,
        cluster: Cluster,
        given: Input,
        awaited: frozenset[bytes],
        tell: Tell,
    ) -> None:
        self.options, self.kafka, self.given, self.tell = options, kafka, given, tell
        self.cluster, self.awaited = cluster, awaited  # incidents and outages of areas that are to be sent
        self.crew = Crew(cluster, tell, options.patience)
        topic = cluster.kafka.measurements
        self.feeder = Feeder(kafka.address, topic, messages(options.load), options.rate)
        self.lead = max(1000, given.total // (2 * max(options.kills, 1)))
        self.second: int | None = None
        self.status: dict[int, dict[str, Any]] = {}
        self.codes: list[int] = []  # of the workers that were asked to end
        self.done: dict[str, int] = dict.fromkeys(("kill", "join", "leave", "restart", "crash", "stall", "refuse"), 0)

    def run(self) -> None:
        """Feed and disturb the workers until all is applied, then let them end in order."""
        self.crew.start()
        self.feeder.start()
        asked = self.options
        moves = plan(self.given.total, asked.kills, asked.restarts, asked.stalls, asked.load.seed)
        early = [move for move in moves if move.at < self.given.before]
        for move in early:
            self._move(move)
        self._backlog()
        for move in moves[len(early) :]:
            self._move(move)
        self._wait("the end of the input", self.given.total)
        self.crew.wait("the feeder", self.feeder.done.is_set)
        self.crew.wait("workers that are all at the end", lambda: self.crew.here() == self.given.total)
        self.tell("all is applied")
        self._wait_stages()
        self._end()

    def _wait_stages(self) -> None:
        """Give the stages of areas and incidents, which have no such counts, the time to take what was told last."""
        until = time.monotonic() + STAGE_SECONDS
        while time.monotonic() < until and not self.awaited <= self._sent():
            time.sleep(1)

    def _sent(self) -> set[bytes]:
        names = self.cluster.kafka
        return {record.value for name in (names.outages, names.incidents) for record in self.cluster.all_records(name)}

    def _wait(self, awaited: str, at: int) -> None:
        self.crew.wait(awaited, lambda: self.crew.applied >= at, self._feed)

    def _feed(self) -> None:
        self.feeder.limit = self.crew.applied + self.lead
        if self.feeder.error:
            raise RuntimeError(f"the feeder: {self.feeder.error}")

    def _backlog(self) -> None:
        """All but one partition are read to their ends; then that one gets its first hours while nobody is there."""
        self.crew.wait("all but the laggard", lambda: self.feeder.waiting.is_set(), self._feed)
        self._wait("all that was sent", self.given.before)
        for number in sorted(self.crew.live):
            self._stop(number)
        self.feeder.release.set()
        self.feeder.released.wait(self.options.patience)
        backlog = self.feeder.sent[LAGGARD]
        self.tell(f"no worker; partition {LAGGARD} gets a backlog of {backlog:,}, {BACKLOG_BINS // 2} hours")
        self.crew.start()

    def _move(self, move: Move) -> None:
        self._wait(f"{move.at:,} measurements applied", move.at)
        until = time.monotonic() + move.delay
        self.crew.wait("a moment", lambda: time.monotonic() >= until, self._feed)
        self.done[move.kind] += 1
        getattr(self, f"_{move.kind}")(move)

    def _stop(self, number: int) -> None:
        """Have a worker end in order, once it has partitions: while it starts it has nothing to save."""
        self.crew.wait("a worker with partitions", lambda: self.crew.is_at_work(number), self._feed)
        self.codes.append(self.crew.stop(number))

    def _say(self, text: str) -> None:
        self.tell(f"{self.crew.applied:9,} applied: {text}")

    def _kill(self, move: Move) -> None:
        number = self.crew.kill(move.pick)
        another = self.crew.start()
        if number == self.second:
            self.second = another
        self._say(f"kill -9 {self.done['kill']} of {self.options.kills}: worker {number}, worker {another} starts")

    def _join(self, _: Move) -> None:
        self.second = self.crew.start()
        self._say(f"worker {self.second} joins")

    def _leave(self, _: Move) -> None:
        number = self.second if self.second in self.crew.live else max(self.crew.live)
        assert number is not None
        self._stop(number)
        self._say(f"worker {number} leaves")

    def _stall(self, move: Move) -> None:
        number = self.crew.freeze(move.pick)
        self._say(f"worker {number} stands still")
        until = time.monotonic() + STALL_SECONDS
        self.crew.wait("a session that ends", lambda: time.monotonic() >= until, self._feed)
        self.crew.thaw(number)
        self._say(f"worker {number} goes on")

    def _restart(self, _: Move) -> None:
        self._say("the broker is restarted in order")
        self.kafka.restart()
        self._say("the broker is back")

    def _crash(self, _: Move) -> None:
        self._say("kill -9 of the broker")
        self.kafka.restart(kill=True)
        self._say("the broker is back")

    def _refuse(self, _: Move) -> None:
        """Let the broker take no snapshot until a worker has refused its partitions; then start others in its place.

        The changelog gets a transaction too, whose marker the next recovery finds at its end.
        """
        log = SnapshotLog(self.cluster)
        log.limit(NOTHING)
        self._say("the broker refuses snapshots")
        self.crew.wait("a worker that refuses", lambda: bool(self.crew.refusing()), self._feed)
        log.limit(topics.MAX_MESSAGE)
        log.add_transaction()
        numbers, refusing = sorted(self.crew.live), self.crew.refusing()
        codes = {number: self.crew.stop(number) for number in numbers}
        self.codes += [codes[number] for number in refusing]  # another may be about to start, with nothing to save
        started = [self.crew.start() for _ in numbers]
        self.second = started[-1]
        self._say(f"a worker has refused its partitions; workers {started} start")

    def _end(self) -> None:
        self.status = self.crew.status()
        for number in sorted(self.crew.live):
            self._stop(number)
        self.tell("the workers end")

    def verdict(self) -> Verdict:
        """Return a verdict that knows what was done, and what was sent and counted."""
        done = {
            "kills": self.done["kill"],
            "workers that stood still": self.done["stall"],
            "refused snapshots": self.done["refuse"],
            "broker restarts": self.done["restart"] + self.done["crash"],
            "rebalances": self.crew.generation(),
            "transactions taken back": self.feeder.retractor.count,
            "workers that ended by themselves": self.crew.fallen,
        }
        return Verdict(self.given.counts, self.status, self.codes, done)
