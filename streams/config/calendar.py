"""The calendar that the shards of a process share: entries of the settings and of the topic."""

from __future__ import annotations

from collections.abc import Iterable

from detectors.outages import suppression
from detectors.outages.suppression import FOREVER, Ask
from detectors.types import Suppression
from schemas.calendar import CalendarEntry, named
from schemas.times import parse_time
from streams.ingest.series_index import SeriesIndex


class Calendar:
    """The entries read so far. Event time decides which of them count, not when they were read.

    `fixed`: entries of the settings, which always count; an equal entry of the topic changes nothing.
    """

    def __init__(self, fixed: Iterable[CalendarEntry] = ()) -> None:
        self.fixed = {entry.entry_id: _rule(entry, FOREVER) for entry in fixed}
        self.topic: dict[str, suppression.CalendarWindow] = {}
        self.entries = list(self.fixed.values())

    def put(self, entries: Iterable[CalendarEntry]) -> None:
        """Add entries of the topic, or replace them by newer states. Pass many at once: each call rebuilds the list."""
        self.topic.update((entry.entry_id, _rule(entry, _periods(entry))) for entry in entries)
        self.entries = list({**self.topic, **self.fixed}.values())

    def asked(self, index: SeriesIndex, start: int, width: int) -> Ask | None:
        """Return what suppresses outages of rows in the bin at `start` (Unix seconds); None when no entry applies."""
        now = suppression.current(self.entries, start, start + width) if self.entries else []

        def ask(row: int, began: int) -> Suppression | None:
            series = index.rows[row]
            return suppression.suppression(now, series, began) if series else None

        return ask if now else None


NOTHING = Calendar()


def _rule(entry: CalendarEntry, periods: tuple[tuple[float, float], ...]) -> suppression.CalendarWindow:
    return suppression.CalendarWindow(
        entry.entry_id,
        parse_time(entry.starts),
        parse_time(entry.ends),
        frozenset(entry.entities),
        named(entry.facets),
        entry.note,
        periods,
    )


def _periods(entry: CalendarEntry) -> tuple[tuple[float, float], ...]:
    ends = (float("inf") if period.removed_at is None else parse_time(period.removed_at) for period in entry.periods)
    return tuple(zip((parse_time(period.added_at) for period in entry.periods), ends, strict=True))
