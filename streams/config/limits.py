"""How many series, members, services and areas a feed may have, and how the defaults follow from a worker's memory."""

from __future__ import annotations

import sys
from typing import Annotated, NamedTuple

from msgspec import Meta

from detectors.kinds import FEED_KINDS
from detectors.types import DAY, Kind
from streams.config.types import Duration, Natural, Section

# Measured by `make limits`, see docs/scaling.md. Each has room for what lasts: an outage of a series in ten.
FIXED = 412 * 2**20  # bytes of a worker without series and recent bins, with the batch at hand
SERIES = 3_000  # bytes of a series, with its part of a snapshot
CELL = 2_600  # bytes of what areas are summed from, a network in a place
OPEN = 25  # bytes of a series in an open bin
MEMBER = 1_000  # bytes of a member that comes and goes
NAMED = 250  # bytes of a member in an open bin of a `distinct` feed
ROUND = 1_000  # defaults are multiples of it


class LimitsSettings(Section, frozen=True):
    """How many series a feed may have, in all partitions together. What is beyond becomes dead letters."""

    series: Annotated[
        Natural | None,
        Meta(
            description="series, and as many networks in a region that areas are summed from "
            "(default: from `worker.memory`)"
        ),
    ] = None
    members: Annotated[
        Natural | None,
        Meta(
            description="members of all series together; of `distinct` in each open bin (default: from `worker.memory`)"
        ),
    ] = None
    services: Annotated[Natural, Meta(description="different names of services")] = 1_000
    areas: Annotated[
        Natural, Meta(description="areas of each kind in `areas`; what is beyond is not watched as an area")
    ] = 10_000
    idle: Annotated[
        Duration | None,
        Meta(
            description="silence after which a series without an outage is forgotten when the limit is reached, the "
            'longest first (default: "1d", "1w" for `presence`)'
        ),
    ] = None


class Limits(NamedTuple):
    """The limits of a feed, or of its part in a partition; `idle` in seconds."""

    series: int
    members: int
    services: int
    areas: int
    idle: float

    def part(self, partitions: int) -> Limits:
        """Return the limits of each of so many partitions: services and areas may be the same in all of them.

        >>> Limits(series=10, members=100, services=5, areas=7, idle=60.0).part(4)
        Limits(series=3, members=25, services=5, areas=7, idle=60.0)
        """
        return self._replace(series=-(-self.series // partitions), members=-(-self.members // partitions))


UNLIMITED = Limits(sys.maxsize, sys.maxsize, sys.maxsize, sys.maxsize, idle=float("inf"))


class Memory(NamedTuple):
    """What the default limits of a feed follow from: its part of a worker's memory (bytes), and its open bins."""

    bytes: float
    kind: Kind
    has_areas: bool
    open_bins: int


def limits_of(settings: LimitsSettings, memory: Memory) -> Limits:
    """Return the limits of a feed: from its settings, else from the room in its part of the memory."""
    idle = settings.idle if settings.idle is not None else (7 if FEED_KINDS[memory.kind].tracks_members else 1) * DAY
    series, members = _defaults(memory)
    numbers = settings.series or series, settings.members or members, settings.services, settings.areas
    return Limits(*numbers, float(idle))


def _defaults(memory: Memory) -> tuple[int, int]:
    """Return the series and the members that fit; where members are named, each of the two takes half of the memory."""
    kind = FEED_KINDS[memory.kind]
    half = memory.bytes / 2 if kind.names_members else memory.bytes
    levels = 2 if memory.has_areas else 1
    each = SERIES + (levels - 1) * CELL + levels * OPEN * memory.open_bins
    member = levels * (MEMBER if kind.tracks_members else NAMED * memory.open_bins)
    return _rounded(half / each), _rounded(half / member)


def _rounded(number: float) -> int:
    return max(int(number) // ROUND, 1) * ROUND
