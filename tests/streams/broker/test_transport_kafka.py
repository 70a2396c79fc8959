"""The batch transport against Apache Kafka: workers that join, leave and die, slow agents, holes, tables."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaProducer

from tests.ebbtide import LOG_TAIL, PATIENCE_SECONDS, WITNESSES, wait_for
from tests.kafka import ApacheKafka

pytestmark = pytest.mark.kafka

PARTITIONS = 3


class Worker:
    """One process of tests.streams.broker.transport_app and its journal."""

    def __init__(self, kafka: ApacheKafka, app_id: str, directory: Path, name: str, **options: object) -> None:
        self._journal = directory / f"{name}.journal"
        self._journal.touch()
        self._log = (directory / f"{name}.log").open("wb")
        pairs = [f"{key}={value}" for key, value in options.items()]
        arguments = [kafka.address, app_id, str(directory / name), str(self._journal), *pairs]
        command = [sys.executable, "-m", "tests.streams.broker.transport_app", *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        WITNESSES.add(self)

    def lines(self, kind: str) -> list[list[str]]:
        """Return the fields of the journal's lines of one kind."""
        return [fields[1:] for fields in self.all_lines() if fields[0] == kind]

    def all_lines(self) -> list[list[str]]:
        """Return the fields of every whole line of the journal."""
        text = self._journal.read_text()
        return [line.split() for line in text[: text.rfind("\n") + 1].splitlines()]

    def assigned(self) -> set[int]:
        """Return the partitions of the latest assignment, none before the first."""
        lines = self.lines("assigned")
        return set(map(int, lines[-1])) if lines else set()

    def runs(self) -> dict[int, list[list[tuple[int, int]]]]:
        """Return for each partition the (first, last) offsets of its batches, a list for each assignment."""
        runs: dict[int, list[list[tuple[int, int]]]] = {}
        for kind, *fields in self.all_lines():
            if kind == "assigned":
                for partition in map(int, fields):
                    runs.setdefault(partition, []).append([])
            elif kind == "batch":
                runs[int(fields[0])][-1].append((int(fields[1]), int(fields[2])))
        return runs

    def offsets(self) -> set[tuple[int, int]]:
        """Return partition and offset of everything in the journal."""
        batches = [tuple(map(int, fields[:3])) for fields in self.lines("batch")]
        return {(partition, offset) for partition, first, last in batches for offset in range(first, last + 1)}

    def places(self) -> set[tuple[str, str]]:
        """Return partition and offset of all words in the journal."""
        return {(partition, offset) for partition, offset, _, _ in self.lines("word")}

    def counts(self) -> dict[str, int]:
        """Return the newest count of each word."""
        return {word: int(count) for _, _, word, count in self.lines("word")}

    def account(self) -> str:
        """Return how many lines of each kind the journal has, and the end of the log."""
        kinds = Counter(fields[0] for fields in self.all_lines())
        return f"{self._journal.stem}: {dict(kinds)}, {Path(self._log.name).read_text(errors='replace')[-LOG_TAIL:]}"

    def stop(self) -> int:
        """End it by SIGTERM and return its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it by kill -9."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(PATIENCE_SECONDS)
        self._log.close()
        return code


Start = Callable[..., Worker]


@pytest.fixture
def start(kafka: ApacheKafka, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Start]:
    """Start workers of the test's own app by name; none outlives the test."""
    workers: list[Worker] = []

    def start_worker(name: str, **options: object) -> Worker:
        workers.append(Worker(kafka, app_id(request), tmp_path, name, **options))
        return workers[-1]

    yield start_worker
    for worker in workers:
        worker.kill()


def app_id(request: pytest.FixtureRequest) -> str:
    """Return the id of the test's app, which is also the group's and the prefix of its topics."""
    return str(request.node.name).removeprefix("test_").replace("_", "-")


@pytest.fixture
def app(kafka: ApacheKafka, request: pytest.FixtureRequest) -> str:
    """Make the topics of the test's app, and return its id."""
    name = app_id(request)
    kafka.create_topic(f"{name}-batches", PARTITIONS)
    kafka.create_topic(f"{name}-words", PARTITIONS)
    return name


def produce(kafka: ApacheKafka, topic: str, count: int, **options: object) -> None:
    """Send that many records to each partition."""
    producer = KafkaProducer(bootstrap_servers=kafka.address, **{"linger_ms": 20, **options})
    for number in range(count):
        for partition in range(PARTITIONS):
            producer.send(topic, b"%d" % number, key=b"key", partition=partition)
    producer.flush()
    producer.close()


def say(kafka: ApacheKafka, topic: str, words: list[str]) -> None:
    """Send each word as the key of one record."""
    producer = KafkaProducer(bootstrap_servers=kafka.address)
    for word in words:
        producer.send(topic, b"said", key=word.encode())
    producer.flush()
    producer.close()


def committed(kafka: ApacheKafka, app: str, topic: str = "batches") -> dict[int, int]:
    """Return the committed offset of each partition of one of the app's topics."""
    with kafka.admin() as admin:
        offsets = admin.list_group_offsets([app])[app]
    return {tp.partition: at.offset for tp, at in offsets.items() if tp.topic == f"{app}-{topic}" and at.offset >= 0}


def assert_contiguous(worker: Worker) -> None:
    """In each assignment the batches of a partition follow each other without a hole, a step back or a repetition."""
    for partition, runs in worker.runs().items():
        for run in runs:
            for (_, last), (first, _) in pairwise(run):
                assert first == last + 1, f"partition {partition}: {last} is followed by {first}"


def test_workers_that_join_leave_and_die_lose_nothing(kafka: ApacheKafka, app: str, start: Start) -> None:
    """A, B joins, B ends by SIGTERM, A by kill -9, C goes on where the last commit was; every record is seen."""
    count = 12_000
    produce(kafka, f"{app}-batches", count)
    every = {(partition, offset) for partition in range(PARTITIONS) for offset in range(count)}

    a = start("a", pause=0.02, session=3)
    wait_for("A reads", lambda: len(a.lines("batch")) > 20)
    b = start("b", pause=0.02, session=3)
    wait_for("B reads", lambda: len(b.lines("batch")) > 20)
    assert a.assigned() | b.assigned() == {0, 1, 2}
    assert not a.assigned() & b.assigned()

    assert b.stop() == 0
    after_b = committed(kafka, app)
    for partition, runs in b.runs().items():
        if runs and runs[-1]:
            assert after_b[partition] >= runs[-1][-1][0], "only the batch that B was working on may come again"

    wait_for("A takes over", lambda: a.assigned() == {0, 1, 2})
    seen = len(a.lines("batch"))
    wait_for("A reads all three partitions", lambda: len(a.lines("batch")) > seen + 30)
    a.kill()
    after_a = committed(kafka, app)

    c = start("c", session=3)
    wait_for("everything is read", lambda: a.offsets() | b.offsets() | c.offsets() == every)
    for partition, runs in c.runs().items():
        # C may be assigned the partition twice before it reads, and A may have read it to its end.
        first = next((run[0][0] for run in runs if run), count)
        assert first == after_a[partition], "C starts at what was committed"
    for worker in (a, b, c):
        assert_contiguous(worker)
    assert c.stop() == 0
    assert committed(kafka, app) == dict.fromkeys(range(PARTITIONS), count)


def test_late_acknowledgements_hold_the_commit_back(kafka: ApacheKafka, app: str, start: Start) -> None:
    """An agent acknowledges 40 batches at once and has some left over: exactly the 40 are committed at the end."""
    produce(kafka, f"{app}-batches", 1500)
    worker = start("late", ack_every=40, table="no")
    wait_for("all batches are taken", lambda: len(worker.offsets()) == 3 * 1500)
    assert worker.stop() == 0
    assert 40 < len(worker.lines("batch")) < 80
    order = [(int(partition), int(last) + 1) for partition, _, last, _ in worker.lines("batch")]
    assert committed(kafka, app) == dict(order[:40]), "what was taken but not acknowledged must come again"


def test_reading_goes_on_within_a_compressed_batch_of_the_log(kafka: ApacheKafka, app: str, start: Start) -> None:
    """What is committed lies in the middle of a batch that the broker gives as a whole; nothing comes again."""
    produce(kafka, f"{app}-batches", 700, linger_ms=500, batch_size=1 << 20, compression_type="gzip")
    first = start("first", table="no", ack_every=5, pause=0.1)
    wait_for("some batches are acknowledged", lambda: len(first.lines("batch")) >= 12)
    assert first.stop() == 0
    then = committed(kafka, app)
    assert any(0 < offset < 700 for offset in then.values())
    second = start("second", table="no")
    wait_for("all is read", lambda: len(first.offsets() | second.offsets()) == 3 * 700)
    assert {number: runs[-1][0][0] for number, runs in second.runs().items() if runs[-1]} == {
        number: then.get(number, 0) for number in range(PARTITIONS) if then.get(number, 0) < 700
    }
    assert_contiguous(second)
    assert second.stop() == 0
    assert committed(kafka, app) == dict.fromkeys(range(PARTITIONS), 700)


def test_slow_agent_holds_reading_back(kafka: ApacheKafka, app: str, start: Start) -> None:
    """At most `buffer` batches wait for a slow agent, while another worker still joins and a SIGTERM still ends it."""
    produce(kafka, f"{app}-batches", 5000)
    slow = start("slow", pause=0.25, buffer=2)
    wait_for("the slow worker reads", lambda: len(slow.lines("batch")) >= 8)
    other = start("other", pause=0.25, buffer=2)
    wait_for("the other worker reads", lambda: len(other.lines("batch")) >= 2)
    assert slow.stop() == 0
    assert max(int(fields[0]) for fields in slow.lines("waiting")) == 2
    assert_contiguous(slow)


def test_ordinary_topic_and_table_keep_working_beside_a_batch_topic(kafka: ApacheKafka, app: str, start: Start) -> None:
    """Words are counted record by record, and a worker with an empty directory recovers them from the changelog."""
    words = [f"word-{number}" for number in range(20)]
    produce(kafka, f"{app}-batches", 1000)
    say(kafka, f"{app}-words", words * 3)
    first = start("first")
    wait_for("all is read", lambda: len(first.places()) == 60 and len(first.offsets()) == 3000)
    assert first.stop() == 0
    # A record that comes again is counted again, and no other is.
    counted = Counter(word for _, _, word, _ in first.lines("word"))
    assert set(counted) == set(words)
    assert first.counts() == counted

    say(kafka, f"{app}-words", words)
    second = start("second")
    wait_for("the second worker counts on", lambda: set(second.counts()) == set(words))
    assert second.stop() == 0
    assert second.counts() == counted + Counter(word for _, _, word, _ in second.lines("word"))
    assert second.lines("batch") == [], "all batches were committed"


def test_topic_that_brokers_do_not_know_yet_is_waited_for(kafka: ApacheKafka, app: str, start: Start) -> None:
    """The first answers lack the changelog, made a moment ago: it is assigned all the same, and words are counted."""
    say(kafka, f"{app}-words", ["word"] * 3)
    worker = start("worker", unknown=3)
    wait_for("all is read", lambda: len(worker.places()) == 3)
    assert worker.stop() == 0


async def test_lag_is_zero_at_the_end_even_behind_a_transaction_marker(
    kafka: ApacheKafka, app: str, start: Start
) -> None:
    """Transactions leave holes in the offsets: batches go across them, and the end is known as read."""
    async with AIOKafkaProducer(bootstrap_servers=kafka.address, transactional_id=app) as producer:
        for _ in range(5):
            async with producer.transaction():
                for partition in range(PARTITIONS):
                    await producer.send(f"{app}-batches", b"value", partition=partition)
                    await producer.send(f"{app}-batches", None, key=b"null", partition=partition)
    worker = start("reader", table="no")
    wait_for("a lag of 0", lambda: worker.lines("lag")[-3:] == [["0", "0"], ["1", "0"], ["2", "0"]])
    for runs in worker.runs().values():
        assert [runs[-1][0][0], runs[-1][-1][1]] == [0, 13], "five times two records and a marker: 0 1 . 3 4 . 6 ..."
    assert sum(int(fields[3]) for fields in worker.lines("batch")) == 30
    assert worker.stop() == 0
    assert committed(kafka, app) == dict.fromkeys(range(PARTITIONS), 14)


async def test_what_was_taken_back_is_not_read_and_the_commit_goes_on(
    kafka: ApacheKafka, app: str, start: Start
) -> None:
    """Aborted transactions between and behind committed ones, in runs and record by record: no agent gets one,
    the commit passes all that came before a committed record, and what comes later is read.
    """
    async with AIOKafkaProducer(bootstrap_servers=kafka.address, transactional_id=app) as producer:

        async def transaction(word: str, *, abort: bool) -> None:
            await producer.begin_transaction()
            for partition in range(PARTITIONS):
                for _ in range(3):
                    await producer.send(f"{app}-batches", word.encode(), partition=partition)
                    await producer.send(f"{app}-words", b"said", key=word.encode(), partition=partition)
            await (producer.abort_transaction() if abort else producer.commit_transaction())

        for _ in range(3):
            await transaction("said", abort=False)
            await transaction("never", abort=True)
        await transaction("never", abort=True)
        worker = start("reader")
        wait_for("all that was committed", lambda: len(worker.lines("word")) >= 27 and _records(worker) >= 27)
        wait_for("a lag of 0", lambda: worker.lines("lag")[-3:] == [["0", "0"], ["1", "0"], ["2", "0"]])
        await transaction("later", abort=False)
        wait_for("what comes later", lambda: len(worker.lines("word")) >= 36 and _records(worker) >= 36)
        assert worker.stop() == 0
    assert {fields[2] for fields in worker.lines("word")} == {"said", "later"}
    assert (len(worker.lines("word")), _records(worker)) == (36, 36)
    assert committed(kafka, app) == dict.fromkeys(range(PARTITIONS), 31), "7 of 3 and a marker, then 3 records"
    assert committed(kafka, app, "words") == dict.fromkeys(range(PARTITIONS), 31)


def _records(worker: Worker) -> int:
    return sum(int(fields[3]) for fields in worker.lines("batch"))
