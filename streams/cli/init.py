"""`ebbtide init`: a first settings file, from answers to few questions or from `--feed`."""

from __future__ import annotations

import re
import sys
import tomllib
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import NamedTuple, get_args

from detectors.types import Kind
from streams.cli.common import print_lines, with_reason
from streams.config.durations import seconds
from streams.config.errors import InputError, UsageError
from streams.config.loader import DEFAULT_SETTINGS
from streams.config.settings import from_builtins

KINDS = {
    "gauge": "a level, such as prefixes or Mbit/s",
    "count": "events, such as log lines; silence is zero",
    "distinct": "who was seen, such as addresses: each measurement names a `member`",
    "ratio": "successes of trials, such as pings: `value` of `of`",
    "presence": "members that come and go, such as probes: `member` and `up`",
}
assert set(KINDS) == set(get_args(Kind))
EXAMPLE = "reach:ratio:5m"
HEAD = """\
# Settings of Ebbtide. `ebbtide check` checks them, `ebbtide settings reference` lists all that there are.

[kafka]
bootstrap_servers = ["{broker}"]
# prefix = "staging."       # before the names of all topics, for a second installation in one cluster
# partitions = 8            # of the topics that `ebbtide topics` creates
"""
FEED = """
# {text}.
[feeds.{name}]
signal = "{name}"           # how the Internet is observed, such as "bgp" or "active-probing"
kind = "{kind}"
bin = "{width}"
# lateness = "2m"           # how long a bin waits for late measurements
# areas = ["country"]       # sums that are watched as well
"""
TAIL = """
# Who is alerted: see docs/alerts.md, and try it with `ebbtide alerts test noc`.
# [alerts.receivers.noc]
# type = "slack"
# url = "https://hooks.slack.com/services/T000/B000/secret"
#
# [[alerts.routes]]
# receivers = ["noc"]
# severities = ["major", "total"]
"""


class NamedFeed(NamedTuple):
    """A feed to write: its name, kind and width of a bin."""

    name: str
    kind: str
    width: str


def feed_named(text: str) -> NamedFeed:
    """Return the feed that a text such as `reach:ratio:5m` names. Raises ValueError."""
    parts = text.split(":")
    if len(parts) != 3:
        raise ValueError(f"{text!r} is not NAME:KIND:BIN, such as {EXAMPLE}")
    name, kind, width = parts
    if not re.fullmatch("[A-Za-z][A-Za-z0-9_-]{0,63}", name):
        raise ValueError(f"{name!r} is no name of a feed: letters, digits, - and _, a letter first")
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind: one of {', '.join(KINDS)}")
    if seconds(width) < 1:
        raise ValueError(f"{width!r} is shorter than a second")
    return NamedFeed(name, kind, width)


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    text = f"a feed, such as {EXAMPLE}; may be repeated (default: ask)"
    parser.add_argument("--feed", action="append", type=with_reason(feed_named), metavar="NAME:KIND:BIN", help=text)
    parser.add_argument("--broker", metavar="HOST:PORT", help="address of Kafka (default: 127.0.0.1:9092)")
    parser.add_argument("--force", action="store_true", help="overwrite the file")


def run(arguments: Namespace) -> None:
    """Write the settings to `--settings`, else to `ebbtide.toml`. Raises UsageError when it is there already."""
    path = arguments.settings or DEFAULT_SETTINGS
    if path.exists() and not arguments.force:
        raise UsageError(f"{path} is there already: --force overwrites it")
    if not arguments.feed and not sys.stdin.isatty():
        raise UsageError(f"names no feed: give --feed {EXAMPLE}")
    feeds = arguments.feed or [_asked_feed(input)]
    broker = arguments.broker or (
        "127.0.0.1:9092" if arguments.feed else _asked("Kafka's address", "127.0.0.1:9092", input)
    )
    text = settings_text(feeds, broker)
    from_builtins(tomllib.loads(text))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    print_lines([f"wrote {path}; next: ebbtide check, ebbtide topics, ebbtide worker"])


def settings_text(feeds: list[NamedFeed], broker: str) -> str:
    """Return the text of a settings file with these feeds."""
    tables = [
        FEED.format(text=KINDS[feed.kind].capitalize(), name=feed.name, kind=feed.kind, width=feed.width)
        for feed in feeds
    ]
    return "".join([HEAD.format(broker=broker), *tables, TAIL])


def _asked_feed(ask: Callable[[str], str]) -> NamedFeed:
    """Return the feed of the answers, asked again until they are right."""
    print_lines(f"{kind:9} {text}" for kind, text in KINDS.items())
    while True:
        answers = [
            _asked("Name of the feed", "reach", ask),
            _asked("Kind", "ratio", ask),
            _asked("Width of a bin", "5m", ask),
        ]
        try:
            return feed_named(":".join(answers))
        except ValueError as error:
            print_lines([str(error)])


def _asked(question: str, default: str, ask: Callable[[str], str]) -> str:
    return ask(f"{question} [{default}]: ").strip() or default
