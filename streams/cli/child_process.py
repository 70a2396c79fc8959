"""Start child processes, and end each of them in every case."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

PATIENCE = 10.0
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def child(
    command: Sequence[str], directory: Path, name: str, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program with its output in a file `NAME.log` of the directory; end it, by force if need be, at the end.

    `environment` is added to the environment of this process.
    """
    with (directory / f"{name}.log").open("wb") as log, ExitStack() as stack:
        with _signals_later():
            # A session of its own: Ctrl-C reaches us alone, and we end our children in order.
            process = subprocess.Popen(
                command,
                cwd=directory,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            stack.callback(end, process)
        yield process


@contextmanager
def _signals_later() -> Iterator[None]:
    """Handle signals that end us after the `with`: one during a start would leave a child that nobody ends."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in came:
            signal.raise_signal(late)


def end(process: subprocess.Popen[bytes], patience: float = PATIENCE) -> None:
    """End a process: terminate it, wait `patience` seconds, then kill it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
        except BaseException:  # a second Ctrl-C
            process.kill()
            raise
    process.wait()
