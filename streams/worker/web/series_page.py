"""All series of one entity, as its page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from schemas.outage import RUNNING, Outage
from schemas.rejections import one_line
from schemas.times import parse_time
from streams.worker.web.bins import bands, rounded
from streams.worker.web.page_models import Chart, chart_of
from streams.worker.web.recent_bins import SeriesHistory
from streams.worker.web.sparkline import LARGE, ChartData
from streams.worker.web.worker_view import WorkerView


class EntityQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters of the page: `entity` is `asn/43754`, `AS43754`, `43754`, `country/IR` or `region/IR-30`."""

    entity: Annotated[str, Meta(min_length=1, max_length=80)]


class SeriesItem(NamedTuple):
    """One series. `value`, `expected`: of its newest bin, None where unknown; `outage_id`: of its ongoing outage."""

    title: str
    signal: str
    unit: str
    value: float | None
    expected: float | None
    outage_id: str | None
    chart: Chart


def series_items(view: WorkerView, entity: str) -> list[SeriesItem]:
    """Return the series of an entity that have bins, in order of feed and facets."""
    ongoing = [outage for outage in view.outages() if outage.entity == entity and outage.state in RUNNING]
    return [_item(view, history, ongoing) for history in view.history_of_entity(entity) if history.starts]


def _item(view: WorkerView, history: SeriesHistory, ongoing: Sequence[Outage]) -> SeriesItem:
    feed, series = view.settings.feeds[history.feed], history.series
    title = ", ".join([history.feed, *(one_line(text) for _, text in series.facets)])
    own = [outage for outage in ongoing if (outage.feed, outage.facets) == (history.feed, dict(series.facets))]
    since = parse_time(own[0].started_at) if own else None
    levels = bands(history, feed.kind)
    return SeriesItem(
        title=title,
        signal=feed.signal,
        unit=feed.unit,
        value=rounded(float(levels.value[-1])),
        expected=rounded(float(levels.expected[-1])),
        outage_id=own[0].outage_id if own else None,
        chart=chart_of(ChartData(history.starts, history.width, levels, since), f"{series.entity} {title}", LARGE),
    )
