"""`ebbtide check`: settings, metadata, receivers, sources, broker and topics in one, with all faults at once."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from streams.cli.common import print_lines, print_note
from streams.config.errors import EbbtideError, SettingsError
from streams.config.faults import faults_of
from streams.config.loader import DEFAULT_SETTINGS
from streams.config.settings import Settings


class FaultsError(EbbtideError):
    """A check found faults, which are printed already."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--offline", action="store_true", help="leave out the broker and its topics")
    parser.add_argument(
        "--reach", action="store_true", help="also connect to each receiver of alerts, and ask for schemas of sources"
    )


def run(arguments: Namespace) -> None:
    """Print what is right, and each fault with where it is. Raises FaultsError when there is one."""
    path = arguments.settings or DEFAULT_SETTINGS
    if not path.exists():
        raise SettingsError(f"{path}: is not there: `ebbtide init` writes a first one")
    faults, settings = faults_of(path, os.environ)
    parts = [
        _metadata,
        _holidays,
        _sources(arguments.reach),
        _receivers(arguments.reach),
        *([] if arguments.offline else [_broker]),
    ]
    if settings is not None:
        shown = parts if faults else [_feeds, *parts]  # a faulty feed was named already
        faults += chain.from_iterable(_faults(part, settings) for part in shown)
    for fault in faults:
        print_note(fault)
    if faults:
        raise FaultsError(f"{path}: {len(faults)} {'fault' if len(faults) == 1 else 'faults'}")


def _faults(part: Callable[[Settings], Iterable[str]], settings: Settings) -> Iterator[str]:
    """Print the lines of a part; yield its error as a fault, and what it says of single faults."""
    try:
        print_lines(part(settings))
    except ExceptionGroup as group:
        yield from map(str, group.exceptions)
    except EbbtideError as error:
        yield str(error)


def _feeds(settings: Settings) -> Iterator[str]:
    if not settings.feeds:
        raise SettingsError("the settings name no feeds: add [feeds.NAME], or run `ebbtide init`")
    yield f"feeds: {', '.join(f'{name} ({feed.kind})' for name, feed in settings.feeds.items())}"


def _metadata(settings: Settings) -> Iterator[str]:
    from streams.config.metadata import Register

    count = Register(settings.metadata.path).size if settings.metadata.path else 0
    yield f"metadata: {f'{count:,} entities' if settings.metadata.path else 'none (metadata.file)'}"


def _holidays(settings: Settings) -> Iterator[str]:
    from streams.config.holidays import demand_holidays

    countries = settings.holidays.countries
    demand_holidays(countries)
    if countries:
        yield f"holidays: of {', '.join(countries)}"


def _sources(wants_reach: bool) -> Callable[[Settings], Iterator[str]]:
    def check(settings: Settings) -> Iterator[str]:
        from streams.sources.readiness import demand_readable

        _demand_each("sources", settings.sources, lambda name: demand_readable(settings, name, wants_reach))
        yield f"sources: {', '.join(settings.sources) or 'none'}"

    return check


def _receivers(wants_reach: bool) -> Callable[[Settings], Iterator[str]]:
    def check(settings: Settings) -> Iterator[str]:
        from streams.alerts.endpoint import load_endpoint_of
        from streams.alerts.sender import fault_of

        def demand(name: str) -> None:
            endpoint = load_endpoint_of(settings.alerts, name)
            fault = fault_of(endpoint) if wants_reach else None
            if fault:
                raise EbbtideError(f"alerts.receivers.{name}: {fault}")

        _demand_each("receivers", settings.alerts.receivers, demand)
        yield f"receivers: {', '.join(settings.alerts.receivers) or 'none, so nobody is alerted'}"

    return check


def _demand_each(title: str, names: Iterable[str], demand: Callable[[str], None]) -> None:
    """Check each name; all that are wrong are raised as a group."""
    errors: list[Exception] = []
    for name in names:
        try:
            demand(name)
        except EbbtideError as error:
            errors.append(error)
    if errors:
        raise ExceptionGroup(title, errors)


def _broker(settings: Settings) -> Iterator[str]:
    from streams.broker import topics

    kafka, wanted = settings.kafka, topics.all_of(settings.kafka)
    there = topics.existing(kafka, wanted)
    remedy = "`ebbtide topics` creates it"
    missing = [
        f"topic {topic.name} does not exist at {kafka.address}: {remedy}" for topic in wanted if topic.name not in there
    ]
    if missing:
        raise ExceptionGroup("topics", list(map(EbbtideError, missing)))
    partitions = topics.check(kafka)
    yield f"broker: {kafka.address}; all topics are there, {partitions} partitions of {kafka.measurements}"
    if warning := topics.timestamp_warning(kafka):
        yield f"warning: {warning}"
