"""Chooses one page of the series of an entity, which may have hundreds of thousands of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from heapq import nsmallest
from typing import NamedTuple, TypeAlias

from schemas.api import MAX_PAGE_BINS, SeriesQuery
from streams.worker.web.recent_bins import EntityRows, Facets, SeriesHistory

Place: TypeAlias = tuple[str, EntityRows, int]  # a key, and where the bins are
END = "\0"  # of a part of a key: no name has it, and it sorts before all else


class SeriesPage(NamedTuple):
    """Series in order of feed and facets.

    `next`: the cursor of the following page, None on the last page. `is_measured`: whether the entity has any series.
    """

    histories: Sequence[SeriesHistory]
    next: str | None
    is_measured: bool


def page_of_series(found: Sequence[EntityRows], entity: str, query: SeriesQuery) -> SeriesPage:
    """Return the series that match a query, as many as its limit and `MAX_PAGE_BINS` allow.

    Only these are read.
    """
    after = bytes.fromhex(query.cursor or "").decode(errors="replace")
    wanted = _matching(query)
    places = (place for place in _places(found, entity) if place[0] > after and wanted(place[0]))
    limit = min(query.limit, max(1, MAX_PAGE_BINS // query.bins))
    by_key = _first(places, limit + 1, _copies(found))
    shown = list(by_key)[:limit]
    histories = [_longest(by_key[key]).last(query.bins) for key in shown]
    is_measured = bool(by_key) or next(_places(found, entity), None) is not None
    return SeriesPage(histories, shown[-1].encode().hex() if len(by_key) > limit else None, is_measured)


def _places(found: Sequence[EntityRows], entity: str) -> Iterator[Place]:
    return ((key_of(rows.feed, facets), rows, at) for rows in found for facets, at in rows.of(entity))


def key_of(feed: str, facets: Facets) -> str:
    """Return the key of a series among those of its entity: they are in order of feed and facets."""
    return END.join([feed, *(f"{name}{END}{value}" for name, value in facets)])


def _copies(found: Sequence[EntityRows]) -> int:
    """Return how many places a series may have: after its key has moved, two partitions have it."""
    return max(Counter(rows.feed for rows in found if len(rows.rows)).values(), default=1)


def _first(places: Iterator[Place], count: int, copies: int) -> dict[str, list[Place]]:
    """Return the places of the first series, in order. Not all are sorted: the event loop could not run meanwhile."""
    by_key: dict[str, list[Place]] = defaultdict(list)
    for place in nsmallest(count * copies, places, key=lambda place: place[0]):
        by_key[place[0]].append(place)
    return dict(list(by_key.items())[:count])


def _longest(places: Sequence[Place]) -> SeriesHistory:
    return max((rows.history(at) for _, rows, at in places), key=lambda history: len(history.starts))


def _matching(query: SeriesQuery) -> Callable[[str], bool]:
    wanted = [("access", query.access), ("direction", query.direction), ("service", query.service)]
    asked = [(name, values) for name, values in wanted if values]

    def matches(key: str) -> bool:
        feed, *parts = key.split(END)
        facets = dict(zip(parts[::2], parts[1::2], strict=True))
        return (not query.feed or feed in query.feed) and all(facets.get(name) in values for name, values in asked)

    return matches
