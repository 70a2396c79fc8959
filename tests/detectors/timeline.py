"""Outages made by hand, in the order of event time, and the incidents that grouping makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from detectors.incidents.model import Coverage, Facets, IncidentRevision, IncidentState, MeasuredSeries, OutageRevision
from detectors.incidents.tracker import advance, apply_revisions
from detectors.types import State

START = 1_573_862_400.0  # 16 November 2019, midnight
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
BIN = 3 * MINUTE
MOBILE: Facets = (("access", "mobile"),)
FIXED: Facets = (("access", "fixed"),)


def down(
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
    """Return an outage that begins at this hour and is announced a tenth of an hour (and `late` hours) after."""
    started = START + at * HOUR
    announced = started + (0.1 + late) * HOUR
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
        detected_at=announced,
        updated_at=announced,
        ended_at=None,
        expected=100.0,
        max_drop=drop,
        drops=((started, drop),),
        evidence=20.0,
        suspected_fault=suspected_fault,
    )


def revised(old: OutageRevision, at: float, state: State = "closed", **more: object) -> OutageRevision:
    """Return the next revision of an outage, at this hour."""
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
    """Return coverage by feeds that all measure all entities and facets at one level, in bins of three minutes that
    stray by 2 %.
    """
    series = [
        MeasuredSeries(feed, entity, side, 100.0, 2.0) for feed in feeds for entity in entities for side in facets
    ]
    return Coverage(dict.fromkeys(feeds, BIN), (), ("bgp",), {country: series}, operators or {})


def networks(count: int, first: int = 1) -> list[str]:
    """Return so many networks."""
    return [f"asn/{number}" for number in range(first, first + count)]


IRAN = networks(17)
APART = 0.375


def country_falls() -> list[OutageRevision]:
    """Seventeen networks, one after another, `APART` hours apart."""
    return [down(entity, number * APART) for number, entity in enumerate(IRAN)]


@dataclass
class Timeline:
    """The state of grouping, and all revisions of incidents that came of it."""

    coverage: Coverage
    state: IncidentState = field(default_factory=IncidentState)
    revisions: list[IncidentRevision] = field(default_factory=list)

    def run(self, outages: Iterable[OutageRevision], until: float | None = None) -> Timeline:
        """Apply outages in the order of event time, and then let time pass to this hour."""
        ordered = sorted(outages, key=lambda outage: outage.updated_at)
        for now, instant in groupby(ordered, key=lambda outage: outage.updated_at):
            self.revisions += apply_revisions(self.state, list(instant), now, self.coverage)
        if until is not None:
            self.revisions += advance(self.state, START + until * HOUR, self.coverage)
        return self

    @property
    def last(self) -> list[IncidentRevision]:
        """The newest revision of each incident that was not merged, in the order of their first."""
        newest = {revision.root: revision for revision in self.revisions}
        return [revision for revision in newest.values() if revision.merged_into is None]

    def states(self, root: str) -> list[str]:
        """The states of one incident, without repetitions."""
        revisions = (revision for revision in self.revisions if revision.root == root)
        return [state for state, _ in groupby(revision.state for revision in revisions)]
