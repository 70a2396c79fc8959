"""`ebbtide topics`: create the topics that are missing, or check them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from streams.broker import installation, topics
from streams.broker.installation import TopicClaim
from streams.cli.common import print_lines, settings_of


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--check", action="store_true", help="create nothing, fail when a topic is missing")
    either.add_argument("--claim", action="store_true", help="take over topics that belong to another installation")


def run(arguments: Namespace) -> None:
    """Create or check the topics, and print the names of those created. Record whose they are."""
    settings = settings_of(arguments)
    kafka = settings.kafka
    claim = installation.of_workers(settings)
    if not arguments.claim:
        installation.demand_own(claim)
    created = [] if arguments.check else topics.create(kafka)
    topics.demand(kafka, topics.all_of(kafka))
    partitions = topics.check(kafka)
    print_lines(f"created {name}" for name in created)
    if arguments.claim:
        _take_over(claim, installation.of_alerts(kafka))
    if not arguments.check:
        installation.record_first(claim)
    print_lines(filter(None, [topics.timestamp_warning(kafka)]))
    print_lines([f"all topics are there, {partitions} partitions of {kafka.measurements}"])


def _take_over(*claims: TopicClaim) -> None:
    taken = [other for claim in claims for other in installation.take_over(claim).items()]
    print_lines(f"taken over from {app_id}: {', '.join(names)}" for app_id, names in taken)
    if not taken:
        print_lines(["nothing to take over: these topics belong to no other installation"])
