"""Events of an iCalendar file (RFC 5545) as entries of the calendar: zones, whole days and repetitions worked out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import icalendar
import msgspec
from dateutil.rrule import rrulestr
from icalendar.tools import to_datetime

from schemas.calendar import MAX_NOTE, CalendarEntry, Only, entry_of
from schemas.entities import entity_named
from schemas.rejections import one_line
from streams.cli.time_limit import TimeLimit
from streams.config.errors import InputError

MAX_SECONDS = 30.0  # for a file
MAX_REPETITIONS = 1000  # of an event in the window
TOO_FREQUENT = {"SECONDLY", "MINUTELY"}
TOO_FINE = ("BYSECOND", "BYMINUTE")
FACET = re.compile(r"(access|direction|service)=(.+)")
ENTITIES = "X-EBBTIDE-ENTITIES"
Moment: TypeAlias = datetime | date


class ImportWindow(NamedTuple):
    """Which events are imported: those that end after `since` and start before `until`."""

    since: datetime
    until: datetime


class ImportDefaults(NamedTuple):
    """What applies to events that name no entity. `zone`: of whole days and of times without a zone."""

    entities: Sequence[str] = ()
    facets: Only = Only()
    zone: str | None = None


class Imported(NamedTuple):
    """Entries in the order of the file, and one line for each event that has a fault."""

    entries: list[CalendarEntry]
    faults: list[str]


def read_ics(content: bytes, name: str, window: ImportWindow, defaults: ImportDefaults) -> Imported:
    """Return the entries of a file. Raises InputError, which starts with the file's name, when it is no iCalendar."""
    limit = TimeLimit(MAX_SECONDS)
    calendars = _calendars(content, name, limit)
    events = [(calendar, event) for calendar in calendars for event in calendar.events]
    moved, found = _moved(event for _, event in events), Imported([], [])
    for calendar, event in events:
        try:
            with limit:
                zone = _zone(defaults.zone or calendar.get("X-WR-TIMEZONE"))
                found.entries.extend(_entries(event, moved[event.uid], zone, window, defaults))
        except TimeoutError as error:
            raise InputError(f"{name}: event {_title(event)}: its repetition {error}, nothing is imported") from None
        except (ValueError, TypeError, AttributeError, OverflowError, msgspec.ValidationError) as error:
            found.faults.append(f"{name}: event {_title(event)}: {one_line(str(error))}")
    return found


def _calendars(content: bytes, name: str, limit: TimeLimit) -> list[icalendar.Calendar]:
    try:
        with limit:
            calendars: list[icalendar.Calendar] = icalendar.Calendar.from_ical(content, multiple=True)
    except TimeoutError as error:
        raise InputError(f"{name}: reading it {error}") from None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{name}: is not iCalendar: {one_line(str(error))}") from None
    if not calendars:
        raise InputError(f"{name}: is not iCalendar: there is no VCALENDAR in it")
    return calendars


def _moved(events: Iterable[icalendar.Event]) -> defaultdict[str, set[Moment]]:
    """Return, by UID, the repetitions that an event of their own replaces."""
    moved: defaultdict[str, set[Moment]] = defaultdict(set)
    for event in events:
        with suppress(ValueError, AttributeError):  # `_entries` reports the fault of the event
            if event.RECURRENCE_ID is not None:
                moved[event.uid].add(event.RECURRENCE_ID)
    return moved


def _title(event: icalendar.Event) -> str:
    return repr(one_line(str(event.summary or event.uid or "without a name")))


def _zone(name: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(name or "UTC"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no such time zone: {name}") from None


def _entries(
    event: icalendar.Event, moved: set[Moment], zone: ZoneInfo, window: ImportWindow, defaults: ImportDefaults
) -> list[CalendarEntry]:
    """Return the entries of one event, none when it is cancelled or over. Raises ValueError for a fault."""
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return []
    first = _first(event)
    length = _length(event, first)
    entities, facets = _subject(event, defaults)
    note = _note(event)
    found = []
    for moment in _starts(event, first, moved, zone, window, length):
        start, end = _instant(moment, zone), _instant(moment + length, zone)
        if end > window.since and start < window.until:
            found.append(entry_of(start.timestamp(), end.timestamp(), entities, facets, note))
    return found


def _first(event: icalendar.Event) -> Moment:
    first: Moment | None = event.DTSTART
    if first is None:
        raise ValueError("has no DTSTART")
    return first


def _length(event: icalendar.Event, first: Moment) -> timedelta:
    """Return how long the event lasts: one day when it starts with a whole day and has no end. Raises ValueError."""
    if event.DTEND is None and event.DURATION is None and isinstance(first, datetime):
        raise ValueError("has neither DTEND nor DURATION")
    length: timedelta = event.duration if event.DTEND is None else event.DTEND - first
    if length <= timedelta(0):
        raise ValueError("ends before it begins")
    return length


def _instant(moment: Moment, zone: ZoneInfo) -> datetime:
    """Return a moment in UTC. A day begins at midnight in the zone, and a time without a zone is of the zone."""
    time = to_datetime(moment)
    return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)


def _starts(
    event: icalendar.Event,
    first: Moment,
    moved: set[Moment],
    zone: ZoneInfo,
    window: ImportWindow,
    length: timedelta,
) -> Iterator[Moment]:
    """Yield each start of the event that may lie in the window, in order. Raises ValueError."""
    if any(TOO_FREQUENT & {str(frequency).upper() for frequency in rule.get("FREQ", ())} for rule in event.rrules):
        raise ValueError("repeats every minute or second")
    if any(len(rule.get(part, ())) > 1 for rule in event.rrules for part in TOO_FINE):
        raise ValueError("repeats several times an hour")
    if any(end is not None for _, end in event.rdates):
        raise ValueError("RDATE gives periods, which are not supported")
    left_out = {*moved, *event.exdates} if event.RECURRENCE_ID is None else set[Moment]()
    found = {first, *(moment for moment, _ in event.rdates)}
    is_day = not isinstance(first, datetime)
    for rule in event.rrules:
        for time in _by_rule(rule.to_ical().decode(), to_datetime(first), zone, window, length):
            found.add(time.date() if is_day else time)
    yield from sorted(found - left_out, key=lambda moment: _instant(moment, zone))


def _by_rule(rule: str, first: datetime, zone: ZoneInfo, window: ImportWindow, length: timedelta) -> Iterator[datetime]:
    """Yield the repetitions of a rule in the window, in the event's own zone: noon stays noon in summer."""
    repetitions = rrulestr(rule, dtstart=first)
    for count, time in enumerate(repetitions.xafter(_like(first, window.since, zone) - length - timedelta(days=1))):
        if _instant(time, zone) >= window.until:
            return
        if count >= MAX_REPETITIONS:
            last = f"{window.until:%Y-%m-%d}"
            raise ValueError(f"repeats more than {MAX_REPETITIONS} times before {last}: give an earlier --until")
        yield time


def _like(first: datetime, time: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant `time` with the zone of `first`, or without any where `first` has none."""
    return time.astimezone(first.tzinfo) if first.tzinfo else time.astimezone(zone).replace(tzinfo=None)


def _subject(event: icalendar.Event, defaults: ImportDefaults) -> tuple[list[str], Only]:
    """Return entities and facets: of the event's own property and its categories, else the defaults."""
    own = [word.strip() for text in _texts(event, ENTITIES) for word in text.split(",") if word.strip()]
    words = [str(word).strip() for word in event.categories]
    facets = {found[1]: found[2] for word in (*words, *own) if (found := FACET.fullmatch(word))}
    entities = [word for word in own if not FACET.fullmatch(word)]
    entities = [*map(entity_named, entities), *map(entity_named, filter(_is_entity, words))]
    if not entities and not defaults.entities:
        raise ValueError(f"names no entity: give {ENTITIES}, a category such as country/KZ, or --entity")
    return entities or list(defaults.entities), msgspec.convert(facets, Only) if facets else defaults.facets


def _texts(event: icalendar.Event, name: str) -> list[str]:
    """Return the values of a property that may stand several times."""
    value = event.get(name, [])
    return [str(text) for text in (value if isinstance(value, list) else [value])]


def _is_entity(category: str) -> bool:
    """Return whether a category names an entity; `IT` alone may be a department."""
    try:
        return bool(entity_named(category)) and ("/" in category or category[:2].upper() == "AS")
    except ValueError:
        return False


def _note(event: icalendar.Event) -> str:
    parts = [" ".join(str(text or "").split()) for text in (event.summary, event.description)]
    return ": ".join(filter(None, parts))[:MAX_NOTE]
