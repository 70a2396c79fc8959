"""What a command logs, and in which format."""

from __future__ import annotations

import json
import logging
from argparse import ArgumentParser
from collections.abc import Iterator

import pytest

from streams.cli.log_options import add_log_arguments, log_options
from streams.config.log_format import PLAIN, line_of


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Restore the log of this process."""
    root, ours = logging.getLogger(), logging.getLogger("ebbtide")
    before = (list(root.handlers), root.level, ours.level)
    yield
    root.handlers, level, ours_level = before
    root.setLevel(level)
    ours.setLevel(ours_level)
    logging.getLogger("kafka").propagate = True


def logged(capsys: pytest.CaptureFixture[str], *words: str, usual: str = "warning") -> list[str]:
    """Return the lines of one record of each level by us and by a library."""
    parser = ArgumentParser()
    add_log_arguments(parser)
    log_options(parser.parse_args(words), "warning", PLAIN, usual).install()
    for name in ("ebbtide.source", "library"):
        logger = logging.getLogger(name)
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
            logger.log(level, "%s %d", name, level)
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("words", "usual", "lowest"),
    [
        ((), "warning", 30),
        ((), "info", 20),
        (("-v",), "warning", 20),
        (("-q",), "info", 40),
        (("--log-level", "debug"), "info", 10),
    ],
)
def test_levels(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], usual: str, lowest: int) -> None:
    """`-v` and `-q` decide what we log; libraries log no more than warnings by it."""
    wanted = [f"ebbtide.source {level}" for level in (10, 20, 30, 40) if level >= lowest]
    assert logged(capsys, *words, usual=usual) == [*wanted, "library 30", "library 40"]


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is an object, the last words of a process and tracebacks too."""
    first, *_ = map(json.loads, logged(capsys, "--log-format", "json"))
    assert first.pop("time").endswith("Z")
    assert first == {"level": "warning", "logger": "ebbtide.source", "message": "ebbtide.source 30"}
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("ebbtide").exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: two\nlines" in json.loads(line)["exception"]
    assert json.loads(line_of("no \udcff broker", 0.0)) == {
        "time": "1970-01-01T00:00:00Z",
        "level": "error",
        "logger": "ebbtide",
        "message": "no ? broker",
    }


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Text is what it was: the last words begin with the name of the program."""
    assert logged(capsys)[0] == "ebbtide.source 30"
    assert line_of("no broker", 0.0) == "ebbtide: no broker\n"
