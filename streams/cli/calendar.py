"""`ebbtide calendar add|list|remove|import`: what is expected, in the topic of the calendar."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from schemas.calendar import Entry, Only, Period, encode, entry_of, named
from schemas.rejections import one_line
from schemas.times import format_time, parse_time
from streams.cli.calendar_ics import Given, Span, read_ics
from streams.config.errors import InputError, UsageError
from streams.config.loader import load_or_default
from streams.config.settings import Settings
from streams.worker.calendar_topic import read, write

AHEAD = timedelta(days=400)
HEADER = f"{'id':16}  {'starts (UTC)':20}  {'ends (UTC)':20}  {'from':8}  what"


def arguments(one: ArgumentParser) -> None:
    """Declare what follows `ebbtide calendar`."""
    kinds = one.add_subparsers(required=True, metavar="add|list|remove|import")
    for name, (run, text, add) in _ACTIONS.items():
        action = kinds.add_parser(name, help=text, description=text)
        action.add_argument("--settings", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="settings file")
        action.set_defaults(act=run)
        add(action)


def calendar(arguments: Namespace) -> None:
    """Do what the calendar is told to."""
    arguments.act(arguments, load_or_default(arguments.settings, os.environ), time.time())


def _add(arguments: Namespace, its: Settings, now: float) -> None:
    entry = entry_of(arguments.starts, arguments.ends, arguments.entity, _facets(arguments), arguments.note)
    sys.stdout.writelines(_put(its, [entry], now))


def _put(its: Settings, entries: Iterable[Entry], now: float) -> list[str]:
    """Write those that are not there and return a line about each."""
    there, fixed = read(its.kafka).entries, {one.entry().entry_id for one in its.calendar}
    new, lines = [], []
    for entry in {entry.entry_id: entry for entry in entries}.values():
        old = there.get(entry.entry_id, entry)
        if old.is_there or entry.entry_id in fixed:
            lines.append(f"{entry.entry_id} is there already\n")
        else:
            known = Period(format_time(math.ceil(now)))
            new.append(msgspec.structs.replace(old, known=[*old.known, known]))
            lines.append(f"added {_line(entry)}\n")
    write(its.kafka, new)
    return lines


def _remove(arguments: Namespace, its: Settings, now: float) -> None:
    """Remove entries: each stays in the topic, with when that was, so that a replay tells what was told before."""
    there, gone = read(its.kafka).entries, []
    for entry_id in arguments.id:
        entry = there.get(entry_id)
        if entry is None or not entry.is_there:
            fixed = any(one.entry().entry_id == entry_id for one in its.calendar)
            what = "is of the settings: take it out there" if fixed else "there is none"
            raise UsageError(f"calendar entry {entry_id}: {what}")
        added = parse_time(entry.known[-1].added_at)
        last = Period(entry.known[-1].added_at, format_time(max(math.ceil(now), math.floor(added) + 1)))
        gone.append(msgspec.structs.replace(entry, known=[*entry.known[:-1], last]))
    write(its.kafka, gone)
    sys.stdout.writelines(f"removed {_line(entry)}\n" for entry in gone)


def _list(arguments: Namespace, its: Settings, now: float) -> None:
    """Print the entries that are not over, of the settings and of the topic; or all that ever were."""
    found = read(its.kafka)
    fixed = {entry.entry_id: entry for entry in (one.entry() for one in its.calendar)}
    both = {**found.entries, **fixed}.values()
    shown = sorted(
        (entry for entry in both if arguments.all or _is_ahead(entry, entry.entry_id in fixed, now)),
        key=lambda entry: (entry.starts, entry.entry_id),
    )
    sys.stderr.writelines(f"ebbtide: {fault}\n" for fault in found.faults)
    if arguments.json:
        sys.stdout.buffer.writelines(encode(entry) + b"\n" for entry in shown)
        return
    sources = ["settings" if one.entry_id in fixed else "topic" if one.is_there else "removed" for one in shown]
    sys.stdout.writelines(text + "\n" for text in [HEADER, *map(_line, shown, sources)])


def _is_ahead(entry: Entry, is_fixed: bool, now: float) -> bool:
    return (is_fixed or entry.is_there) and parse_time(entry.ends) > now


def _import(arguments: Namespace, its: Settings, now: float) -> None:
    """Add the events of an iCalendar file that are not over; each one that cannot be taken is named."""
    moment = datetime.fromtimestamp(now, UTC)
    until = moment + AHEAD if arguments.until is None else datetime.fromtimestamp(arguments.until, UTC)
    given = Given(arguments.entity, _facets(arguments), arguments.timezone)
    try:
        content = arguments.file.read_bytes()
    except OSError as error:
        raise InputError(f"{arguments.file}: cannot be read: {error.strerror}") from None
    found = read_ics(content, str(arguments.file), Span(moment, until), given)
    lines = [f"{_line(entry)}\n" for entry in found.entries] if arguments.dry_run else _put(its, found.entries, now)
    sys.stdout.writelines(lines)
    sys.stderr.writelines(f"ebbtide: {fault}\n" for fault in found.faults)
    if found.faults:
        raise InputError(f"{arguments.file}: {len(found.faults)} events could not be taken")


def _line(entry: Entry, source: str = "topic") -> str:
    facets = "".join(f" {name}={value}" for name, value in named(entry.facets))
    what = f"{', '.join(entry.entities)}{facets}{': ' if entry.note else ''}{entry.note}"
    return f"{entry.entry_id}  {entry.starts:20}  {entry.ends:20}  {source:8}  {one_line(what)}"


def _facets(arguments: Namespace) -> Only:
    try:
        return msgspec.convert({name: getattr(arguments, name) for name in Only.__struct_fields__}, Only)
    except msgspec.ValidationError as error:
        raise UsageError(f"facets: {error}") from None


def _entity(text: str) -> str:
    try:
        entry_of(0, 1, [text], Only(), "")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _time(text: str) -> float:
    try:
        return parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _what(one: ArgumentParser, *, needed: bool) -> None:
    one.add_argument(
        "--entity",
        action="append",
        default=[],
        required=needed,
        type=_entity,
        metavar="ENTITY",
        help="asn/43754, region/IR-30, country/KZ; as often as there are",
    )
    one.add_argument("--access", choices=("mobile", "fixed"), help="only of this access")
    one.add_argument("--direction", choices=("domestic", "international"), help="only of this direction")
    one.add_argument("--service", help="only of this service")


def _add_arguments(one: ArgumentParser) -> None:
    one.add_argument("--starts", type=_time, required=True, metavar="TIME", help="such as 2017-07-01T00:00:00Z")
    one.add_argument("--ends", type=_time, required=True, metavar="TIME", help="the first instant after it")
    _what(one, needed=True)
    one.add_argument("--note", default="", help="why; it stands in the headline")


def _list_arguments(one: ArgumentParser) -> None:
    one.add_argument("--all", action="store_true", help="those that are over or removed, too")
    one.add_argument("--json", action="store_true", help="one JSON object a line")


def _remove_arguments(one: ArgumentParser) -> None:
    one.add_argument("id", nargs="+", metavar="ID", help="as `list` shows it")


def _import_arguments(one: ArgumentParser) -> None:
    one.add_argument("file", type=Path, metavar="FILE.ics", help="an iCalendar file")
    _what(one, needed=False)
    one.add_argument("--timezone", metavar="ZONE", help="of whole days and times without one, such as Asia/Almaty")
    one.add_argument("--until", type=_time, metavar="TIME", help="what begins later is left (default: in 400 days)")
    one.add_argument("--dry-run", action="store_true", help="print the entries, write nothing")


_ACTIONS: dict[str, tuple[Callable[[Namespace, Settings, float], None], str, Callable[[ArgumentParser], None]]] = {
    "add": (_add, "Add an entry.", _add_arguments),
    "list": (_list, "Print the entries of the settings and of the topic.", _list_arguments),
    "remove": (_remove, "Remove entries of the topic.", _remove_arguments),
    "import": (_import, "Add the events of an iCalendar file.", _import_arguments),
}
