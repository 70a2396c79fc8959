"""The simulated world: lines, feeds that watch them, events that take lines away, and faults of feeds."""

from __future__ import annotations

from typing import Literal, NamedTuple

from detectors.types import Kind
from schemas.measurement import Access, Direction
from schemas.times import parse_time

Field = Literal["asn", "region", "access"]
Key = tuple[Field, ...]
Shape = Literal["sudden", "stepwise", "gradual"]
BY_ASN: tuple[Key, ...] = (("asn",),)
MINUTE, HOUR = 60, 3_600


class Line(NamedTuple):
    """One access of one network in one place (nationwide without a region); `size` is relative."""

    asn: int
    country: str
    access: Access
    size: float
    region: str | None = None


class SimulatedFeed(NamedTuple):
    """One stream of measurements: a series for each value of each key (and each value of the facet), sums over lines.

    A series' level a bin is `scale` × the size of its lines, within `least` and `most`; for a ratio it is the trials,
    for presence the members. `width`, `lateness`: seconds. `swing`: of day and night, relative. `noise`: relative
    standard deviation of a bin beyond counting; for presence, disconnections a member and day. `wander`: relative
    standard deviation of the slow walk of the level. `missing`: share of bins without a measurement. `areas`: the sums
    that an operator would have watched.
    """

    name: str
    signal: str
    kind: Kind
    width: int
    scale: float
    least: float
    most: float = 1e9
    keys: tuple[Key, ...] = BY_ASN
    facet: Literal["direction", "service"] | None = None
    values: tuple[str, ...] = ()
    swing: float = 0.0
    noise: float = 0.0
    wander: float = 0.0
    missing: float = 0.0
    lateness: int = 2 * MINUTE
    areas: tuple[str, ...] = ()


class Where(NamedTuple):
    """A selection of lines and of their facets. An empty field selects all."""

    country: str
    regions: tuple[str, ...] = ()
    asns: tuple[int, ...] = ()
    access: Access | None = None
    direction: Direction | None = None
    services: tuple[str, ...] = ()

    def has(self, line: Line) -> bool:
        """Whether the line is one of these."""
        return (
            line.country == self.country
            and (not self.regions or line.region in self.regions)
            and (not self.asns or line.asn in self.asns)
            and self.access in (None, line.access)
        )

    def is_of(self, facet: str | None) -> bool:
        """Whether this value of a feed's facet is one of these; None for a feed that has no facet."""
        said = (*self.services, *([self.direction] if self.direction else []))
        return facet is None or not said or facet in said


class SimulatedEvent(NamedTuple):
    """Lines that lose a share of their level from `start` to `end` (Unix seconds; None: for good).

    `drops`: by feed, the share that it sees lost; the feed that sees it best comes first. Feeds not named see
    nothing. Where events overlap, the deepest counts.
    """

    where: Where
    start: float
    end: float | None
    drops: dict[str, float]


class SimulatedIncident(NamedTuple):
    """Events that make up one incident. `expected`: the note of its calendar entry, if there is one."""

    events: tuple[SimulatedEvent, ...]
    shape: Shape = "sudden"
    expected: str = ""


class Fault(NamedTuple):
    """A feed that is wrong from `start` to `end` (Unix seconds) for three entities in five, or for all.

    `drop`: the share of the level that it does not see; None: it sends nothing at all.
    """

    feed: str
    start: float
    end: float
    drop: float | None
    everywhere: bool = False


class Scenario(NamedTuple):
    """A situation: who is watched, by which feeds, from when to when (RFC 3339), and what happens."""

    name: str
    text: str
    start: str
    end: str
    lines: tuple[Line, ...]
    feeds: tuple[SimulatedFeed, ...]
    incidents: tuple[SimulatedIncident, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def span(self) -> tuple[int, int]:
        """First second, and first second after the end."""
        return int(parse_time(self.start)), int(parse_time(self.end))

    @property
    def events(self) -> list[SimulatedEvent]:
        """The events of all incidents."""
        return [event for incident in self.incidents for event in incident.events]
