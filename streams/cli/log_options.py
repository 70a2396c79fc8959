"""`-v`, `-q` and `--log-format` of commands that run for long."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from streams.config.log_format import LogOptions

LEVELS = ("debug", "info", "warning", "error")


def add_log_arguments(parser: ArgumentParser) -> None:
    """Add the arguments."""
    levels = parser.add_mutually_exclusive_group()
    levels.add_argument("--log-level", choices=LEVELS, default="warning", help="what is logged (default: warning)")
    for short, name, level in (("-v", "--verbose", "info"), ("-q", "--quiet", "error")):
        text = f"as --log-level {level}"
        levels.add_argument(short, name, action="store_const", const=level, dest="log_level", help=text)
    parser.add_argument("--log-format", choices=("text", "json"), default="text", help="lines of text, or JSON objects")


def log_options(arguments: Namespace, others: str, text: dict[str, Any], usual: str = "warning") -> LogOptions:
    """Return the options of a command. `others`: the level of libraries; `usual`: what we log unless errors only."""
    level = arguments.log_level if arguments.log_level != "warning" else usual
    return LogOptions(level.upper(), others.upper(), arguments.log_format == "json", text)
