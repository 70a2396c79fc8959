"""What the pages for people show, each as a value: which incidents and outages, in which order, with which pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup

from schemas.incident import Incident
from schemas.outage import Outage
from schemas.times import parse_time
from streams.worker.web.bins import Bands, bands, rounded, total
from streams.worker.web.filters import ended, key
from streams.worker.web.formatting import number, plural, who
from streams.worker.web.recent_bins import Strip
from streams.worker.web.sparkline import SMALL, Course, Size, picture, top_of
from streams.worker.web.worker_view import FeedHealth, Health, Known

NEWEST = 100  # incidents and outages on a page; a link leads to the rest
LATELY = 10  # of those that are over
SUMMED = 200  # series in the picture of an incident
GOING = ("open", "recovering", "ongoing", "spreading")


class Drawn(NamedTuple):
    """A picture, from when until when it is (Unix seconds), and the level at its top; the bottom is zero."""

    svg: Markup
    first: int
    last: int
    top: float


class Shown(NamedTuple):
    """An outage or incident on a page. `picture`: None when no bin of it is kept. `name`: of its entity, if known.

    `lasted`: seconds from its beginning to its end, or to the newest event time of its feeds.
    """

    it: Outage | Incident
    picture: Drawn | None
    lasted: float
    name: str | None


class Overview(NamedTuple):
    """The first page. `counts`: of incidents and of outages that go on; `suspected`: of those not sure yet.

    `newest`: event time of the feed that has come furthest (Unix seconds), None before the first.
    """

    incidents: Sequence[Shown]
    outages: Sequence[Shown]
    over: Sequence[Shown]
    counts: tuple[int, int]
    suspected: tuple[int, int]
    health: Health
    newest: float | None

    @property
    def headline(self) -> str:
        """What goes on, in a few words; what nobody measures is not called well."""
        if self.newest is None:
            return "Nothing was heard yet"
        for count, word in zip(self.counts, ("incident", "outage"), strict=True):
            if count:
                return f"{plural(count, word)} {'is' if count == 1 else 'are'} going on"
        heard = [feed for feed in self.health.feeds if feed_state(feed) == "heard"]
        return "Nothing is dark" if heard else "All feeds have stopped: what goes on is unknown"

    @property
    def stopped(self) -> list[str]:
        """Names of the feeds that are silent: the headline does not speak for what they measure."""
        return [feed.name for feed in self.health.feeds if feed_state(feed) == "stalled"]


def overview(known: Known) -> Overview:
    """Return what goes on, newest beginning first, and what is over lately."""
    incidents, outages, drawer = known.incidents(), known.outages(), Drawer(known)
    going = _newest(one for one in incidents if one.state in GOING)
    open_ = _newest(one for one in outages if one.state in GOING)
    members = {name for one in incidents for name in one.outage_ids}
    lone = [one for one in outages if one.outage_id not in members and one.state not in ("retracted", "suspected")]
    retracted = {one.outage_id for one in outages if one.state == "retracted"}
    done: list[Outage | Incident] = [*(one for one in incidents if _was_any(one, retracted)), *lone]
    over = sorted((one for one in done if ended(one) is not None), key=_end, reverse=True)
    suspected = [sum(one.state == "suspected" for one in many) for many in (incidents, outages)]
    return Overview(
        incidents=drawer.show(going[:NEWEST]),
        outages=drawer.show(open_[:NEWEST]),
        over=drawer.show(over[:LATELY]),
        counts=(len(going), len(open_)),
        suspected=(suspected[0], suspected[1]),
        health=known.health(),
        newest=max((time for time in drawer.newest.values() if time is not None), default=None),
    )


def _newest(those: Iterable[Outage] | Iterable[Incident]) -> list[Outage | Incident]:
    return sorted(those, key=key, reverse=True)


def _was_any(one: Incident, retracted: Collection[str]) -> bool:
    """Whether an incident is worth telling once it is over: no part of a larger one, and not all of it withdrawn."""
    is_fault = "feed-fault" in one.kinds
    return one.merged_into is None and (is_fault or not all(name in retracted for name in one.outage_ids))


def _end(one: Outage | Incident) -> tuple[float, str]:
    return ended(one) or 0.0, key(one)[1]


class Drawer:
    """Draws outages and incidents of one look at a worker."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.outages = {one.outage_id: one for one in known.outages()}
        self.newest = {feed.name: feed.newest for feed in known.health().feeds}

    def show(self, those: Iterable[Outage | Incident], size: Size = SMALL) -> list[Shown]:
        """Return them with their pictures."""
        return [Shown(one, self.draw(one, size), self._lasted(one), self._name(one)) for one in those]

    def _name(self, one: Outage | Incident) -> str | None:
        return self.known.name_of(one.entity) if isinstance(one, Outage) else None

    def draw(self, one: Outage | Incident, size: Size = SMALL) -> Drawn | None:
        """Return the picture of one, None when no bin of it is kept."""
        strip, name = self._strip(one)
        if strip is None or not strip.starts:
            return None
        since, until = parse_time(one.started_at), ended(one)
        if until is not None and until <= strip.starts[0]:
            return None
        shown = bands(strip, self.known.settings.feeds[strip.feed].kind)
        course = Course(strip.starts, strip.width, shown, since, until)
        return drawn(course, name, size)

    def _strip(self, one: Outage | Incident) -> tuple[Strip | None, str]:
        """Return the bins that show it, and whose they are.

        Of an incident, those of most outages of one feed and one sort of entity: a network is a part of its country.
        """
        if isinstance(one, Outage):
            return self.known.strip(one), f"{who(one)}, feed {one.feed}"
        members = [self.outages[name] for name in one.outage_ids if name in self.outages]
        sorts = Counter(map(_sort, members)).most_common(1)
        if not sorts:
            return None, ""
        feed, _ = sorts[0][0]
        found = [self.known.strip(member) for member in members if _sort(member) == sorts[0][0]][:SUMMED]
        strips = [strip for strip in found if strip and strip.starts]
        kind = self.known.settings.feeds[feed].kind
        return total(strips, kind) if strips else None, f"{len(strips)} series, feed {feed}"

    def _lasted(self, one: Outage | Incident) -> float:
        feeds = [one.feed] if isinstance(one, Outage) else one.feeds
        newest = [time for feed in feeds if (time := self.newest.get(feed)) is not None]
        end = ended(one)
        return (max([parse_time(one.updated_at), *newest]) if end is None else end) - parse_time(one.started_at)


def _sort(outage: Outage) -> tuple[str, str]:
    return outage.feed, outage.entity.partition("/")[0]


def drawn(course: Course, name: str, size: Size) -> Drawn:
    """Return the picture of some bins; `name`: whose they are."""
    svg = picture(course, _text(name, course.bands), size)
    return Drawn(svg, course.starts[0], course.starts[-1] + course.width, top_of(course.bands))


def _text(name: str, shown: Bands) -> str:
    """Say what a picture shows."""
    value, expected = (number(rounded(float(column[-1]))) for column in (shown.value, shown.expected))
    return f"Measured against expected of {name}: {value} measured in the newest bin, {expected} expected"


def feed_state(feed: FeedHealth) -> str:
    """Return how a feed does, in a word or two."""
    if feed.newest is None:
        return "never heard"
    return "stalled" if feed.stalled else "heard"
