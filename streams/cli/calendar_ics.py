"""Events of an iCalendar file (RFC 5545) as entries of the calendar: zones, whole days and repetitions worked out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import icalendar
import msgspec
from dateutil.rrule import rrulestr

from schemas.calendar import MAX_NOTE, CalendarEntry, Only, demand_entity, entry_of
from schemas.rejections import one_line
from streams.config.errors import InputError

MOST = 1000  # times that an event may repeat in the span
OFTEN = re.compile(r"FREQ=(SECONDLY|MINUTELY)", re.IGNORECASE)
FACET = re.compile(r"(access|direction|service)=(.+)")
MINE = "X-EBBTIDE-ENTITIES"


class ImportWindow(NamedTuple):
    """What is taken: events that are not over at the first instant and begin before the second."""

    since: datetime
    until: datetime


class ImportDefaults(NamedTuple):
    """What the operator says of events that do not say it themselves. `zone`: of whole days and floating times."""

    entities: Sequence[str] = ()
    facets: Only = Only()
    zone: str | None = None


class Imported(NamedTuple):
    """Entries in the order of the file, and for each event that could not be taken a line that says why."""

    entries: list[CalendarEntry]
    faults: list[str]


def read_ics(content: bytes, name: str, span: ImportWindow, given: ImportDefaults) -> Imported:
    """Return the entries of a file. Raises InputError when it is no iCalendar, or its time zone is none."""
    try:
        calendars = icalendar.Calendar.from_ical(content, multiple=True)
        events = [(whole, event) for whole in calendars for event in whole.walk("VEVENT")]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(f"{name}: is not iCalendar: {one_line(str(error))}") from None
    if not calendars:
        raise InputError(f"{name}: is not iCalendar: there is no VCALENDAR in it")
    moved, found = _moved(event for _, event in events), Imported([], [])
    for whole, event in events:
        try:
            zone = _zone(given.zone or whole.get("X-WR-TIMEZONE"))
            found.entries.extend(_entries(event, moved[str(event.get("UID"))], zone, span, given))
        except (ValueError, TypeError, AttributeError, OverflowError, msgspec.ValidationError) as error:
            found.faults.append(f"{name}: event {_title(event)}: {one_line(str(error))}")
    return found


def _moved(events: Iterable[Any]) -> defaultdict[str, set[datetime | date]]:
    """The instants of repeated events, by their UID, that an event of their own stands for."""
    moved: defaultdict[str, set[datetime | date]] = defaultdict(set)
    for event in events:
        with suppress(ValueError, AttributeError):  # the event that has it is told as one that cannot be taken
            if (instead := _instead(event)) is not None:
                moved[str(event.get("UID"))].add(instead)
    return moved


def _instead(event: Any) -> datetime | date | None:  # noqa: ANN401
    """The instant of a repeated event that this one is in place of. Raises ValueError or AttributeError for none."""
    instead = event.get("RECURRENCE-ID")
    return None if instead is None else instead.dt


def _title(event: Any) -> str:  # noqa: ANN401
    return repr(one_line(str(event.get("SUMMARY") or event.get("UID") or "without a name")))


def _zone(name: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(name or "UTC"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no such time zone: {name}") from None


def _entries(
    event: Any,  # noqa: ANN401
    moved: set[datetime | date],
    zone: ZoneInfo,
    span: ImportWindow,
    given: ImportDefaults,
) -> list[CalendarEntry]:
    """The entries of one event, none for one that is cancelled or over. Raises ValueError when it cannot be taken."""
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return []
    begins, length = _begins(event), _length(event)
    entities, facets = _what(event, given)
    note = _note(event)
    found = []
    for begin in _repeated(event, begins, moved, zone, span, length):
        start, end = _instant(begin, zone), _instant(begin + length, zone)
        if end > span.since and start < span.until:
            found.append(entry_of(start.timestamp(), end.timestamp(), entities, facets, note))
    return found


def _begins(event: Any) -> datetime | date:  # noqa: ANN401
    if event.get("DTSTART") is None:
        raise ValueError("has no DTSTART")
    begins: datetime | date = event["DTSTART"].dt
    return begins


def _length(event: Any) -> timedelta:  # noqa: ANN401
    begins = _begins(event)
    if event.get("DTEND") is not None:
        length: timedelta = event["DTEND"].dt - begins
    elif event.get("DURATION") is not None:
        length = event["DURATION"].dt
    elif isinstance(begins, datetime):
        raise ValueError("has neither DTEND nor DURATION")
    else:
        length = timedelta(days=1)
    if length <= timedelta(0):
        raise ValueError("ends before it begins")
    return length


def _instant(moment: datetime | date, zone: ZoneInfo) -> datetime:
    """The instant: a whole day begins at midnight there, a time without a zone is of there."""
    whole = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
    return (whole if whole.tzinfo else whole.replace(tzinfo=zone)).astimezone(UTC)


def _repeated(
    event: Any,  # noqa: ANN401
    begins: datetime | date,
    moved: set[datetime | date],
    zone: ZoneInfo,
    span: ImportWindow,
    length: timedelta,
) -> Iterator[datetime | date]:
    """When it begins, each time that may lie in the span, in order."""
    rules = [rule.to_ical().decode() for rule in _listed(event.get("RRULE"))]
    if any(map(OFTEN.search, rules)):
        raise ValueError("repeats every minute or second")
    left_out = {*moved, *_dates(event.get("EXDATE"))} if _instead(event) is None else set[datetime | date]()
    found = {begins, *_dates(event.get("RDATE"))}
    is_day = not isinstance(begins, datetime)
    for rule in rules:
        for moment in _by_rule(rule, begins, zone, span, length):
            found.add(moment.date() if is_day else moment)
    yield from sorted(found - left_out, key=lambda moment: _instant(moment, zone))


def _by_rule(
    rule: str, begins: datetime | date, zone: ZoneInfo, span: ImportWindow, length: timedelta
) -> Iterator[datetime]:
    """What a rule gives from the span's begin to its end, in the event's own zone: noon stays noon in summer."""
    first = begins if isinstance(begins, datetime) else datetime.combine(begins, time())
    repeats = rrulestr(rule, dtstart=first)
    for count, moment in enumerate(repeats.xafter(_in(first, span.since, zone) - length - timedelta(days=1))):
        if _instant(moment, zone) >= span.until:
            return
        if count >= MOST:
            raise ValueError(f"repeats more than {MOST} times before {span.until:%Y-%m-%d}: give an earlier --until")
        yield moment


def _in(like: datetime, moment: datetime, zone: ZoneInfo) -> datetime:
    """The same instant in the manner of another time: with its zone, or without any."""
    return moment.astimezone(like.tzinfo) if like.tzinfo else moment.astimezone(zone).replace(tzinfo=None)


def _listed(value: Any) -> list[Any]:  # noqa: ANN401
    """A property that may stand several times."""
    return [] if value is None else value if isinstance(value, list) else [value]


def _dates(value: Any) -> list[datetime | date]:  # noqa: ANN401
    found = [one.dt for many in _listed(value) for one in many.dts]
    if any(isinstance(one, tuple) for one in found):
        raise ValueError("RDATE gives periods, which are not read")
    return found


def _what(event: Any, given: ImportDefaults) -> tuple[list[str], Only]:  # noqa: ANN401
    """Entities and facets: of the event's own property and its categories, else those given."""
    own = [word.strip() for one in _listed(event.get(MINE)) for word in str(one).split(",") if word.strip()]
    words = [str(word).strip() for one in _listed(event.get("CATEGORIES")) for word in one.cats]
    facets = {found[1]: found[2] for word in (*words, *own) if (found := FACET.fullmatch(word))}
    entities = [word for word in own if not FACET.fullmatch(word)]
    for entity in entities:
        demand_entity(entity)
    entities += [word for word in words if _is_entity(word)]
    if not entities and not given.entities:
        raise ValueError(f"names no entity: give {MINE}, a category such as country/KZ, or --entity")
    return entities or list(given.entities), msgspec.convert(facets, Only) if facets else given.facets


def _is_entity(text: str) -> bool:
    try:
        demand_entity(text)
    except ValueError:
        return False
    return True


def _note(event: Any) -> str:  # noqa: ANN401
    parts = [" ".join(str(event.get(name) or "").split()) for name in ("SUMMARY", "DESCRIPTION")]
    return ": ".join(filter(None, parts))[:MAX_NOTE]
