"""`ebbtide demo` from end to end: what it prints, how it ends, and that it leaves no process behind."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from streams.broker import clients, topics
from streams.cli.demo_run import environment, own
from streams.cli.tables import HEADER
from streams.config.kafka import OWNED, TOPIC_KEYS, owner_of
from streams.config.loader import load
from streams.config.settings import KafkaSettings, Settings
from tests.ebbtide import FEEDS, MEASUREMENTS, PATIENCE_SECONDS, PROGRAM, ebbtide, env, wait_for
from tests.kafka import ApacheKafka

OPEN = re.compile(r"^2016-06-16 15:10  open .* asn/43754 .* 2016-06-16 15:05$", re.MULTILINE)
CLOSED = re.compile(r"^2016-06-16 16:50  closed .* asn/43754 .* 2016-06-16 15:05 until 2016-06-16 16:45$", re.MULTILINE)
HEADLINE = "The Internet was down in AS43754: 100 % of normal lost, from 2016-06-16 15:05 to 2016-06-16 16:45 UTC"
SUMMARY = r"^10,550 measurements in · 10,550 binned · 0 late · 0 dead · \d outages?$"


class Running:
    """A demo in a process of its own that writes to a file."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.file = directory / "demo.out"
        with self.file.open("wb") as out:
            command = [*PROGRAM, "demo", *arguments]
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env({"PYTHONUNBUFFERED": "1"})
            )

    def output(self) -> str:
        """Return what it has written so far."""
        return self.file.read_text()

    def children(self) -> set[int]:
        """Return the ids of its child processes."""
        return children(self.process.pid)

    def end(self, number: signal.Signals) -> int:
        """Send it a signal and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[list[Running]]:
    """Collect demos that were started; none outlives the test."""
    started: list[Running] = []
    yield started
    for demo in started:
        if demo.process.poll() is None:
            demo.end(signal.SIGTERM)


def children(parent: int) -> set[int]:
    """Return the ids of the processes whose parent has that id."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            found.add(int(stat.parent.name))
    return found


def assert_gone(processes: set[int]) -> None:
    """None of these processes is there any more."""
    assert len(processes) == 2, "a broker and a worker"
    assert not [number for number in processes if Path(f"/proc/{number}").exists()]


def assert_whole(output: str) -> None:
    """The output has its head, the known outage from its opening to its end, what that was, and the counts."""
    assert HEADER.rstrip() in output
    assert OPEN.search(output), output
    assert CLOSED.search(output), output
    assert HEADLINE in output
    assert re.search(SUMMARY, output, re.MULTILINE), output


@pytest.mark.embedded
def test_demo_shows_the_outage_and_stays_up_when_told(running: list[Running], tmp_path: Path) -> None:
    """On the embedded broker; with --keep Ctrl-C is its normal end, and every child is gone after it."""
    demo = Running(tmp_path, "--keep")
    running.append(demo)
    wait_for("the end of the recording", lambda: "Still running" in demo.output() or demo.process.poll() is not None)
    assert_whole(demo.output())
    processes = demo.children()
    assert demo.end(signal.SIGINT) == 0
    assert_gone(processes)
    assert "Traceback" not in demo.output()


@pytest.mark.embedded
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_demo_interrupted_in_the_middle_leaves_nothing(
    running: list[Running], tmp_path: Path, number: signal.Signals
) -> None:
    """Ctrl-C, a request to end and a lost terminal end it with one line, its children first."""
    demo = Running(tmp_path)
    running.append(demo)
    processes = wait_for("two children", lambda: found if len(found := demo.children()) == 2 else None)
    assert demo.end(number) == 130
    assert_gone(processes)
    assert demo.output().splitlines()[-1] == "ebbtide: interrupted"
    assert "Traceback" not in demo.output()


@pytest.mark.embedded
def test_demo_on_a_terminal_shows_progress(tmp_path: Path) -> None:
    """A terminal gets a progress bar; another recording with its settings runs as the shipped one does."""
    recording, settings = tmp_path / "day.jsonl.gz", tmp_path / "feeds.toml"
    recording.write_bytes(MEASUREMENTS.read_bytes())
    settings.write_bytes(FEEDS.read_bytes())
    code, shown = on_terminal("demo", "--file", str(recording), "--settings", str(settings))
    assert code == 0, shown
    assert "━" in shown
    assert re.search(r"\d+/10550", shown)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "")
    assert re.search(r"asn/43754 .* 2016-06-16 15:05 until 2016-06-16 16:45", plain)


def on_terminal(*arguments: str) -> tuple[int, str]:
    """Run a command on a terminal of its own; return its exit code and all that it wrote."""
    ours, theirs = pty.openpty()
    more = {"TERM": "xterm-256color", "COLUMNS": "160"}
    process = subprocess.Popen([*PROGRAM, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=env(more))
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65_536):
            shown += piece
    except OSError:  # Linux says so when the last one on the other side has left
        pass
    os.close(ours)
    return process.wait(PATIENCE_SECONDS), shown.decode(errors="replace")


@pytest.mark.kafka
def test_demo_on_a_real_kafka_runs_twice_and_cleans_up(own_kafka: ApacheKafka) -> None:
    """Two runs in a row show the same; their topics are gone afterwards, and no other has come or gone."""
    own_kafka.create_topic("partials", 4)  # as a worker on that broker may have
    before = topics_of(own_kafka)
    shown = [ebbtide("demo", "--broker", own_kafka.address) for _ in range(2)]
    for done in shown:
        assert (done.returncode, done.stderr) == (0, b"")
        assert_whole(done.stdout.decode())
    assert len({done.stdout.decode().split("since\n")[1] for done in shown}) == 1
    assert topics_of(own_kafka) == before


def topics_of(kafka: ApacheKafka) -> set[str]:
    """Return all topics but those of the broker's own."""
    with KafkaAdminClient(bootstrap_servers=kafka.address) as admin:
        return {topic for topic in admin.list_topics() if not topic.startswith("__")}


def test_every_topic_of_a_demo_is_its_own(tmp_path: Path) -> None:
    """Since all are deleted at the end, whatever else is on the broker; and the worker is told of each."""
    before = Settings(kafka=KafkaSettings(prefix="our.", calendar="ours", alerts_dead="ours, too"))
    settings = own(before, "127.0.0.1:9")
    (tmp_path / "ebbtide.toml").write_text('[kafka]\nprefix = "our."\n', encoding="utf-8")
    for kafka in (settings.kafka, load(tmp_path / "ebbtide.toml", environment(settings, Path())).kafka):
        names = {topic.name for topic in topics.all_of(kafka)}
        assert all(name.startswith(settings.kafka.app_id) for name in names)
        owners = {owner_of(getattr(kafka, key)) for key in OWNED}
        assert names == {getattr(kafka, key) for key in TOPIC_KEYS} | {topics.changelog(kafka)} | owners


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("--broker", "127.0.0.1:1"), 1, "ebbtide: kafka.bootstrap_servers 127.0.0.1:1: no Kafka broker answers"),
        (("--settings", "no.toml"), 2, "ebbtide: no.toml: cannot be read"),
        (("--file", "no.jsonl", "--settings", str(FEEDS)), 1, "ebbtide: no.jsonl: cannot be read"),
        (("--file", "-", "--settings", str(FEEDS)), 2, "ebbtide: demo --file: standard input"),
    ],
)
def test_demo_says_in_one_line_what_is_wrong(
    tmp_path: Path, arguments: tuple[str, ...], code: int, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unreachable broker, and files that are missing, before anything is started."""
    monkeypatch.setattr(clients, "CONNECT_MS", 500)
    done = ebbtide("demo", *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert done.stdout == b""
    (said,) = done.stderr.decode().splitlines()
    assert said.startswith(line)
