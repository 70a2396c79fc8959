"""Whether a feed has room for its measurements: which are refused since a limit is reached, in order of arrival.

A measurement is refused as the first of its series, of its service or of its member, when these are as many as the
limits allow; nothing that is known is refused. The outcome is a function of the log: it does not depend on batches.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from detectors.bins import OpenBins
from detectors.kinds import FeedKind
from detectors.outages.presence import Members
from detectors.types import Flags, Ints
from schemas.measurement import Measurement, entity_of
from streams.config.limits import Limits
from streams.ingest.series_index import NEVER, Identity, SeriesIndex

LimitName: TypeAlias = Literal["series", "services", "members"]
Pair = tuple[int | Identity, str]  # a row, or the identity of a series without one, and a member
FULL = 7 / 8  # share of a limit in use that forgetting idle series leaves


@dataclass(frozen=True, slots=True)
class Level:
    """What a feed keeps of its series, or of the cells that its areas are summed from."""

    index: SeriesIndex
    bins: OpenBins
    members: Members

    @property
    def series(self) -> int:
        """The series of the partition that has most."""
        return max(self.index.taken.values(), default=0)

    def by_lot(self, rows: Iterable[int]) -> Counter[int]:
        """Count rows, which may repeat, by the partition that they count in."""
        lots: Counter[int] = Counter()
        for row, count in Counter(rows).items():
            series = self.index.rows[row]
            lots[self.index.lot(series.entity) if series else 0] += count
        return lots

    @property
    def only_lot(self) -> int | None:
        """The partition that all series count in; None where there are several: then members are counted one by one."""
        return next(iter(self.index.taken), 0) if len(self.index.taken) < 2 else None

    def tracked(self) -> Counter[int]:
        """Return the members that come and go, those of open bins included, by partition."""
        awaited, since = self.members.awaited(), self.members.since
        if self.only_lot is not None:
            return Counter({self.only_lot: self.members.size + len(awaited)})
        rows = chain.from_iterable([row] * len(members) for row, members in since.items())
        return self.by_lot(chain(rows, (row for row, _ in awaited)))

    def named(self, start: int) -> Counter[int]:
        """Return the members counted in an open bin, by partition."""
        members = self.bins.bins[start].members if start in self.bins.bins else ()
        if self.only_lot is not None:
            return Counter({self.only_lot: len(members)})
        return self.by_lot(row for row, _ in members)


class SliceInOrder(NamedTuple):
    """`n` measurements in order of arrival: their bins, which are late, and which bin was the next to close; (n,)."""

    measurements: Sequence[Measurement]
    starts: Ints
    late: Flags
    until: Ints


class Room:
    """The limits of a feed in a partition, and what of them is in use."""

    def __init__(self, kind: FeedKind, limits: Limits, levels: Sequence[Level]) -> None:
        self.kind, self.limits, self.levels = kind, limits, levels

    def is_tight(self, count: int) -> bool:
        """Return whether so many measurements may reach a limit at which something idle is forgotten."""
        return self._series() + count >= self.limits.series or self._tracked() + count >= self.limits.members

    def is_ample(self, unknown: Sequence[int], services: Callable[[], Collection[str | None]], count: int) -> bool:
        """Return whether there is room for so many measurements, whatever they are.

        `unknown`: of each level, how many of them have a series that may be new. `services`: returns their names.
        """
        new = max(unknown)
        fits = new == 0 or (self._series() + new <= self.limits.series and self._has_services(new, services))
        return fits and self._named() + count <= self.limits.members

    def _has_services(self, new: int, services: Callable[[], Collection[str | None]]) -> bool:
        room = self.limits.services - max(len(level.index.services) for level in self.levels)
        return new <= room or len(set(services()) - {None}) <= room

    def _series(self) -> int:
        return max(level.series for level in self.levels)

    def _tracked(self) -> int:
        """Return at least how many members come and go, those of open bins included."""
        if not self.kind.tracks_members:
            return -sys.maxsize
        return max(level.members.size + sum(map(len, level.members.events.values())) for level in self.levels)

    def _named(self) -> int:
        """Return at least how many members count against the limit."""
        if self.kind.tracks_members or not self.kind.names_members:
            return self._tracked()
        bins = (opened for level in self.levels for opened in level.bins.bins.values())
        return max((len(opened.members) for opened in bins), default=0)

    def used(self) -> dict[str, float]:
        """Return the share of each limit that is in use, in the partition that uses most."""
        services = max((count for level in self.levels for count in level.index.service_counts.values()), default=0)
        members = max(level.members.size for level in self.levels) if self.kind.tracks_members else self._named()
        return {
            "series": self._series() / self.limits.series,
            "services": services / self.limits.services,
            "members": max(members, 0) / self.limits.members,
        }

    def refused(self, arrived: SliceInOrder) -> list[LimitName | None]:
        """Return for each measurement the limit that it would exceed, None where there is room.

        A late measurement is the first of no series; it may be the first of a member whose state it corrects.
        """
        walks = [Walk(self.kind, self.limits, level) for level in self.levels]
        measured = zip(arrived.measurements, arrived.starts.tolist(), strict=True)
        untils = [until if late else None for until, late in zip(arrived.until.tolist(), arrived.late, strict=True)]
        return [_refused(walks, m, start, until) for (m, start), until in zip(measured, untils, strict=True)]

    def idle(self, level: Level, start: int, busy: Collection[int]) -> list[int]:
        """Return the rows to forget when the bin of that start closes: idle for longest, until `FULL` is in use.

        There are none before the limit is reached. `busy`: rows that are kept.
        """
        if level.series < self.limits.series:
            return []
        index, most = level.index, int(FULL * self.limits.series)
        surplus = {lot: count - most for lot, count in index.taken.items() if count >= self.limits.series}
        silent = np.flatnonzero(index.last_seen[: len(index)] <= start - self.limits.idle).tolist()
        named = ((row, index.rows[row]) for row in silent if row not in busy and index.born[row] <= start)
        oldest = sorted((int(index.last_seen[row]), *s[:2], row) for row, s in named if s is not None)
        by_lot: dict[int, list[int]] = {}
        for _, entity, _, row in oldest:
            by_lot.setdefault(index.lot(entity), []).append(row)
        return [row for lot, count in surplus.items() for row in by_lot.get(lot, [])[:count]]

    def is_crowded(self, level: Level) -> bool:
        """Return whether a partition has as many members that come and go as the limit allows."""
        may = self.kind.tracks_members and self._tracked() >= self.limits.members
        return may and max(level.tracked().values(), default=0) >= self.limits.members


def _refused(walks: Sequence[Walk], m: Measurement, start: int, until: int | None) -> LimitName | None:
    """Return the limit that a measurement would exceed; it takes room only if all levels have some."""
    steps = [walk.step(m, start, until) for walk in walks]
    reason = next((step.refused for step in steps if step.refused), None)
    if reason is None:
        for walk, step in zip(walks, steps, strict=True):
            walk.take(step)
    return reason


class Addition(NamedTuple):
    """What a measurement would add to a level: nothing if it is late, and then of no use.

    `who`: the row, or the identity of a series that has none. `bin`: None if it is late.
    """

    who: int | Identity
    lot: int = 0
    bin: int | None = None
    is_new: bool = False
    service: str | None = None
    member: str | None = None
    refused: LimitName | None = None


class Walk:
    """Goes through measurements in order of arrival, and counts on one level what they would add."""

    def __init__(self, kind: FeedKind, limits: Limits, level: Level) -> None:
        self.kind, self.limits, self.level = kind, limits, level
        self.taken = Counter(level.index.taken)
        self.services = set(level.index.services)
        self.named = Counter(level.index.service_counts)  # services by lot
        self.born: dict[int | Identity, int] = {}  # the first bin of each series that was measured
        self.pairs: dict[int, set[Pair]] = {}  # members that are new here by bin, or all under 0
        self.waiting: dict[int, Collection[Pair]] = {}  # members that came before and are not known yet, likewise
        self.counts: dict[int, Counter[int]] = {}  # members by bin, or all under 0, and by lot
        if kind.tracks_members:
            self.pairs[0], self.waiting[0], self.counts[0] = set(), level.members.awaited(), level.tracked()

    def step(self, m: Measurement, start: int, until: int | None) -> Addition:
        """Return what a measurement would add. `until`: of a late one, the start of the next bin to close."""
        index = self.level.index
        row = index.row_of(m)
        series = None if row is not None else index.named(m)
        who = index.identity(series) if series else row or 0
        if until is not None and not self._corrects(who, until):
            return Addition(who)
        entity = entity_of(m)
        step = Addition(who, index.lot(entity), start if until is None else None, bool(series) and who not in self.born)
        step = step._replace(service=m.service if step.is_new else None, member=self._new_member(step, m, start))
        return step._replace(refused=self._reason(step, start))

    def _corrects(self, who: int | Identity, until: int) -> bool:
        """Return whether a late measurement has an effect: of members, if the series was measured before."""
        born = self.born.get(who, NEVER)
        if isinstance(who, int):
            born = min(born, int(self.level.index.born[who]))
        return self.kind.tracks_members and born < until

    def _new_member(self, step: Addition, m: Measurement, start: int) -> str | None:
        """Return the member of a measurement if it would count anew."""
        if not self.kind.names_members:
            return None
        member = str(m.member)
        if self.kind.tracks_members:
            is_known = isinstance(step.who, int) and self.level.members.has(step.who, member)
            return None if is_known or self._has_come(0, (step.who, member)) else member
        if start not in self.pairs:
            self._begin(start)
        return None if self._has_come(start, (step.who, member)) else member

    def _has_come(self, at: int, pair: Pair) -> bool:
        return pair in self.pairs[at] or pair in self.waiting[at]

    def _begin(self, start: int) -> None:
        """Note the members of an open bin."""
        opened = self.level.bins.bins.get(start)
        self.pairs[start], self.waiting[start] = set(), opened.members if opened else ()
        self.counts[start] = self.level.named(start)

    def _reason(self, step: Addition, start: int) -> LimitName | None:
        if step.is_new and self.taken[step.lot] >= self.limits.series:
            return "series"
        is_known = step.service is None or (step.lot, step.service) in self.services
        if not is_known and self.named[step.lot] >= self.limits.services:
            return "services"
        at = 0 if self.kind.tracks_members else start
        if step.member is not None and self.counts[at][step.lot] >= self.limits.members:
            return "members"
        return None

    def take(self, step: Addition) -> None:
        """Count what a measurement adds."""
        if step.bin is not None:
            self.born[step.who] = min(step.bin, self.born.get(step.who, NEVER))
        if step.is_new:
            self.taken[step.lot] += 1
        if step.service is not None and (step.lot, step.service) not in self.services:
            self.services.add((step.lot, step.service))
            self.named[step.lot] += 1
        if step.member is not None:
            at = 0 if self.kind.tracks_members else step.bin or 0
            self.pairs[at].add((step.who, step.member))
            self.counts[at][step.lot] += 1
