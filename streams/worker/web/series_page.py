"""Series of one entity, as its page shows them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from schemas.api import SeriesCursor
from schemas.outage import RUNNING, Outage
from schemas.rejections import one_line
from schemas.times import parse_time
from streams.config.settings import Settings
from streams.worker.web.bins import bands, rounded
from streams.worker.web.entity_series import key_of
from streams.worker.web.filters import ended_at
from streams.worker.web.page_models import BY_HOUR, Chart, chart_of
from streams.worker.web.page_state import PageState
from streams.worker.web.recent_bins import SeriesHistory
from streams.worker.web.sparkline import LARGE, ChartData

SHOWN = 50  # series on a page, each with a large chart


class EntityQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters of the page: `entity` is `asn/43754`, `AS43754`, `43754`, `country/IR` or `region/IR-30`."""

    entity: Annotated[str, Meta(min_length=1, max_length=80)]
    cursor: SeriesCursor | None = None


class SeriesItem(NamedTuple):
    """One series. `value`, `expected`: of its newest bin, None where unknown; `outage_id`: of its ongoing outage.

    `day`: a chart of the last day, None when no hour is kept or the bins reach back as far.
    """

    title: str
    signal: str
    unit: str
    value: float | None
    expected: float | None
    outage_id: str | None
    chart: Chart
    day: Chart | None


def series_items(state: PageState, histories: Sequence[SeriesHistory]) -> list[SeriesItem]:
    """Return the series that have bins, each with its chart."""
    shown = [history for history in histories if history.starts]
    entities = {history.series.entity for history in shown}
    by_series: defaultdict[str, list[Outage]] = defaultdict(list)
    for outage in state.outages.values():
        if outage.entity in entities and outage.state != "retracted":
            by_series[_key(outage.feed, outage.facets)].append(outage)
    return [_item(state.settings, history, by_series[history_key(history)]) for history in shown]


def history_key(history: SeriesHistory) -> str:
    """Return the key of a series, by which its outages are found."""
    return _key(history.feed, dict(history.series.facets))


def _item(settings: Settings, history: SeriesHistory, outages: Sequence[Outage]) -> SeriesItem:
    feed, series = settings.feeds[history.feed], history.series
    title = ", ".join([history.feed, *(one_line(text) for _, text in series.facets)])
    own = next((outage for outage in outages if outage.state in RUNNING), None)
    since = parse_time(own.started_at) if own else None
    earlier = [(parse_time(outage.started_at), end) for outage in outages if (end := ended_at(outage)) is not None]
    levels = bands(history, feed.kind)

    def chart(shown: SeriesHistory, name: str) -> Chart:
        data = ChartData(shown.starts, shown.width, bands(shown, feed.kind), since, earlier=earlier)
        return chart_of(data, f"{series.entity} {title}{name}", LARGE)

    return SeriesItem(
        title=title,
        signal=feed.signal,
        unit=feed.unit,
        value=rounded(float(levels.value[-1])),
        expected=rounded(float(levels.expected[-1])),
        outage_id=own.outage_id if own else None,
        chart=chart(history, ""),
        day=chart(history.day, BY_HOUR) if history.day and history.day.starts else None,
    )


def _key(feed: str, facets: Mapping[str, str]) -> str:
    return key_of(feed, tuple(sorted(facets.items())))
