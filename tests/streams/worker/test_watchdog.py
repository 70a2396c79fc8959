"""A process that was suspended ends before it sends or writes anything."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streams.worker.watchdog import Watchdog

PROBE = """
import atexit
from streams.worker.watchdog import Watchdog
times = iter([100.0, 106.0])  # of the first beat and the first check
watchdog = Watchdog(5.0, lambda: next(times))
atexit.register(print, "sent what was waiting")
watchdog.beat()
watchdog.check()
"""


class Wall:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_regular_beats_end_nothing() -> None:
    """Any number of gaps below the limit is fine, and so is any time before the first beat."""
    wall, ended = Wall(), list[str]()
    watchdog = Watchdog(5.0, wall, ended.append)
    wall.now = 200.0
    watchdog.beat()
    for wall.now in (204.9, 209.8, 214.7):
        watchdog.check()
        watchdog.beat()
    assert ended == []


@pytest.mark.parametrize("notices", [Watchdog.beat, Watchdog.check])
def test_a_late_beat_or_a_check_ends_the_process(notices: object) -> None:
    """Whichever comes first: the late beat, or a check before it."""
    wall, ended = Wall(), list[str]()
    watchdog = Watchdog(5.0, wall, ended.append)
    watchdog.beat()
    wall.now = 105.1
    assert callable(notices)
    notices(watchdog)
    assert [text[:21] for text in ended] == ["stood still for 5.1 s"]


def test_the_process_ends_without_an_orderly_shutdown() -> None:
    """A shutdown would still send what another worker has to send now."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("ebbtide: stood still for 6.0 s")
