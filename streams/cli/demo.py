"""`ebbtide demo`: a broker, a worker, a recorded day replayed through both, and the outages in it on the screen."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from kafka import TopicPartition
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from schemas.incident import Incident
from schemas.outage import decode_outage
from schemas.rejections import printable
from streams.broker import topics
from streams.broker.clients import reading
from streams.cli.child_process import child
from streams.cli.demo_broker import embedded_broker
from streams.cli.replay import Pace, Replayed, replay
from streams.cli.tables import HEADER, line, summary
from streams.cli.worker_client import WorkerUnreachableError, ask, known_incidents
from streams.config.errors import EbbtideError, UsageError
from streams.config.ports import free_port
from streams.config.settings import Settings
from streams.evaluation.measurement_files import STDIN, read_chunks
from streams.worker.web.access import token_of

PATIENCE = 120.0  # seconds without progress after which the worker is given up
POLL_MS = 100
SETTLE_MS = 1000


@dataclass(frozen=True, slots=True)
class Demo:
    """What to show: settings and the file that they come from, a recording, and where to run it."""

    settings: Settings
    settings_file: Path
    recording: str
    broker: str | None
    keep: bool


def run_demo(demo: Demo, console: Console) -> None:
    """Run the whole demo; every child process is gone when this returns or raises, whatever the signal."""
    total = _check(demo)
    with ExitStack() as stack:
        stack.enter_context(_ended_by_signals())
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="ebbtide-")))
        broker = demo.broker or stack.enter_context(embedded_broker(directory))
        settings = own(demo.settings, broker)
        topics.create(settings.kafka)
        if demo.broker:
            stack.callback(topics.delete, settings.kafka)
        outages = stack.enter_context(_reader(settings))
        console.print(f"broker {broker}, worker http://{settings.web.bind}:{settings.web.port}", highlight=False)
        console.print(f"recording {demo.recording}", highlight=False, soft_wrap=True)
        worker = stack.enter_context(child(_command(demo), directory, "worker", environment(settings, directory)))
        watch = Watch(settings, worker, directory / "worker.log")
        watch.wait_ready()
        _show(demo.recording, total, watch, outages, console)
        if demo.keep:
            console.print("Still running, Ctrl-C ends it.")
            with suppress(KeyboardInterrupt):
                _follow(outages, watch, console)


def _check(demo: Demo) -> int:
    """Return how many lines the recording has. Raises an EbbtideError for what would fail after a long start."""
    if not demo.settings.feeds:
        raise UsageError(f"{demo.settings_file}: the settings name no feeds")
    if not demo.broker and demo.settings.kafka.security_protocol != "PLAINTEXT":
        raise UsageError(f"{demo.settings_file}: the embedded broker knows no TLS and no SASL, give --broker")
    if demo.recording == STDIN:
        raise UsageError("demo --file: standard input cannot be read twice, give a file")
    return sum(len(lines) for lines in read_chunks([demo.recording]))


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let a request to end, or the terminal's end, do what Ctrl-C does, so that no child is left behind."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in _ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def own(settings: Settings, broker: str) -> Settings:
    """Return the settings of this run: a group and topics of its own, one partition, so that all is read in order.

    Of its own is every topic, since they are deleted at the end: others on the broker are somebody's.
    """
    name = f"ebbtide-demo-{secrets.token_hex(4)}"
    kafka = msgspec.structs.replace(
        settings.kafka,
        bootstrap_servers=(broker,),
        app_id=name,
        partitions=1,
        replication=1,
        **{key: f"{name}.{key}" for key in topics.KEYS},
    )
    web = msgspec.structs.replace(settings.web, port=free_port(settings.web.bind))
    return msgspec.structs.replace(settings, kafka=kafka, web=web)


def _command(demo: Demo) -> list[str]:
    program = [sys.executable, "-m", "streams.cli"]
    return [*program, "worker", "--settings", str(demo.settings_file.resolve())]


def environment(settings: Settings, directory: Path) -> dict[str, str]:
    """Return what the worker must be told over the settings file."""
    kafka, web = settings.kafka, settings.web
    return {
        "EBBTIDE_KAFKA_BOOTSTRAP_SERVERS": kafka.address,
        "EBBTIDE_KAFKA_PARTITIONS": str(kafka.partitions),
        **{f"EBBTIDE_KAFKA_{key.upper()}": json.dumps(getattr(kafka, key)) for key in ("app_id", *topics.KEYS)},
        "EBBTIDE_WEB_PORT": str(web.port),
        "EBBTIDE_WORKER_DATA_DIR": json.dumps(str(directory / "state")),
    }


_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def _reader(settings: Settings) -> Iterator[Any]:
    with reading(settings.kafka) as consumer:
        partition = TopicPartition(settings.kafka.outages, 0)
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        yield consumer


class Watch:
    """Asks the worker how far it is."""

    def __init__(self, settings: Settings, process: subprocess.Popen[bytes], log: Path) -> None:
        self.url = f"http://{settings.web.bind}:{settings.web.port}"
        self.settings, self.process, self.log = settings, process, log

    def wait_ready(self) -> None:
        """Wait until the worker is ready. Raises EbbtideError with its last line when it ends or takes too long."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.status().get("ready"):
                return
            time.sleep(0.1)
        raise EbbtideError(f"the worker is not ready after {PATIENCE:g} s: {self._last_line()}")

    def status(self) -> dict[str, Any]:
        """Return what the worker says of itself; nothing while it does not answer. Raises EbbtideError when it died."""
        if self.process.poll() is not None:
            raise EbbtideError(f"the worker ended with status {self.process.returncode}: {self._last_line()}")
        try:
            return ask(self.url, "/api/v1/status", token_of(self.settings.web))
        except WorkerUnreachableError:
            return {}

    def incidents(self) -> list[Incident]:
        """Return the incidents of the recording that the worker knows of."""
        return known_incidents(self.url, token_of(self.settings.web))

    def partition(self) -> dict[str, Any]:
        """Return the counts of the only partition."""
        return dict(self.status().get("partitions", {}).get("0", {}))

    def _last_line(self) -> str:
        return self.log.read_text(errors="replace").strip().rpartition("\n")[2] or "it said nothing"


def _show(recording: str, total: int, watch: Watch, outages: Any, console: Console) -> None:  # noqa: ANN401
    console.print(HEADER, style="bold", highlight=False, soft_wrap=True)
    sent = Replayed()
    with _progress(console) as progress:
        task = progress.add_task("measurements", total=total)
        for replayed in replay(watch.settings.kafka, [recording], Pace(None, time.time, time.sleep)):
            sent = replayed
            _print_new(outages, console)
            progress.update(task, completed=watch.partition().get("applied", -1) + 1)
        counts = _wait_applied(watch, sent.offsets.get(0, -1), lambda: _print_new(outages, console))
        progress.update(task, completed=total)
    while _print_new(outages, console, SETTLE_MS):
        pass
    _print_incidents(watch, console)
    console.print(summary(_counts(counts)))


def _progress(console: Console) -> Progress:
    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*parts, console=console, transient=True, disable=not console.is_terminal)


def _wait_applied(watch: Watch, offset: int, meanwhile: Any) -> dict[str, Any]:  # noqa: ANN401
    """Wait until the worker has applied everything up to an offset and return its counts."""
    reached, deadline = -2, 0.0
    while True:
        counts = watch.partition()
        meanwhile()
        applied = counts.get("applied", -1)
        if applied >= offset:
            return counts
        if applied > reached:
            reached, deadline = applied, time.monotonic() + PATIENCE
        if time.monotonic() > deadline:
            break
    raise EbbtideError(f"the worker has read nothing more for {PATIENCE:g} s")


def _print_new(outages: Any, console: Console, timeout_ms: int = POLL_MS) -> int:  # noqa: ANN401
    """Print revisions of outages that have come in; return how many."""
    records = [record for batch in outages.poll(timeout_ms).values() for record in batch]
    for record in records:
        console.print(line(decode_outage(record.value)), highlight=False, markup=False, soft_wrap=True)
    return len(records)


def _print_incidents(watch: Watch, console: Console) -> None:
    """Print what the incidents say at the end, in the order in which they began, once nothing more comes of them."""
    found, before = watch.incidents(), None
    while found != before:
        time.sleep(SETTLE_MS / 1000)
        found, before = watch.incidents(), found
    for one in sorted(found, key=lambda one: (one.started_at, one.incident_id)):
        if one.merged_into is None:
            console.print(printable(one.headline), highlight=False, markup=False, soft_wrap=True)


def _counts(counts: dict[str, Any]) -> dict[str, int]:
    """Return what the summary says; an empty recording has no partition to ask."""
    dead = sum(counts.get("dead", {}).values())
    held = {"held": counts["held"]} if counts.get("held") else {}
    by_name = {"measurements in": "received", "binned": "binned", "late": "late"}
    found = {name: counts.get(key, 0) for name, key in by_name.items()}
    return {**found, **held, "dead": dead, "outages": counts.get("outages", 0)}


def _follow(outages: Any, watch: Watch, console: Console) -> None:  # noqa: ANN401
    while True:
        _print_new(outages, console, 1000)
        watch.status()
