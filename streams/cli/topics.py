"""`ebbtide topics`: create the topics that are missing, or check them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from streams.broker import topics
from streams.cli.common import print_lines, settings_of

HELP = "Create the topics that are missing, or check them."


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--check", action="store_true", help="create nothing, fail when a topic is missing")


def run(arguments: Namespace) -> None:
    """Create or check the topics, and print the names of those created."""
    kafka = settings_of(arguments).kafka
    created = [] if arguments.check else topics.create(kafka)
    topics.demand(kafka, topics.all_of(kafka))
    partitions = topics.check(kafka)
    print_lines(f"created {name}" for name in created)
    print_lines([f"all topics are there, {partitions} partitions of {kafka.measurements}"])
