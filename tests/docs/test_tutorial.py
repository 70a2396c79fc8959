"""The tutorial's commands, run as they stand there from its second step on, end in the alert that it shows."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from streams.broker import topics
from streams.config.loader import load
from tests.docs.blocks import ROOT, blocks
from tests.ebbtide import env, wait_for
from tests.kafka import ApacheKafka, free_ports

pytestmark = [pytest.mark.kafka, pytest.mark.long]
PAGE = "docs/tutorial.md"
ALERT = r"incident\.opened: The Internet is down in AS64501, Norway: 100 % of normal lost, 33 % of the country, since "


class Line(NamedTuple):
    """A command of the tutorial in words, and whether it runs beside the next ones."""

    words: list[str]
    is_beside: bool


def lines() -> list[Line]:
    """Return the commands from the settings to the first alert: without the installation, and the end of the outage."""
    texts = [block.text for block in blocks("sh") if block.page == PAGE][1:-1]
    found = [shlex.split(line, comments=True) for text in texts for line in text.splitlines()]
    return [Line([word for word in words if word != "&"], words[-1] == "&") for words in found]


class Learner(NamedTuple):
    """Somebody in a folder with the examples, a broker and free ports in place of the tutorial's."""

    folder: Path
    environment: dict[str, str]
    address: str
    port: int

    def words(self, line: Line) -> list[str]:
        """Return a command with what differs here."""
        if line.words[0] == "ebbtide":
            return [sys.executable, "-m", "streams.cli", *line.words[1:]]
        more = ["--broker", self.address] if "producer" in line.words[1] else [str(self.port)]
        return [sys.executable, *line.words[1:], *more]

    def start(self, line: Line) -> subprocess.Popen[bytes]:
        """Start a command that writes to the learner's terminal."""
        with (self.folder / "terminal").open("ab") as out:
            return subprocess.Popen(
                self.words(line), cwd=self.folder, env=self.environment, stdout=out, stderr=subprocess.STDOUT
            )

    def terminal(self) -> str:
        """Return what the terminal shows."""
        return (self.folder / "terminal").read_text()


@pytest.fixture
def learner(own_kafka: ApacheKafka, tmp_path: Path) -> Iterator[Learner]:
    """A learner whose topics are deleted at the end; partitions without data are waited for a little only."""
    (web, alerts, receiver) = free_ports(3)
    ours = {
        "EBBTIDE_KAFKA_BOOTSTRAP_SERVERS": own_kafka.address,
        "EBBTIDE_WEB_PORT": str(web),
        "EBBTIDE_ALERTS_PORT": str(alerts),
        "EBBTIDE_ALERTS_RECEIVERS_DESK_URL": f"http://127.0.0.1:{receiver}/",
        "EBBTIDE_WORKER_IDLE_AFTER": "2s",
    }
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    yield Learner(tmp_path, env({**ours, "PYTHONPATH": str(ROOT)}), own_kafka.address, receiver)
    topics.delete(load(tmp_path / "ebbtide.toml", ours).kafka)


def test_the_tutorial_ends_in_an_alert(learner: Learner) -> None:
    """Every command that ends does so well; the receiver prints the headline of the network that went dark."""
    (receiver,) = [block.text for block in blocks("toml") if block.page == PAGE]
    with ExitStack() as stack:
        for line in lines():
            if "outages" in line.words:  # which a reader runs once the alert is there
                wait_for("the alert", lambda: re.search(ALERT, learner.terminal()))
            process = stack.enter_context(learner.start(line))
            if line.is_beside:
                stack.callback(process.send_signal, signal.SIGINT)
                continue
            assert process.wait(90) == 0, learner.terminal()
            if "init" in line.words:
                with (learner.folder / "ebbtide.toml").open("a") as settings:
                    settings.write(receiver)
    assert re.search(ALERT, learner.terminal())
    assert "incident.opened: AS64496, a network of nobody, is down. This is a test." in learner.terminal()
