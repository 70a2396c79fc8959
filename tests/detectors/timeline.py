"""Outages made by hand on a time line, and the incidents that come of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from detectors.incidents.model import Coverage, Facets, IncidentRevision, IncidentState, OutageRevision, ScoredSeries
from detectors.incidents.tracker import advance, apply_revisions
from detectors.types import State

START = 1_573_862_400.0  # 16 November 2019, midnight
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
BIN = 3 * MINUTE
MOBILE: Facets = (("access", "mobile"),)
FIXED: Facets = (("access", "fixed"),)


def fall(
    entity: str,
    at: float,
    state: State = "open",
    *,
    country: str | None = "IR",
    feed: str = "probing",
    facets: Facets = (),
    drop: float = 1.0,
    late: float = 0.0,
    suspected_fault: bool = False,
) -> OutageRevision:
    """One outage that begins at this hour and is told a tenth of an hour (and `late` hours) after."""
    started = START + at * HOUR
    told = started + (0.1 + late) * HOUR
    return OutageRevision(
        outage_id=f"{feed}/{entity}/{facets}/{at}",
        revision=1,
        state=state,
        entity=entity,
        country=country,
        region=entity[7:] if entity.startswith("region/") else None,
        facets=facets,
        feed=feed,
        started_at=started,
        detected_at=told,
        updated_at=told,
        ended_at=None,
        expected=100.0,
        max_drop=drop,
        drops=((started, drop),),
        evidence=20.0,
        suspected_fault=suspected_fault,
    )


def then(old: OutageRevision, at: float, state: State = "closed", **more: object) -> OutageRevision:
    """Its next revision, at this hour."""
    now = START + at * HOUR
    ended = now if state in ("closed", "retracted") else None
    fields = {"revision": old.revision + 1, "state": state, "updated_at": now, "ended_at": ended} | more
    return replace(old, **fields)  # type: ignore[arg-type]


def coverage(
    entities: Iterable[str],
    country: str = "IR",
    feeds: Sequence[str] = ("probing",),
    facets: Sequence[Facets] = ((),),
    operators: dict[str, str] | None = None,
) -> Coverage:
    """All feeds measure all entities and facets at one level, in bins of three minutes that stray by 2 %."""
    series = [ScoredSeries(feed, entity, one, 100.0, 2.0) for feed in feeds for entity in entities for one in facets]
    return Coverage(dict.fromkeys(feeds, BIN), (), ("bgp",), {country: series}, operators or {})


def networks(count: int, first: int = 1) -> list[str]:
    """So many networks."""
    return [f"asn/{number}" for number in range(first, first + count)]


@dataclass
class Line:
    """A book, and all that was told by it."""

    known: Coverage
    state: IncidentState = field(default_factory=IncidentState)
    told: list[IncidentRevision] = field(default_factory=list)

    def run(self, falls: Iterable[OutageRevision], until: float | None = None) -> Line:
        """Take revisions in the order of event time, and then let time pass to this hour."""
        for now, some in groupby(sorted(falls, key=lambda one: one.updated_at), key=lambda one: one.updated_at):
            self.told += apply_revisions(self.state, list(some), now, self.known)
        if until is not None:
            self.told += advance(self.state, START + until * HOUR, self.known)
        return self

    @property
    def last(self) -> list[IncidentRevision]:
        """The newest revision of each incident that is its own, in the order of their first."""
        newest = {one.root: one for one in self.told}
        return [one for one in newest.values() if one.merged_into is None]

    def states(self, root: str) -> list[str]:
        """The states of one incident, without repetitions."""
        return [state for state, _ in groupby(one.state for one in self.told if one.root == root)]
