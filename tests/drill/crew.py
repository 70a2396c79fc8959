"""The workers of the drill: started, killed, replaced, and watched for progress."""

from __future__ import annotations

import json
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from tests.ebbtide import Cluster, Worker

POLL = 0.05
LAST_WORDS = 5


class StuckError(Exception):
    """Nothing has moved for too long; the text says what was waited for and how things stood."""


class Crew:
    """The workers that should be running. `tell` writes a line of the time line."""

    def __init__(self, cluster: Cluster, tell: Callable[[str], None], patience: float) -> None:
        self.cluster, self.tell, self.patience = cluster, tell, patience
        self.live: dict[int, Worker] = {}
        self.frozen: dict[int, Worker] = {}
        self.furthest: dict[int, int] = {}  # most messages that a state ever included, by partition
        self.moved = time.monotonic()
        self.fallen = 0
        self.last_words = ""  # of the last worker that ended by itself

    @property
    def applied(self) -> int:
        """How many messages have been applied at least once."""
        return sum(self.furthest.values())

    def start(self) -> int:
        """Start a worker and return its number."""
        number = len(self.cluster.workers)
        self.live[number] = self.cluster.worker("--log-level", "info")
        return number

    def kill(self, pick: float) -> int:
        """End one of the workers by kill -9 and return its number."""
        number = self._picked(pick)
        self.live.pop(number).kill()
        return number

    def freeze(self, pick: float) -> int:
        """Make one of the workers stand still, as on a machine that swaps, and return its number."""
        number = self._picked(pick)
        self.frozen[number] = self.live.pop(number)
        self.frozen[number].process.send_signal(signal.SIGSTOP)
        return number

    def thaw(self, number: int) -> None:
        """Let a worker go on that stands still."""
        self.live[number] = self.frozen.pop(number)
        self.live[number].process.send_signal(signal.SIGCONT)

    def _picked(self, pick: float) -> int:
        return sorted(self.live)[int(pick * len(self.live))]

    def stop(self, number: int) -> int:
        """End a worker by SIGTERM and return its exit code."""
        return self.live.pop(number).stop()

    def status(self) -> dict[int, dict[str, Any]]:
        """Return what the workers say of the partitions that they have."""
        return {number: state for worker in list(self.live.values()) for number, state in _status(worker).items()}

    def is_at_work(self, number: int) -> bool:
        """Whether a worker says that it has partitions: it has started, and joined the others."""
        return bool(_status(self.live[number]))

    def here(self) -> int:
        """Return how many messages the state of the workers of now includes."""
        return sum(state["received"] for state in self.status().values())

    def refusing(self) -> list[int]:
        """Return the workers that say that they refuse partitions."""
        return [number for number, worker in self.live.items() if b'"refused: ' in _page(worker, "/readyz")]

    def look(self) -> None:
        """Note how far the workers are, and put others in the place of those that have ended by themselves."""
        for number, state in self.status().items():
            if state["received"] > self.furthest.get(number, 0):
                self.furthest[number] = state["received"]
                self.moved = time.monotonic()
        for number, worker in list(self.live.items()):
            if worker.process.poll() is not None:
                self._replace(number, worker)

    def _replace(self, number: int, worker: Worker) -> None:
        self.fallen += 1
        words = worker.errors().strip().splitlines()[-LAST_WORDS:]
        self.last_words = (
            f"worker {number} ended by itself, code {worker.process.returncode}: {' / '.join(words)[-600:]}"
        )
        self.tell(self.last_words)
        del self.live[number]
        self.tell(f"worker {self.start()} starts in its place")

    def wait(self, awaited: str, condition: Callable[[], bool], also: Callable[[], None] = lambda: None) -> None:
        """Watch until the condition is true, doing `also` each time. Raises StuckError when nothing moves for long."""
        self.moved = time.monotonic()
        while not condition():
            self.look()
            also()
            if time.monotonic() - self.moved > self.patience:
                raise StuckError(f"waited {self.patience:.0f} s without progress for {awaited}; {self._state()}")
            time.sleep(POLL)

    def generation(self) -> int:
        """Return the newest generation of the group that a worker has told of: how often it was rebalanced."""
        generations = [number for worker in self.cluster.workers for number in _generations(worker)]
        return max(generations, default=0)

    def _state(self) -> str:
        state = {number: worker.get("/readyz")[1].decode() for number, worker in self.live.items()}
        return f"applied {self.furthest}, workers {state}; {self.fallen} ended by themselves. {self.last_words}"


def _status(worker: Worker) -> dict[int, dict[str, Any]]:
    """Return what a worker says of its partitions; nothing while it does not answer."""
    with (
        suppress(urllib.error.URLError, OSError, ValueError),
        urllib.request.urlopen(worker.url + "/api/v1/status", timeout=5) as answer,
    ):
        return {int(number): state for number, state in json.load(answer)["partitions"].items()}
    return {}


def _page(worker: Worker, page: str) -> bytes:
    """Return a page of a worker; nothing while it does not answer."""
    try:
        with urllib.request.urlopen(worker.url + page, timeout=5) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        return error.read()
    except (urllib.error.URLError, OSError):
        return b""


def _generations(worker: Worker) -> Iterator[int]:
    for found in re.finditer(r"\(generation (\d+)\)", worker.errors()):
        yield int(found[1])
