"""Events of an iCalendar file (RFC 5545) as entries of the calendar: zones, whole days and repetitions worked out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import icalendar
import msgspec

from schemas.calendar import MAX_NOTE, CalendarEntry, Only, entry_of
from schemas.entities import entity_named
from schemas.rejections import one_line
from streams.cli.ics_recurrence import ImportWindow, Moment, occurrences, with_duration_texts
from streams.cli.time_limit import TimeLimit
from streams.config.errors import InputError

MAX_SECONDS = 30.0  # for a file
FACET = re.compile(r"(access|direction|service)=(.+)")
ENTITIES = "X-EBBTIDE-ENTITIES"


class ImportDefaults(NamedTuple):
    """What applies to events that name no entity. `zone`: of whole days and of times without a zone."""

    entities: Sequence[str] = ()
    facets: Only = Only()
    zone: str | None = None


class Imported(NamedTuple):
    """Entries in the order of the file, one line for each event that has a fault, and one for each time left out."""

    entries: list[CalendarEntry]
    faults: list[str]
    remarks: list[str]


def read_ics(content: bytes, name: str, window: ImportWindow, defaults: ImportDefaults) -> Imported:
    """Return the entries of a file. Raises InputError, which starts with the file's name, when it is no iCalendar."""
    limit = TimeLimit(MAX_SECONDS)
    calendars = _calendars(content, name, limit)
    events = [(calendar, event) for calendar in calendars for event in calendar.events]
    moved, found = _moved(event for _, event in events), Imported([], [], [])
    for calendar, event in events:
        try:
            with limit:
                zone = _zone(defaults.zone or calendar.get("X-WR-TIMEZONE"))
                entries, remarks = _entries(event, moved[event.uid], zone, window, defaults)
                found.entries.extend(entries)
                found.remarks.extend(f"{name}: event {_title(event)} {remark}" for remark in remarks)
        except TimeoutError as error:
            raise InputError(f"{name}: event {_title(event)}: its repetition {error}, nothing is imported") from None
        except (ValueError, TypeError, AttributeError, OverflowError, msgspec.ValidationError) as error:
            found.faults.append(f"{name}: event {_title(event)}: {one_line(str(error))}")
    return found


def _calendars(content: bytes, name: str, limit: TimeLimit) -> list[icalendar.Calendar]:
    try:
        with limit:
            calendars: list[icalendar.Calendar] = icalendar.Calendar.from_ical(
                with_duration_texts(content), multiple=True
            )
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
) -> tuple[list[CalendarEntry], list[str]]:
    """Return entries and remarks of one event, none when it is cancelled or over. Raises ValueError."""
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return [], []
    found = occurrences(event, zone, window, moved)
    entities, facets = _subject(event, defaults)
    note = _note(event)
    entries = [entry_of(start.timestamp(), end.timestamp(), entities, facets, note) for start, end in found.periods]
    return entries, [
        f"skips {time:%Y-%m-%d %H:%M}, which clocks in {time.tzinfo or zone} skip" for time in found.skipped
    ]


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
