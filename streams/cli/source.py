"""`ebbtide source`: data of others become measurements."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from streams.cli.common import EXAMPLE, first_settings_of, print_lines, print_summary, with_reason
from streams.config.errors import UsageError
from streams.config.settings import Settings
from streams.sources.lines import source_named, summary_of
from streams.sources.run import run_sources
from streams.sources.until import until_named


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="sources of the settings")
    parser.add_argument("--list", action="store_true", help="print the sources of the settings, and read nothing")
    parser.add_argument("--dry-run", action="store_true", help="print measurements as JSON lines, and send nothing")
    text = "end after a number of measurements, or at an event time such as 2016-06-16T15:05:00Z"
    parser.add_argument("--until", type=with_reason(until_named), metavar="N|TIME", help=text)


def run(arguments: Namespace) -> None:
    """Print the sources, or read some of them to their end, with a summary on standard error."""
    settings = first_settings_of(arguments, arguments.dry_run and arguments.names == [EXAMPLE.stem])
    if arguments.list:
        print_lines(described(settings))
        return
    if not arguments.names:
        raise UsageError("names no source: `ebbtide source --list` prints those of the settings")
    for name in arguments.names:
        source_named(settings, name)
    stages = run_sources(settings, arguments.names, arguments.dry_run, arguments.until)
    print_summary(summary_of(stages))


def described(settings: Settings) -> list[str]:
    """Return a line for each source: its name, type, feed and kind."""
    return [
        f"{name}: {source.__struct_config__.tag}, feed {source.feed} ({settings.feeds[source.feed].kind})"
        for name, source in settings.sources.items()
    ]
