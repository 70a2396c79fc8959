"""What a command logs, and in which format."""

from __future__ import annotations

import json
import logging
import sys
from argparse import ArgumentParser
from threading import Thread

import pytest

from streams.cli.log_options import add_log_arguments, log_of
from streams.config.logs import CLIENT, USUAL, VERBOSE, JsonLines, logging_to_stderr, say
from streams.worker.client_lines import ClientLines

OURS, LIBRARY = "ebbtide.source", "library"


def logged(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """Return the lines of one record of each level by us, a library, and the Kafka client."""
    parser = ArgumentParser()
    add_log_arguments(parser)
    with log_of(parser.parse_args(words)):
        for name in (OURS, "streams.any", LIBRARY, "kafka.any"):
            for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
                logging.getLogger(name).log(level, "%s %d", name, level)
        say("a note")
        say("2 messages", logging.INFO, prefix="", fields={"messages": 2})
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("words", "ours", "others", "client", "notes"),
    [
        ((), 20, 30, 50, ["ebbtide: a note", "2 messages"]),
        (("-v",), 10, 20, 20, ["ebbtide: a note", "2 messages"]),
        (("-q",), 40, 40, 50, []),
        (("--log-level", "debug"), 10, 20, 20, ["ebbtide: a note", "2 messages"]),
        (("--log-level", "warning"), 30, 30, 50, ["ebbtide: a note"]),
    ],
)
def test_levels(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], ours: int, others: int, client: int, notes: list[str]
) -> None:
    """`-v`, `-q` and `--log-level` decide what we, libraries and kafka-python log; notes go by the same levels."""
    lowest = {OURS: ours, "streams.any": others, LIBRARY: others, "kafka.any": client}
    wanted = [f"{name} {level}" for name, least in lowest.items() for level in (10, 20, 30, 40) if level >= least]
    assert logged(capsys, *words) == [*wanted, *notes]


def test_a_logger_with_a_level_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Loggers of the Kafka clients are at info, so no request is logged; their lines wait for `-v` all the same."""
    lines, name = ClientLines(), "aiokafka.test"
    logger = logging.getLogger(name)
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for levels in (USUAL, VERBOSE):
        with logging_to_stderr(levels, is_json=False, text="%(message)s"):
            logger.info("connected")
        assert capsys.readouterr().err == ("connected\n" if levels == VERBOSE else "")


def test_the_log_is_as_before_afterwards(capsys: pytest.CaptureFixture[str]) -> None:
    """A command in another's process, as in the tests, leaves handlers, levels and those of kafka-python alone."""
    names = ("", "ebbtide", "streams", "kafka")

    def state() -> list[object]:
        return [(found.handlers[:], found.level, found.propagate) for found in map(logging.getLogger, names)]

    before = state()
    logged(capsys, "-v")
    assert state() == before
    assert any(isinstance(handler, logging.NullHandler) for handler in CLIENT.handlers)


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is an object with time, level, logger, message and the fields of the record, notes too."""
    lines = list(map(json.loads, logged(capsys, "--log-format", "json")))
    assert all(line.pop("time").endswith("+00:00") for line in lines)
    assert lines[0] == {"level": "info", "logger": OURS, "message": f"{OURS} 20"}
    assert lines[-2:] == [
        {"level": "warning", "logger": "ebbtide", "message": "a note"},
        {"level": "info", "logger": "ebbtide", "message": "2 messages", "messages": 2},
    ]


def test_json_of_anything() -> None:
    """A traceback, what is no Unicode, and the control codes of a terminal are one line of JSON."""
    try:
        raise ValueError("two\nlines")
    except ValueError:
        facts = {"msg": "failed: %s", "args": ("\udcff \x9b2J",), "fields": {"at": {1}}, "exc_info": sys.exc_info()}
    line = JsonLines().format(logging.makeLogRecord(facts))
    assert line.isprintable()
    found = json.loads(line)
    assert found["exception"].endswith("ValueError: two\nlines")
    assert (found["message"], found["at"]) == ("failed: ? \x9b2J", "{1}")


def test_nothing_waits_while_lines_of_clients_are_passed_on() -> None:
    """Whoever closes all handlers, as `logging.config` does, got stuck when a client logged meanwhile."""
    lines, ends = ClientLines(), list[bool]()

    class Root(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            other = Thread(target=logging.shutdown, args=([lambda: lines],), daemon=True)
            other.start()
            other.join(10)
            ends.append(other.is_alive())

    root = logging.getLogger()
    root.addHandler(handler := Root())
    try:
        lines.handle(logging.LogRecord("kafka", logging.INFO, "x.py", 1, "connected", (), None))
    finally:
        root.removeHandler(handler)
    assert ends == [False]


def test_no_line_is_an_error_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a log, as in a library, a note is a line on standard error."""
    say("no broker")
    assert (capsys.readouterr().err, sys.stderr.closed) == ("ebbtide: no broker\n", False)
