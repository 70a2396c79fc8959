"""What the HTML pages show: which incidents and outages, in which order, with which charts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup

from schemas.incident import Incident
from schemas.outage import Outage
from schemas.times import parse_time
from streams.worker.web.bins import Bands, bands, rounded, total
from streams.worker.web.filters import ended_at, key
from streams.worker.web.formatting import number, plural, who
from streams.worker.web.recent_bins import SeriesHistory
from streams.worker.web.sparkline import SMALL, ChartData, Size, sparkline, top_of
from streams.worker.web.worker_view import FeedHealth, Health, WorkerView

MAX_ITEMS = 100  # incidents and outages on a page; a link leads to the rest
MAX_ENDED = 10  # on the overview
MAX_SUMMED = 200  # series in the chart of an incident
ONGOING = ("open", "recovering", "ongoing", "spreading")


class Chart(NamedTuple):
    """A chart, its first and last time (Unix seconds), and the level at its top. The bottom is zero."""

    svg: Markup
    first: int
    last: int
    top: float


class Item(NamedTuple):
    """An outage or incident on a page.

    `chart`: None when no bin is kept; `duration`: seconds from its start to its end, or to the newest event time of
    its feeds; `name`: of its entity in the metadata, None when it has none.
    """

    value: Outage | Incident
    chart: Chart | None
    duration: float
    name: str | None


class Overview(NamedTuple):
    """The first page. `counts`: of ongoing incidents and outages; `suspected`: of those not confirmed yet.

    `newest`: newest event time of all feeds (Unix seconds), None before the first measurement.
    """

    incidents: Sequence[Item]
    outages: Sequence[Item]
    ended: Sequence[Item]
    counts: tuple[int, int]
    suspected: tuple[int, int]
    health: Health
    newest: float | None

    @property
    def headline(self) -> str:
        """The present state in a few words. "Nothing is dark" needs at least one feed that receives measurements."""
        if self.newest is None:
            return "No measurements yet"
        for count, word in zip(self.counts, ("incident", "outage"), strict=True):
            if count:
                return plural(count, f"ongoing {word}")
        is_receiving = any(feed_state(feed) == "receiving" for feed in self.health.feeds)
        return "Nothing is dark" if is_receiving else "All feeds have stopped: the state is unknown"

    @property
    def stopped(self) -> list[str]:
        """Names of the stalled feeds. The headline does not cover what they measure."""
        return [feed.name for feed in self.health.feeds if feed_state(feed) == "stalled"]


def overview(view: WorkerView) -> Overview:
    """Return the ongoing incidents and outages, newest start first, and those that ended last."""
    incidents, outages, builder = view.incidents(), view.outages(), ItemBuilder(view)
    ongoing = _newest_first(incident for incident in incidents if incident.state in ONGOING)
    open_ = _newest_first(outage for outage in outages if outage.state in ONGOING)
    ended = sorted(_worth_showing(incidents, outages), key=_end, reverse=True)
    return Overview(
        incidents=builder.items(ongoing[:MAX_ITEMS]),
        outages=builder.items(open_[:MAX_ITEMS]),
        ended=builder.items(ended[:MAX_ENDED]),
        counts=(len(ongoing), len(open_)),
        suspected=(_count_suspected(incidents), _count_suspected(outages)),
        health=view.health(),
        newest=max((time for time in builder.newest.values() if time is not None), default=None),
    )


def _newest_first(items: Iterable[Outage] | Iterable[Incident]) -> list[Outage | Incident]:
    return sorted(items, key=key, reverse=True)


def _count_suspected(items: Iterable[Outage] | Iterable[Incident]) -> int:
    return sum(item.state == "suspected" for item in items)


def _worth_showing(incidents: Sequence[Incident], outages: Sequence[Outage]) -> list[Outage | Incident]:
    """Return the ended incidents, and the ended outages of no incident, without those that were withdrawn."""
    members = {name for incident in incidents for name in incident.outage_ids}
    retracted = {outage.outage_id for outage in outages if outage.state == "retracted"}
    lone = [
        outage
        for outage in outages
        if outage.outage_id not in members and outage.state not in ("retracted", "suspected")
    ]
    items: list[Outage | Incident] = [*(incident for incident in incidents if _stands(incident, retracted)), *lone]
    return [item for item in items if ended_at(item) is not None]


def _stands(incident: Incident, retracted: Collection[str]) -> bool:
    """Return whether an incident was not merged into a larger one and not all of its outages were retracted."""
    is_fault = "feed-fault" in incident.kinds
    return incident.merged_into is None and (is_fault or not all(name in retracted for name in incident.outage_ids))


def _end(item: Outage | Incident) -> tuple[float, str]:
    return ended_at(item) or 0.0, key(item)[1]


class ItemBuilder:
    """Builds the items of one page from one snapshot of the worker's outages and feeds."""

    def __init__(self, view: WorkerView) -> None:
        self.view = view
        self.outages = {outage.outage_id: outage for outage in view.outages()}
        self.newest = {feed.name: feed.newest for feed in view.health().feeds}

    def items(self, values: Iterable[Outage | Incident], size: Size = SMALL) -> list[Item]:
        """Return an item with a chart for each outage or incident."""
        return [Item(value, self.chart(value, size), self._duration(value), self._name(value)) for value in values]

    def _name(self, value: Outage | Incident) -> str | None:
        return self.view.name_of(value.entity) if isinstance(value, Outage) else None

    def chart(self, value: Outage | Incident, size: Size = SMALL) -> Chart | None:
        """Return the chart of an outage or incident, None when none of its bins is kept."""
        history, name = self._history(value)
        if history is None or not history.starts:
            return None
        since, until = parse_time(value.started_at), ended_at(value)
        if until is not None and until <= history.starts[0]:
            return None
        levels = bands(history, self.view.settings.feeds[history.feed].kind)
        return chart_of(ChartData(history.starts, history.width, levels, since, until), name, size)

    def _history(self, value: Outage | Incident) -> tuple[SeriesHistory | None, str]:
        """Return the bins to draw and a name for them.

        For an incident these are the summed bins of its outages of the most common feed and kind of entity. Summing
        networks together with their country would count twice.
        """
        if isinstance(value, Outage):
            return self.view.history_of_outage(value), f"{who(value)}, feed {value.feed}"
        members = [self.outages[name] for name in value.outage_ids if name in self.outages]
        groups = Counter(map(_group, members)).most_common(1)
        if not groups:
            return None, ""
        (feed, _), _ = groups[0]
        chosen = [member for member in members if _group(member) == groups[0][0]][:MAX_SUMMED]
        histories = [history for member in chosen if (history := self.view.history_of_outage(member)) is not None]
        histories = [history for history in histories if history.starts]
        kind = self.view.settings.feeds[feed].kind
        return total(histories, kind) if histories else None, f"{len(histories)} series, feed {feed}"

    def _duration(self, value: Outage | Incident) -> float:
        feeds = [value.feed] if isinstance(value, Outage) else value.feeds
        newest = [time for feed in feeds if (time := self.newest.get(feed)) is not None]
        end = ended_at(value)
        return (max([parse_time(value.updated_at), *newest]) if end is None else end) - parse_time(value.started_at)


def _group(outage: Outage) -> tuple[str, str]:
    return outage.feed, outage.entity.partition("/")[0]


def chart_of(data: ChartData, name: str, size: Size) -> Chart:
    """Return the chart of bins. `name`: of the series, for the description."""
    svg = sparkline(data, _description(name, data.bands), size)
    return Chart(svg, data.starts[0], data.starts[-1] + data.width, top_of(data.bands))


def _description(name: str, levels: Bands) -> str:
    value, expected = (number(rounded(float(column[-1]))) for column in (levels.value, levels.expected))
    return f"Measured against expected of {name}: {value} measured in the newest bin, {expected} expected"


def feed_state(feed: FeedHealth) -> str:
    """Return the state of a feed in a word or two."""
    if feed.newest is None:
        return "no data yet"
    return "stalled" if feed.stalled else "receiving"
