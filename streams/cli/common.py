"""What several commands share: argument types, the settings, the worker to ask, and progress on standard error."""

from __future__ import annotations

import logging
import os
import sys
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from schemas.entities import country_code
from schemas.rejections import json_line, printable
from schemas.times import format_time, time_named
from streams.cli.tables import summary
from streams.config.errors import NO_FEEDS, UsageError
from streams.config.loader import DEFAULT_SETTINGS, default_file, load, load_or_default
from streams.config.logs import say
from streams.config.secret import Secret
from streams.config.settings import Settings, token_of

T = TypeVar("T")
EXAMPLE = Path("examples/atlas.toml")


def add_files(parser: ArgumentParser) -> Action:
    """Add the argument `files`, at least one file of measurements, and return it."""
    return parser.add_argument(
        "files", nargs="+", metavar="FILE", help="JSON lines, plain or gzip; - is standard input"
    )


def add_worker_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the commands that print what a worker knows."""
    parser.add_argument("--worker", metavar="URL", help="the worker's web server (default: as in the settings)")
    parser.add_argument(
        "--country",
        action="append",
        default=[],
        type=with_reason(country_code),
        metavar="CC",
        help="only of this country",
    )
    parser.add_argument("--feed", action="append", default=[], metavar="NAME", help="only of this feed")
    since = "what lasted at this time or later, ended or not"
    parser.add_argument("--since", type=with_reason(time_named), metavar="TIME", help=since)
    parser.add_argument("--all", action="store_true", help="include those that ended recently")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def filters_of(arguments: Namespace) -> list[tuple[str, str]]:
    """Return the parameters of the API that `--country`, `--feed` and `--since` stand for."""
    since = [] if arguments.since is None else [("from", format_time(arguments.since))]
    named = [(name, value) for name in ("country", "feed") for value in getattr(arguments, name)]
    return [*named, *since]


def includes_ended(arguments: Namespace) -> bool:
    """Return whether `--all` or `--since` ask for what has ended, too."""
    return bool(arguments.all) or arguments.since is not None


def with_reason(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return an argument type whose error shows the text of the ValueError that `parse` raises."""

    def parsed(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from None

    return parsed


def natural(text: str) -> int:
    """Return a whole number of at least 1. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"not a whole number of at least 1: {text!r}")
    return int(text)


def positive(text: str) -> float:
    """Return a finite number above 0. Raises ArgumentTypeError."""
    return _finite(text, "not a number above 0", lambda number: number > 0)


def not_negative(text: str) -> float:
    """Return a finite number of at least 0. Raises ArgumentTypeError."""
    return _finite(text, "not a number of at least 0", lambda number: number >= 0)


def _finite(text: str, fault: str, is_right: Callable[[float], bool]) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("inf")
    if number == float("inf") or not is_right(number):
        raise ArgumentTypeError(f"{fault}: {text!r}")
    return number


def settings_of(arguments: Namespace) -> Settings:
    """Return the settings of `--settings`, else those of the default file."""
    return load_or_default(arguments.settings, os.environ)


def feed_settings_of(arguments: Namespace) -> Settings:
    """Return the settings, which name at least one feed. Raises UsageError when they name none."""
    settings = settings_of(arguments)
    if not settings.feeds:
        raise UsageError(NO_FEEDS)
    return settings


def first_settings_of(arguments: Namespace, is_trial: bool) -> Settings:
    """Return the settings; in a trial without a file of settings, those of the shipped example of RIPE Atlas."""
    if not is_trial or arguments.settings or default_file():
        return feed_settings_of(arguments)
    say(f"there is no {DEFAULT_SETTINGS}: the settings are those of the example of RIPE Atlas", logging.INFO, prefix="")
    return load(shipped(EXAMPLE), os.environ)


def shipped(path: Path) -> Path:
    """Return a file or folder that is shipped: in the installed package, else in the checkout."""
    package = Path(__file__).parents[1]
    installed = package / "recording" / path.name
    return installed if installed.exists() else package.parent / path


def worker_of(arguments: Namespace) -> tuple[str, Secret | None]:
    """Return the URL of the worker to ask (`--worker`, else the one of the settings) and its token."""
    web = settings_of(arguments).web
    return worker_url(arguments.worker or f"{web.bind}:{web.port}"), token_of(web)


def worker_url(address: str) -> str:
    """Return the URL of an address in which `http://` may be left out.

    >>> worker_url("localhost:6066"), worker_url("https://ebbtide.example/")
    ('http://localhost:6066', 'https://ebbtide.example/')
    """
    return address if "://" in address else f"http://{address}"


def print_rows(rows: Iterable[bytes]) -> None:
    """Write JSON texts to standard output, one a line. Names in them may hold a terminal's control codes."""
    sys.stdout.buffer.writelines(json_line(row) + b"\n" for row in rows)


def print_lines(lines: Iterable[str]) -> None:
    """Write texts to standard output, one a line. Names in them may hold a terminal's control codes."""
    sys.stdout.writelines(f"{printable(line)}\n" for line in lines)


def print_note(text: str) -> None:
    """Write a line to standard error that is no result: a warning, or what was done on the way."""
    say(printable(text))


def print_summary(counts: dict[str, int]) -> None:
    """Write counts to standard error, as one line."""
    say(summary(counts), logging.INFO, prefix="", fields=counts)


@contextmanager
def counter(description: str) -> Iterator[Callable[[int], None]]:
    """Show a count on standard error, if that is a terminal; yield the function that updates it."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(description, total=None)
        yield lambda count: progress.update(task, completed=count)
