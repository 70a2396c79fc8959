"""Lines that strangers cause are limited and counted; the file limit is raised as far as it goes."""

from __future__ import annotations

import logging
import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest

from streams.worker.line_limit import CAUSED_BY_OTHERS, LineLimit

NAME = "streams.tests.line_limit"


class Clock:
    """A clock that stands still."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Yield the clock of a limit of three lines a minute for a logger."""
    clock = Clock()
    limit = LineLimit(3, 60.0, clock)
    limit.install([NAME])
    yield clock
    logging.getLogger(NAME).removeFilter(limit)


def test_a_flood_is_a_few_lines(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """The last that is written says so, the first of the next minute how many are missing; other sorts go on."""
    log = logging.getLogger(NAME)
    for number in range(1000):
        log.warning("the page %s failed", f"/{number}%s")
    log.warning("another thing")
    clock.now = 60.0
    log.warning("the page %s failed", "/last")
    log.warning("the page %s failed", "/very last")
    assert [record.getMessage() for record in caplog.records] == [
        "the page /0%s failed",
        "the page /1%s failed",
        "the page /2%s failed (more such lines are left out for 60 s)",
        "another thing",
        "the page /last failed (997 more such lines were left out)",
        "the page /very last failed",
    ]


@pytest.mark.parametrize("name", [name for name in CAUSED_BY_OTHERS if name.startswith("streams.")])
def test_the_loggers_are_those_of_modules(name: str) -> None:
    """A module that has moved would be without a limit."""
    __import__(name)
    assert sys.modules[name].log.name == name


def test_the_file_limit_is_raised() -> None:
    """From a low soft limit to the hard one, never above it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
    code = (
        "import resource; from streams.worker.file_limit import raise_file_limit;"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (64, {most}));"
        "print(raise_file_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(most)] * 3
