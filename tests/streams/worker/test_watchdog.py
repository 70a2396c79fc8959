"""A process that stood still ends before it sends or writes anything."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streams.worker.watchdog import Pulse

PROBE = """
import atexit
from streams.worker.watchdog import Pulse
times = iter([100.0, 106.0])  # of the first beat, and of the first question
pulse = Pulse(5.0, lambda: next(times))
atexit.register(print, "sent what was waiting")
pulse.beat()
pulse.demand()
"""


class Wall:
    """A clock that is told the time."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_a_pulse_that_beats_lets_everything_through() -> None:
    """Beats closer than the limit are fine, however many; before the first, there is no pulse to fail."""
    wall, ended = Wall(), list[str]()
    pulse = Pulse(5.0, wall, ended.append)
    wall.now = 200.0
    pulse.beat()
    for wall.now in (204.9, 209.8, 214.7):
        pulse.demand()
        pulse.beat()
    assert ended == []


@pytest.mark.parametrize("notices", [Pulse.beat, Pulse.demand])
def test_whoever_notices_first_ends_it(notices: object) -> None:
    """The beat that comes late, or the work that goes on before it."""
    wall, ended = Wall(), list[str]()
    pulse = Pulse(5.0, wall, ended.append)
    pulse.beat()
    wall.now = 105.1
    assert callable(notices)
    notices(pulse)
    assert [text[:21] for text in ended] == ["stood still for 5.1 s"]


def test_the_process_ends_without_its_last_words() -> None:
    """What an orderly end would still send is another's to send now."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("ebbtide: stood still for 6.0 s")
