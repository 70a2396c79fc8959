"""The README's commands and code, run as they stand there, with another broker's address."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from streams.broker import topics
from streams.config.loader import load
from streams.evaluation.simulate.situations import SCENARIOS
from tests.docs.blocks import Block, Command, blocks, commands
from tests.ebbtide import ebbtide, env, wait_for
from tests.kafka import ApacheKafka, free_ports
from tests.scenarios.brief import SHUTDOWN

pytestmark = pytest.mark.kafka
ADDRESS = "127.0.0.1:9092"
DAY = [
    {"feed": "reach", "ts": 1577145600 + 300 * n, "asn": 44244, "country": "IR", "value": 57, "of": 60}
    for n in range(288)
]


def of_readme(language: str) -> list[Block]:
    """The README's blocks of a language."""
    return [block for block in blocks(language) if block.page == "README.md"]


class Newcomer(NamedTuple):
    """Somebody in an empty folder, with the README's settings and a day of measurements."""

    folder: Path
    environment: dict[str, str]
    address: str
    port: int

    def run(self, words: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end."""
        return ebbtide(*words[1:], cwd=self.folder, environment=self.environment)

    def received(self) -> int:
        """How many measurements the worker has read."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/status", timeout=5) as answer:
                parts = json.load(answer)["partitions"].values()
        except OSError:
            return -1
        return sum(int(part["received"]) for part in parts)


@pytest.fixture(scope="module")
def newcomer(own_kafka: ApacheKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    """A newcomer whose topics are deleted at the end."""
    folder, (port,) = tmp_path_factory.mktemp("newcomer"), free_ports(1)
    (settings, *_) = of_readme("toml")
    (folder / "ebbtide.toml").write_text(settings.text)
    (folder / "day.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, DAY)).encode()))
    ours = {"EBBTIDE_KAFKA_BOOTSTRAP_SERVERS": own_kafka.address, "EBBTIDE_WEB_PORT": str(port)}
    root = str(Path(__file__).parents[2])
    yield Newcomer(folder, env({**ours, "PYTHONPATH": root}), own_kafka.address, port)
    topics.delete(load(folder / "ebbtide.toml", ours).kafka)


def own() -> dict[str, Command]:
    """The README's commands of ours, by the name of the command; the first of each."""
    found: dict[str, Command] = {}
    for command in commands():
        if command.block.page == "README.md" and command.words[0] == "ebbtide":
            found.setdefault(command.words[1], command)
    return found


@pytest.fixture(scope="module")
def worker(newcomer: Newcomer) -> Iterator[subprocess.Popen[bytes]]:
    """The README's worker, on the README's topics."""
    done = newcomer.run(own()["topics"].words)
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "-m", "streams.cli", *own()["worker"].words[1:]]
    with subprocess.Popen(command, cwd=newcomer.folder, env=newcomer.environment) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)


@pytest.mark.usefixtures("worker")
def test_measurements_come_in_each_way(newcomer: Newcomer) -> None:
    """By `ebbtide replay`, by ten lines of Python, and by a line of kcat: the worker reads all of them."""
    assert newcomer.run(own()["replay"].words).returncode == 0
    (code, *_) = of_readme("python")
    exec(compile(code.text.replace(ADDRESS, newcomer.address), str(code), "exec"), {})
    sent = len(DAY) + 1
    (line,) = [block for block in of_readme("sh") if "kcat" in block.text]
    if shutil.which("kcat") or os.environ.get("CI"):
        text = line.text.replace(ADDRESS, newcomer.address)
        subprocess.run(["sh", "-ec", text], check=True, timeout=30)
        sent += 1
    wait_for(f"{sent} measurements", lambda: newcomer.received() == sent)


@pytest.mark.parametrize("name", [name for name in own() if name not in ("topics", "worker", "replay")])
@pytest.mark.usefixtures("worker")
def test_every_other_command_does_what_it_says(newcomer: Newcomer, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends well on the newcomer's files, or on the worker that runs. Three days are enough of a simulation."""
    monkeypatch.setitem(SCENARIOS, SHUTDOWN.name, SHUTDOWN)
    wait_for("a worker", lambda: newcomer.received() >= 0)
    done = newcomer.run(own()[name].words)
    assert done.returncode == 0, done.stderr.decode()
