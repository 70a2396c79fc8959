"""Debian's Prometheus and Alertmanager, for the tests that run them: where they are, or why a test is skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

DEMANDED = "EBBTIDE_REQUIRE_PROMETHEUS"


def program(name: str) -> str:
    """Return the path of `prometheus`, `promtool`, `prometheus-alertmanager` or `amtool`.

    Skips the test where it is missing, and fails it when the environment demands it.
    """
    path = shutil.which(name)
    if path is None:
        text = f"{name} is not installed (Debian's prometheus and prometheus-alertmanager)"
        if os.environ.get(DEMANDED):
            pytest.fail(f"{text}, and {DEMANDED} is set")
        pytest.skip(text)
    return path


def run(name: str, *arguments: object, given: bytes = b"", at: Path | None = None) -> str:
    """Run one of the programs to its end and return what it wrote; it must say that all is well."""
    command = [program(name), *map(str, arguments)]
    done = subprocess.run(command, input=given, capture_output=True, check=False, timeout=60, cwd=at)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, f"{name} {' '.join(command[1:])}: {said}"
    return said
