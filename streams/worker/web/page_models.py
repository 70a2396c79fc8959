"""Outages and incidents as the HTML pages show them, with their charts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from schemas.incident import Incident
from schemas.outage import Outage
from schemas.times import parse_time
from streams.config.holidays import Holiday, holidays_at
from streams.worker.web.aside import aside
from streams.worker.web.axes import Mark, level_marks, time_marks
from streams.worker.web.bins import Bands, bands, rounded, total
from streams.worker.web.filters import ended_at
from streams.worker.web.formatting import number, who
from streams.worker.web.page_state import PageState
from streams.worker.web.recent_bins import ReadHistory, SeriesHistory
from streams.worker.web.sparkline import SMALL, ChartData, Size, sparkline, top_of
from streams.worker.web.worker_view import WorkerView

MAX_ITEMS = 100  # incidents and outages on a page; a link leads to the rest
MAX_SUMMED = 200  # series in the chart of an incident
MAX_DRAWN = 2000  # series in all charts of incidents of a page
_KINDS = {"asn": "networks", "region": "regions", "country": "countries"}
BY_HOUR = ", means of hours"  # after the name of what a chart of a day shows


class Chart(NamedTuple):
    """A chart, its first and last time (Unix seconds), and the level at its top. The bottom is zero.

    `name`: of which series it is.
    """

    svg: Markup
    first: int
    last: int
    top: float
    name: str

    @property
    def times(self) -> Sequence[Mark]:
        """Marks of the axis of time."""
        return time_marks(self.first, self.last)

    @property
    def levels(self) -> Sequence[Mark]:
        """Marks of the axis of levels."""
        return level_marks(self.top)


class Item(NamedTuple):
    """An outage or incident on a page.

    `chart`: None when no bin is kept; `duration`: seconds from its start to its end, or to the newest event time of
    its feeds, of a feed's fault by the clock on the wall; `name`: of its entity in the metadata, None when it has none;
    `day`: a chart of the last day, beside large charts alone, None when no hour is kept or the bins reach back as far;
    `holidays`: public holidays in its countries when it began, of the countries in the settings.
    """

    value: Outage | Incident
    chart: Chart | None
    duration: float
    name: str | None
    day: Chart | None = None
    holidays: Sequence[Holiday] = ()


class ItemBuilder:
    """Builds the items of one page. `histories`: what reads the bins of each of the outages `needed`, by its id."""

    def __init__(self, state: PageState, histories: Mapping[str, ReadHistory]) -> None:
        self.state, self.histories = state, histories

    def items(self, values: Sequence[Outage | Incident], size: Size = SMALL) -> list[Item]:
        """Return an item with a chart for each outage or incident."""
        members = members_of(self.state, values)
        charts = [self._charts(value, chosen, size) for value, chosen in zip(values, members, strict=True)]
        return [
            Item(value, chart, self._duration(value), self._name(value), day, self._holidays(value))
            for value, (chart, day) in zip(values, charts, strict=True)
        ]

    def _name(self, value: Outage | Incident) -> str | None:
        return self.state.name_of(value.entity) if isinstance(value, Outage) else None

    def _holidays(self, value: Outage | Incident) -> Sequence[Holiday]:
        countries = value.scope.countries if isinstance(value, Incident) else [value.country]
        shown = set(self.state.settings.holidays.countries).intersection(countries)
        return holidays_at(shown, parse_time(value.started_at)) if shown else ()

    def _charts(
        self, value: Outage | Incident, members: Sequence[Outage], size: Size
    ) -> tuple[Chart | None, Chart | None]:
        """Return the charts of the bins and of the day of an outage or incident, None where nothing of it is kept."""
        found = [history for member in members if (history := self.histories[member.outage_id]()) and history.starts]
        if not found:
            return None, None
        kind = self.state.settings.feeds[found[0].feed].kind
        history, name = found[0], _described(value, len(found), members[0])
        if isinstance(value, Incident):
            history = total(found, kind)
        day = history.day if size.has_axes else None
        return self._chart(value, history, name, size), day and self._chart(value, day, name + BY_HOUR, size)

    def _chart(self, value: Outage | Incident, history: SeriesHistory, name: str, size: Size) -> Chart | None:
        since, until = parse_time(value.started_at), ended_at(value)
        if not history.starts or (until is not None and until <= history.starts[0]):
            return None
        levels = bands(history, self.state.settings.feeds[history.feed].kind)
        return chart_of(ChartData(history.starts, history.width, levels, since, until), name, size)

    def _duration(self, value: Outage | Incident) -> float:
        feeds = [value.feed] if isinstance(value, Outage) else value.feeds
        is_fault = isinstance(value, Incident) and "feed-fault" in value.kinds
        waited = self.state.silence if is_fault else {}  # the time of a feed that has stopped stands still
        newest = [time + waited.get(feed, 0.0) for feed in feeds if (time := self.state.newest.get(feed)) is not None]
        end = ended_at(value)
        return (max([parse_time(value.updated_at), *newest]) if end is None else end) - parse_time(value.started_at)


async def drawn(
    view: WorkerView, state: PageState, values: Sequence[Outage | Incident], size: Size = SMALL
) -> list[Item]:
    """Return the items of values. The event loop looks up where the bins are, a thread reads and draws them."""
    needed = await aside(lambda: [outage for members in members_of(state, values) for outage in members])
    histories = dict(zip((outage.outage_id for outage in needed), view.histories(needed), strict=True))
    return await aside(ItemBuilder(state, histories).items, values, size)


def members_of(state: PageState, values: Sequence[Outage | Incident]) -> list[list[Outage]]:
    """Return for each value the outages whose bins its chart shows, at most `MAX_DRAWN` in all or one for each."""
    incidents = sum(isinstance(value, Incident) for value in values)
    limit = min(MAX_SUMMED, max(1, MAX_DRAWN // max(incidents, 1)))
    return [[value] if isinstance(value, Outage) else _summed(state, value, limit) for value in values]


def _summed(state: PageState, incident: Incident, limit: int) -> list[Outage]:
    """Return the outages of the most common feed and kind of entity of an incident.

    Summing networks together with their country would count twice.
    """
    members = [state.outages[name] for name in incident.outage_ids if name in state.outages]
    groups = Counter(map(_group, members)).most_common(1)
    return [member for member in members if _group(member) == groups[0][0]][:limit]


def _described(value: Outage | Incident, count: int, member: Outage) -> str:
    """Return a name for the bins in a chart. `count`: of series; `member`: one of their outages."""
    named = who(member) if isinstance(value, Outage) or count == 1 else f"{count} series of {_KINDS[_group(member)[1]]}"
    return f"{named}, feed {member.feed}"


def _group(outage: Outage) -> tuple[str, str]:
    return outage.feed, outage.entity.partition("/")[0]


def chart_of(data: ChartData, name: str, size: Size) -> Chart:
    """Return the chart of bins. `name`: of the series, for the description."""
    svg = sparkline(data, _description(name, data.bands), size)
    return Chart(svg, data.starts[0], data.starts[-1] + data.width, top_of(data.bands), name)


def _description(name: str, levels: Bands) -> str:
    value, expected = (number(rounded(float(column[-1]))) for column in (levels.value, levels.expected))
    return f"Measured against expected of {name}: {value} measured in the newest bin, {expected} expected"
