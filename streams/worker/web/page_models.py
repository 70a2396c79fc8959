"""Outages and incidents as the HTML pages show them, with their charts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from markupsafe import Markup

from schemas.incident import Incident
from schemas.outage import Outage
from schemas.times import parse_time
from streams.worker.web.bins import Bands, bands, rounded, total
from streams.worker.web.filters import ended_at
from streams.worker.web.formatting import number, who
from streams.worker.web.recent_bins import SeriesHistory
from streams.worker.web.sparkline import SMALL, ChartData, Size, sparkline, top_of
from streams.worker.web.worker_view import WorkerView

MAX_ITEMS = 100  # incidents and outages on a page; a link leads to the rest
MAX_SUMMED = 200  # series in the chart of an incident


class Chart(NamedTuple):
    """A chart, its first and last time (Unix seconds), and the level at its top. The bottom is zero."""

    svg: Markup
    first: int
    last: int
    top: float


class Item(NamedTuple):
    """An outage or incident on a page.

    `chart`: None when no bin is kept; `duration`: seconds from its start to its end, or to the newest event time of
    its feeds, of a feed's fault by the clock on the wall; `name`: of its entity in the metadata, None when it has none.
    """

    value: Outage | Incident
    chart: Chart | None
    duration: float
    name: str | None


class ItemBuilder:
    """Builds the items of one page from one snapshot of the worker's outages and feeds."""

    def __init__(self, view: WorkerView) -> None:
        self.view = view
        self.outages = {outage.outage_id: outage for outage in view.outages()}
        feeds = view.health().feeds
        self.newest = {feed.name: feed.newest for feed in feeds}
        self.silence = {feed.name: feed.silence or 0.0 for feed in feeds}

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
        is_fault = isinstance(value, Incident) and "feed-fault" in value.kinds
        waited = self.silence if is_fault else {}  # the time of a feed that has stopped stands still
        newest = [time + waited.get(feed, 0.0) for feed in feeds if (time := self.newest.get(feed)) is not None]
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
