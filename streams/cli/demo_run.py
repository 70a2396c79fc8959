"""The run of a demo: start a broker and a worker, replay a recording, and print the outages that come out."""

from __future__ import annotations

import json
import secrets
import signal
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

from schemas.outage import decode_outage
from schemas.rejections import printable
from streams.broker import topics
from streams.broker.clients import reading
from streams.cli.child_process import ENDINGS, child
from streams.cli.demo_broker import embedded_broker
from streams.cli.demo_worker import PATIENCE, DemoWorker
from streams.cli.replay import Replayed, ReplayPace, replay
from streams.cli.tables import HEADER, line, summary
from streams.config.errors import EbbtideError, UsageError
from streams.config.kafka import TOPIC_KEYS
from streams.config.line_files import STDIN, read_chunks
from streams.config.ports import free_port
from streams.config.settings import Settings

POLL_MS = 100
SETTLE_MS = 1000


@dataclass(frozen=True, slots=True)
class Demo:
    """The input of a demo: settings and their file, a recording, and the broker to use (None: the embedded one)."""

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
        process = stack.enter_context(child(_command(demo), directory, "worker", environment(settings, directory)))
        worker = DemoWorker(settings, process, directory / "worker.log")
        worker.wait_ready()
        _show(demo.recording, total, worker, outages, console)
        if demo.keep:
            console.print("Still running, Ctrl-C ends it.")
            with suppress(KeyboardInterrupt):
                _follow(outages, worker, console)


def _check(demo: Demo) -> int:
    """Return the number of lines of the recording. Raises EbbtideError for faults that would show only late."""
    if not demo.settings.feeds:
        raise UsageError(f"{demo.settings_file}: the settings name no feeds")
    if not demo.broker and demo.settings.kafka.security_protocol != "PLAINTEXT":
        raise UsageError(f"{demo.settings_file}: the embedded broker supports neither TLS nor SASL: give --broker")
    if demo.recording == STDIN:
        raise UsageError("demo --file: standard input cannot be read twice, give a file")
    return sum(len(lines) for lines in read_chunks([demo.recording]))


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Handle SIGTERM and SIGHUP as Ctrl-C, so that no child process is left behind."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def own(settings: Settings, broker: str) -> Settings:
    """Return the settings of this run: its own group and topics, with one partition, so that all is read in order.

    The run deletes its topics at the end, so no topic may be shared with other users of the broker.
    """
    name = f"ebbtide-demo-{secrets.token_hex(4)}"
    kafka = msgspec.structs.replace(
        settings.kafka,
        bootstrap_servers=(broker,),
        prefix="",
        app_id=name,
        partitions=1,
        replication=1,
        **{key: f"{name}.{key}" for key in TOPIC_KEYS},
    )
    web = msgspec.structs.replace(settings.web, port=free_port(settings.web.bind))
    return msgspec.structs.replace(settings, kafka=kafka, web=web)


def _command(demo: Demo) -> list[str]:
    program = [sys.executable, "-m", "streams.cli"]
    return [*program, "worker", "--settings", str(demo.settings_file.resolve())]


def environment(settings: Settings, directory: Path) -> dict[str, str]:
    """Return the environment of the worker: what differs from the settings file."""
    kafka, web, keys = settings.kafka, settings.web, ("prefix", "app_id", *TOPIC_KEYS)
    return {
        "EBBTIDE_KAFKA_BOOTSTRAP_SERVERS": kafka.address,
        "EBBTIDE_KAFKA_PARTITIONS": str(kafka.partitions),
        **{f"EBBTIDE_KAFKA_{key.upper()}": json.dumps(getattr(kafka, key)) for key in keys},
        "EBBTIDE_WEB_PORT": str(web.port),
        "EBBTIDE_WORKER_DATA_DIR": json.dumps(str(directory / "state")),
    }


@contextmanager
def _reader(settings: Settings) -> Iterator[Any]:
    with reading(settings.kafka) as consumer:
        partition = TopicPartition(settings.kafka.outages, 0)
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        yield consumer


def _show(recording: str, total: int, worker: DemoWorker, outages: Any, console: Console) -> None:  # noqa: ANN401
    console.print(HEADER, style="bold", highlight=False, soft_wrap=True)
    sent = Replayed()
    with _progress(console) as progress:
        task = progress.add_task("measurements", total=total)
        for replayed in replay(worker.settings.kafka, [recording], ReplayPace(None, time.time, time.sleep)):
            sent = replayed
            _print_new(outages, console)
            progress.update(task, completed=worker.partition().get("applied", -1) + 1)
        counts = _wait_applied(worker, sent.offsets.get(0, -1), lambda: _print_new(outages, console))
        progress.update(task, completed=total)
    while _print_new(outages, console, SETTLE_MS):
        pass
    _print_incidents(worker, console)
    console.print(summary(_counts(counts)))


def _progress(console: Console) -> Progress:
    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*parts, console=console, transient=True, disable=not console.is_terminal)


def _wait_applied(worker: DemoWorker, offset: int, meanwhile: Any) -> dict[str, Any]:  # noqa: ANN401
    """Wait until the worker has applied everything up to an offset and return its counts."""
    reached, deadline = -2, 0.0
    while True:
        counts = worker.partition()
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
    """Print the revisions of outages that have arrived; return their number."""
    records = [record for batch in outages.poll(timeout_ms).values() for record in batch]
    for record in records:
        console.print(line(decode_outage(record.value)), highlight=False, markup=False, soft_wrap=True)
    return len(records)


def _print_incidents(worker: DemoWorker, console: Console) -> None:
    """Print the headlines of the incidents, in order of their start, once they no longer change."""
    found, before = worker.incidents(), None
    while found != before:
        time.sleep(SETTLE_MS / 1000)
        found, before = worker.incidents(), found
    for incident in sorted(found, key=lambda incident: (incident.started_at, incident.incident_id)):
        if incident.merged_into is None:
            console.print(printable(incident.headline), highlight=False, markup=False, soft_wrap=True)


def _counts(counts: dict[str, Any]) -> dict[str, int]:
    """Return the counts of the summary; zeros when the recording is empty and no partition answers."""
    dead = sum(counts.get("dead", {}).values())
    pending = {"held": counts["held"]} if counts.get("held") else {}
    by_name = {"measurements in": "received", "binned": "binned", "late": "late"}
    found = {name: counts.get(key, 0) for name, key in by_name.items()}
    return {**found, **pending, "dead": dead, "outages": counts.get("outages", 0)}


def _follow(outages: Any, worker: DemoWorker, console: Console) -> None:  # noqa: ANN401
    while True:
        _print_new(outages, console, 1000)
        worker.status()
