"""Debian's Prometheus, Alertmanager and blackbox exporter, for the tests that run them, or why a test is skipped."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests import programs
from tests.ebbtide import wait_for
from tests.kafka import free_ports

DEMANDED = "EBBTIDE_REQUIRE_PROMETHEUS"


def program(name: str) -> str:
    """Return the path of `prometheus`, `promtool`, `prometheus-alertmanager`, `amtool` or the blackbox exporter.

    Skips the test where it is missing, and fails it when the environment demands it.
    """
    missing = f"{name} is not installed (Debian's prometheus, -alertmanager and -blackbox-exporter)"
    return programs.demand((name,), missing, DEMANDED)[0]


def run(name: str, *arguments: object, given: bytes = b"", at: Path | None = None) -> str:
    """Run one of the programs to its end and return what it wrote; it must say that all is well."""
    command = [program(name), *map(str, arguments)]
    done = subprocess.run(command, input=given, capture_output=True, check=False, timeout=60, cwd=at)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, f"{name} {' '.join(command[1:])}: {said}"
    return said


class Server:
    """A program in a directory of its own, from `with` to its end; `url` is where it answers."""

    def __init__(self, directory: Path, command: Sequence[str], port: int, ready: str = "/-/ready") -> None:
        self.url, self._command, self._ready = f"http://127.0.0.1:{port}", command, ready
        self._log = directory / f"{Path(command[0]).name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        """Start it and wait until it says that it is ready."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_for(f"{self._command[0]}: {self._log}", self._is_ready)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def get(self, path: str) -> Any:  # noqa: ANN401
        """Return what it answers, read as JSON."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            with urllib.request.urlopen(f"{self.url}{self._ready}", timeout=1):
                return True
        except OSError:
            return False


def prometheus(directory: Path, config: Path) -> Server:
    """Return a Prometheus with this configuration that stores in a directory, and repeats alerts every second."""
    flags = ["--enable-feature=exemplar-storage", "--rules.alert.resend-delay=1s"]
    return _server("prometheus", directory, config, "storage.tsdb.path", *flags)


def alertmanager(directory: Path, config: Path) -> Server:
    """Return an Alertmanager with this configuration, without others to talk to."""
    return _server("prometheus-alertmanager", directory, config, "storage.path", "--cluster.listen-address=")


def blackbox_exporter(directory: Path, config: Path) -> Server:
    """Return a blackbox exporter with this configuration."""
    (port,) = free_ports(1)
    name = "prometheus-blackbox-exporter"
    flags = [f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
    return Server(directory, [program(name), *flags], port, "/-/healthy")


def _server(name: str, directory: Path, config: Path, storage: str, *more: str) -> Server:
    (port,) = free_ports(1)
    where = [f"--config.file={config}", f"--{storage}={directory / name}", f"--web.listen-address=127.0.0.1:{port}"]
    return Server(directory, [program(name), *where, *more], port)
