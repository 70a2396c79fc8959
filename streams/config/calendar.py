"""The calendar that the shards of a process share: what is expected, from the settings and from the topic."""

from __future__ import annotations

from collections.abc import Iterable

from detectors.outages import suppression
from detectors.outages.suppression import FOREVER, Ask
from detectors.types import Suppression
from schemas.calendar import CalendarEntry, named
from schemas.times import parse_time
from streams.ingest.series_index import SeriesIndex


class Calendar:
    """The entries known now. Which of them counts, event time decides: it does not matter when they were read.

    `fixed`: those of the settings, which always count; an entry of the topic that says the same changes nothing.
    """

    def __init__(self, fixed: Iterable[CalendarEntry] = ()) -> None:
        self.fixed = {entry.entry_id: _rule(entry, FOREVER) for entry in fixed}
        self.topic: dict[str, suppression.CalendarWindow] = {}
        self.entries = list(self.fixed.values())

    def put(self, entries: Iterable[CalendarEntry]) -> None:
        """Take entries of the topic, or newer states of them; all at once, since what there is is put together anew."""
        self.topic.update((entry.entry_id, _rule(entry, _periods(entry))) for entry in entries)
        self.entries = list({**self.topic, **self.fixed}.values())

    def asked(self, index: SeriesIndex, start: int, width: int) -> Ask | None:
        """Return what suppresses the outages of an index' rows in the bin that starts then; None when nothing can."""
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
