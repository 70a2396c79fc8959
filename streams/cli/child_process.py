"""Child processes and loopback ports: started, watched, and always ended."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from streams.config.errors import AddressInUseError

PATIENCE = 10.0


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port of the host that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def demand_port(host: str, port: int, key: str) -> None:
    """Raise AddressInUseError, which names the key and the address, when we cannot listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AddressInUseError(f"{key} {host}:{port}: cannot listen: {error.strerror}") from None


@contextmanager
def child(
    command: Sequence[str], directory: Path, name: str, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program with its output in a file `NAME.log` of the directory; end it, by force if need be, at the end.

    `environment` is what it gets beside ours.
    """
    with (directory / f"{name}.log").open("wb") as log:
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
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[bytes], patience: float = PATIENCE) -> None:
    """End a process: ask, wait that many seconds, then force."""
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
