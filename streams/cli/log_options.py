"""`-v`, `-q`, `--log-level` and `--log-format`, which all commands have."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from contextlib import AbstractContextManager

LEVELS = ("debug", "info", "warning", "error")


def add_log_arguments(parser: ArgumentParser) -> None:
    """Add the arguments."""
    group = parser.add_argument_group("log, on standard error")
    levels = group.add_mutually_exclusive_group()
    levels.add_argument("-v", "--verbose", action="store_true", help="more of our own, and what libraries inform of")
    levels.add_argument("-q", "--quiet", action="store_true", help="errors only")
    levels.add_argument("--log-level", choices=LEVELS, help="lowest level, of us and of libraries")
    group.add_argument("--log-format", choices=("text", "json"), default="text", help="lines of text, or JSON objects")


def log_of(arguments: Namespace) -> AbstractContextManager[None]:
    """Return a context in which the log is written as the arguments of a command say."""
    import logging

    from streams.config import logs

    is_worker = getattr(arguments, "is_worker", False)
    levels = logs.VERBOSE if arguments.verbose else logs.QUIET if arguments.quiet else logs.USUAL
    if arguments.log_level:
        number = logging.getLevelNamesMapping()[arguments.log_level.upper()]
        # What libraries log at debug level may hold a key; only a worker masks secrets.
        levels = logs.LogLevels(number, number if is_worker else max(number, logging.INFO))
    return logs.logging_to_stderr(levels, arguments.log_format == "json", logs.TIMED if is_worker else logs.PLAIN)
