"""Child processes of the demo: none outlives us, whenever a signal comes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.cli import child_process


@pytest.fixture
def interrupt() -> Iterator[None]:
    """Have Ctrl-C raise KeyboardInterrupt, as in a program that has just started."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupt")
def test_a_signal_in_the_middle_of_a_start_ends_the_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ctrl-C that comes when the process exists, but before anybody holds it, is handled once it can be ended."""
    started: list[subprocess.Popen[bytes]] = []

    def interrupted(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401
        started.append(popen(*arguments, **options))
        signal.raise_signal(signal.SIGINT)
        return started[0]

    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", interrupted)
    sleeper = child_process.child([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, "sleeper")
    with pytest.raises(KeyboardInterrupt), sleeper:
        pytest.fail("the signal was lost")
    assert started[0].returncode == -signal.SIGTERM
