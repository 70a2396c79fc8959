"""`ebbtide calendar add|list|remove|import`: the outages that are expected, in the topic of the calendar.

`ebbtide calendar holidays` prints public holidays, which are no entries.
"""

from __future__ import annotations

import argparse
import math
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from schemas.calendar import CalendarEntry, Only, Period, encode, entry_of, named
from schemas.entities import EXAMPLES, country_code, entity_named
from schemas.rejections import one_line
from schemas.times import format_time, parse_time, time_named
from streams.cli.calendar_ics import ImportDefaults, read_ics
from streams.cli.common import print_lines, print_rows, settings_of, with_reason
from streams.cli.ics_recurrence import ImportWindow
from streams.config.bounded_file import read_bounded
from streams.config.errors import InputError, UsageError
from streams.config.holidays import demand_holidays, holidays_of
from streams.config.logs import say
from streams.config.settings import Settings
from streams.worker.calendar_topic import read, write

MAX_FILE = 1 << 24  # bytes
AHEAD = timedelta(days=400)
HEADER = f"{'id':16}  {'starts (UTC)':20}  {'ends (UTC)':20}  {'from':8}  what"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the actions of the command, with the arguments of each."""
    names = parser.add_subparsers(required=True, metavar="add|list|remove|import|holidays")
    for name, (action, text, add) in _ACTIONS.items():
        subparser = names.add_parser(name, help=text, description=text)
        subparser.add_argument("--settings", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="settings file")
        subparser.set_defaults(action=action)
        add(subparser)


def run(arguments: Namespace) -> None:
    """Run the action that the arguments name."""
    arguments.action(arguments, settings_of(arguments), time.time())


def _add(arguments: Namespace, settings: Settings, now: float) -> None:
    entry = entry_of(arguments.starts, arguments.ends, arguments.entity, _facets(arguments), arguments.note)
    print_lines(_put(settings, [entry], now))


def _put(settings: Settings, entries: Iterable[CalendarEntry], now: float) -> list[str]:
    """Write the entries that are not there yet, and return a line about each."""
    there, fixed = read(settings.kafka).entries, {expected.entry().entry_id for expected in settings.calendar}
    new, lines = [], []
    for entry in {entry.entry_id: entry for entry in entries}.values():
        old = there.get(entry.entry_id, entry)
        if old.is_active or entry.entry_id in fixed:
            lines.append(f"{entry.entry_id} is there already")
        else:
            period = Period(format_time(math.ceil(now)))
            new.append(msgspec.structs.replace(old, periods=[*old.periods, period]))
            lines.append(f"added {_line(entry)}")
    write(settings.kafka, new)
    return lines


def _remove(arguments: Namespace, settings: Settings, now: float) -> None:
    """Remove entries. Each stays in the topic with the time of its removal, so that a replay gives the same result."""
    there, gone = read(settings.kafka).entries, []
    for entry_id in arguments.id:
        entry = there.get(entry_id)
        if entry is None or not entry.is_active:
            fixed = any(expected.entry().entry_id == entry_id for expected in settings.calendar)
            fault = "stands in the settings: remove it there" if fixed else "there is none"
            raise UsageError(f"calendar entry {entry_id}: {fault}")
        added = parse_time(entry.periods[-1].added_at)
        last = Period(entry.periods[-1].added_at, format_time(max(math.ceil(now), math.floor(added) + 1)))
        gone.append(msgspec.structs.replace(entry, periods=[*entry.periods[:-1], last]))
    write(settings.kafka, gone)
    print_lines(f"removed {_line(entry)}" for entry in gone)


def _list(arguments: Namespace, settings: Settings, now: float) -> None:
    """Print the entries of the settings and of the topic that are not over, or all of them."""
    found = read(settings.kafka)
    fixed = {entry.entry_id: entry for entry in (expected.entry() for expected in settings.calendar)}
    both = {**found.entries, **fixed}.values()
    shown = sorted(
        (entry for entry in both if arguments.all or _is_ahead(entry, entry.entry_id in fixed, now)),
        key=lambda entry: (entry.starts, entry.entry_id),
    )
    for fault in found.faults:
        say(fault)
    if arguments.json:
        print_rows(map(encode, shown))
        return
    sources = ["settings" if entry.entry_id in fixed else "topic" if entry.is_active else "removed" for entry in shown]
    print_lines([HEADER, *map(_line, shown, sources)])


def _is_ahead(entry: CalendarEntry, is_fixed: bool, now: float) -> bool:
    return (is_fixed or entry.is_active) and parse_time(entry.ends) > now


def _import(arguments: Namespace, settings: Settings, now: float) -> None:
    """Add the events of an iCalendar file that are not over, and name each event that has a fault."""
    moment = datetime.fromtimestamp(now, UTC)
    until = moment + AHEAD if arguments.until is None else datetime.fromtimestamp(arguments.until, UTC)
    given = ImportDefaults(arguments.entity, _facets(arguments), arguments.timezone)
    found = read_ics(read_bounded(arguments.file, MAX_FILE), str(arguments.file), ImportWindow(moment, until), given)
    print_lines(map(_line, found.entries) if arguments.dry_run else _put(settings, found.entries, now))
    for line in [*found.remarks, *found.faults]:
        say(line)
    if found.faults:
        raise InputError(f"{arguments.file}: {len(found.faults)} events could not be imported")


def _holidays(arguments: Namespace, settings: Settings, now: float) -> None:
    """Print the public holidays of countries in a year: of the arguments, else of the settings."""
    countries = arguments.country or settings.holidays.countries
    if not countries:
        raise UsageError("name countries, such as IR, or list them in `holidays.countries`")
    demand_holidays(countries)
    year = datetime.fromtimestamp(now, UTC).year if arguments.year is None else arguments.year
    found = [holiday for country in countries for holiday in holidays_of(country, year)]
    print_lines(
        f"{holiday.country}  {holiday.day}  {format_time(holiday.starts)}  {format_time(holiday.ends)}  "
        f"{one_line(holiday.name)}"
        for holiday in sorted(found, key=lambda holiday: (holiday.starts, holiday.country, holiday.name))
    )


def _line(entry: CalendarEntry, source: str = "topic") -> str:
    facets = "".join(f" {name}={value}" for name, value in named(entry.facets))
    text = f"{', '.join(entry.entities)}{facets}{': ' if entry.note else ''}{entry.note}"
    return f"{entry.entry_id}  {entry.starts:20}  {entry.ends:20}  {source:8}  {one_line(text)}"


def _facets(arguments: Namespace) -> Only:
    try:
        return msgspec.convert({name: getattr(arguments, name) for name in Only.__struct_fields__}, Only)
    except msgspec.ValidationError as error:
        raise UsageError(f"facets: {error}") from None


_time = with_reason(time_named)


def _add_subject(parser: ArgumentParser, *, needed: bool) -> None:
    parser.add_argument(
        "--entity",
        action="append",
        default=[],
        required=needed,
        type=with_reason(entity_named),
        metavar="ENTITY",
        help=f"such as {EXAMPLES}; may be repeated",
    )
    parser.add_argument("--access", choices=("mobile", "fixed"), help="only of this access")
    parser.add_argument("--direction", choices=("domestic", "international"), help="only of this direction")
    parser.add_argument("--service", help="only of this service")


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--starts", type=_time, required=True, metavar="TIME", help="such as 2017-07-01T00:00:00Z")
    parser.add_argument("--ends", type=_time, required=True, metavar="TIME", help="the first instant after it")
    _add_subject(parser, needed=True)
    parser.add_argument("--note", default="", help="reason, shown in the headline")


def _list_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="include those that are over or removed")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def _remove_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", nargs="+", metavar="ID", help="as `list` shows it")


def _import_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE.ics", help="an iCalendar file")
    _add_subject(parser, needed=False)
    parser.add_argument("--timezone", metavar="ZONE", help="zone of days and times without one, such as Asia/Almaty")
    parser.add_argument("--until", type=_time, metavar="TIME", help="skip what begins later (default: in 400 days)")
    parser.add_argument("--dry-run", action="store_true", help="print the entries, write nothing")


def _year(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1970 <= int(text[:5]) <= 2100:
        raise ValueError(f"{text[:80]!r} is no year from 1970 to 2100")
    return int(text)


def _holidays_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "country",
        nargs="*",
        type=with_reason(country_code),
        metavar="COUNTRY",
        help="such as IR (default: the settings)",
    )
    parser.add_argument("--year", type=with_reason(_year), metavar="YEAR", help="1970 to 2100 (default: this year)")


_ACTIONS: dict[str, tuple[Callable[[Namespace, Settings, float], None], str, Callable[[ArgumentParser], None]]] = {
    "add": (_add, "Add an entry.", _add_arguments),
    "list": (_list, "Print the entries of the settings and of the topic.", _list_arguments),
    "remove": (_remove, "Remove entries of the topic.", _remove_arguments),
    "holidays": (_holidays, "Print public holidays, which pages show and which suppress nothing.", _holidays_arguments),
    "import": (_import, "Add the events of an iCalendar file.", _import_arguments),
}
