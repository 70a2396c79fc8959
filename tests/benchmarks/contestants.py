"""Runs each contestant in a process of its own, with a group of its own, and measures it from outside."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
import orjson

from streams.broker import topics
from streams.cli.child_process import child
from streams.config.ports import free_port
from streams.config.settings import KafkaSettings
from tests.benchmarks.messages import FEED, WIDTH, Load
from tests.benchmarks.reading import Reading, Result, between, read, readings_of

ROOT = Path(__file__).parents[2]
TOPIC = "measurements"
ARRAYS = "arrays"
PARTITIONS = 4
OWN = ("clock", "findings", "partials", "outages", "incidents")
POLL = 0.1
PATIENCE = 300.0


class Place(NamedTuple):
    """Where a contest takes place: the broker's address, a directory for its files, what is in the topic."""

    address: str
    directory: Path
    load: Load


class Written(NamedTuple):
    """What a worker wrote of its state."""

    snapshots: float
    bytes: float


def worker(place: Place, turn: int, topic: str = TOPIC) -> tuple[Result, Written]:
    """Run `ebbtide worker` over the whole topic, everything on."""
    group, port = f"ebbtide-{topic}-{turn}", free_port()
    settings = place.directory / f"{group}.toml"
    settings.write_text(settings_text(place.address, group, port, topic))
    topics.create(kafka_of(place.address, group, topic))
    command = [sys.executable, "-m", "streams.cli", "worker", "--settings", str(settings)]
    with child(command, place.directory, group, ENVIRONMENT) as process:
        result = _until(place.load.measurements, lambda: _applied(process, port), process)
        return result, _written(port)


def textbook(place: Place, turn: int, count: int) -> Result:
    """Run the textbook Faust agent over the first `count` messages that it gets."""
    directory = str(place.directory / f"textbook-{turn}")
    return _read_log(place, "textbook", turn, [place.address, TOPIC, str(PARTITIONS), str(count), directory], count)


def loop(place: Place, turn: int) -> Result:
    """Run the hand-written loop over the whole topic."""
    count = place.load.measurements
    return _read_log(place, "loop", turn, [place.address, TOPIC, str(turn), str(count)], count)


def rival(place: Place, turn: int, module: str, python: str, count: int) -> Result:
    """Run the program of another library, with the interpreter that has it, over the first `count` messages."""
    return _read_log(place, module, turn, [place.address, TOPIC, str(turn), str(count)], count, python)


ENVIRONMENT: Mapping[str, str] = {"PYTHONPATH": str(ROOT)}


def kafka_of(address: str, group: str, topic: str = TOPIC) -> KafkaSettings:
    """Return where the messages of a worker are. What workers tell each other has topics of its own for each group.

    Else a group that is new would begin with all that the groups before it told each other.
    """
    kafka = KafkaSettings(bootstrap_servers=(address,), app_id=group, partitions=PARTITIONS, measurements=topic)
    return msgspec.structs.replace(kafka, **{name: f"{group}-{name}" for name in OWN})


def settings_text(address: str, group: str, port: int, topic: str, width: int = WIDTH) -> str:
    """Return the settings file of a worker for the benchmark's messages."""
    kafka = kafka_of(address, group, topic)
    names = "".join(f'{name} = "{getattr(kafka, name)}"\n' for name in ("app_id", "measurements", *OWN))
    return (
        f'[kafka]\nbootstrap_servers = ["{address}"]\npartitions = {PARTITIONS}\n{names}'
        f'[web]\nport = {port}\n[worker]\ndata_dir = "{group}"\n'
        f'[feeds.{FEED}]\nsignal = "traffic"\nkind = "count"\nbin = "{width}s"\n'
    )


def _read_log(
    place: Place, module: str, turn: int, arguments: list[str], count: int, python: str = sys.executable
) -> Result:
    name = f"{module}-{turn}"
    command = [python, "-m", f"tests.benchmarks.{module}", *arguments]
    log = place.directory / f"{name}.log"

    def newest() -> Reading | None:
        readings = readings_of(log)
        return readings[-1] if readings else None

    with child(command, place.directory, name, ENVIRONMENT) as process:
        _until(count, newest, process)
    readings = readings_of(log)
    return between(readings[0], readings[-1])


def _until(count: int, look: Callable[[], Reading | None], process: subprocess.Popen[bytes]) -> Result:
    """Look until all is done and return what happened since the first progress that was seen."""
    first, end = None, time.monotonic() + PATIENCE
    while time.monotonic() < end:
        reading = look()
        if reading is not None and reading.done:
            first = first or reading
            if reading.done >= count:
                return between(first, reading)
        if reading is None and process.poll() is not None:
            break
        time.sleep(POLL)
    raise RuntimeError(f"{process.args!r} did not get through {count} measurements, see its log")


def _applied(process: subprocess.Popen[bytes], port: int) -> Reading | None:
    """Return a reading of a worker, the measurements being those that it has taken."""
    try:
        status = orjson.loads(get(port, "/api/v1/status"))
    except OSError:
        return None
    return read(sum(state["received"] for state in status["partitions"].values()), process.pid)


def wait_ready(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until a worker says that it is ready. Raises RuntimeError when it does not."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError):
            get(port, "/readyz")
            return
        time.sleep(POLL)
    raise RuntimeError(f"{process.args!r} does not become ready, see its log")


def _written(port: int) -> Written:
    lines = [line.split() for line in get(port, "/metrics").decode().splitlines() if not line.startswith("#")]
    found = {name: float(value) for name, value in lines if name.startswith("ebbtide_snapshot")}
    return Written(found["ebbtide_snapshots_total"], found["ebbtide_snapshot_bytes_total"])


def get(port: int, page: str) -> bytes:
    """Return a page of a worker. Raises OSError when it does not answer, or not with what was asked for."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=5) as answer:
        body: bytes = answer.read()
    return body
