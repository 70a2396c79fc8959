"""All series of one entity on a page: what was measured and expected, and whether an outage goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from schemas.outage import RUNNING, Outage
from schemas.rejections import one_line
from schemas.times import parse_time
from streams.worker.web.bins import bands, rounded
from streams.worker.web.page_models import Drawn, drawn
from streams.worker.web.recent_bins import Strip
from streams.worker.web.sparkline import LARGE, Course
from streams.worker.web.worker_view import Known


class EntityQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which entity: `asn/43754`, `AS43754`, `43754`, `country/IR`, `region/IR-30`."""

    entity: Annotated[str, Meta(min_length=1, max_length=80)]


class SeriesShown(NamedTuple):
    """One series. `value`, `expected`: of its newest bin, None where unknown; `outage_id`: of what goes on, if any."""

    title: str
    signal: str
    unit: str
    value: float | None
    expected: float | None
    outage_id: str | None
    picture: Drawn


def series_shown(known: Known, entity: str) -> list[SeriesShown]:
    """Return the series of an entity of which some bin is kept, in order of feed and facets."""
    going = [one for one in known.outages() if one.entity == entity and one.state in RUNNING]
    return [_shown(known, strip, going) for strip in known.strips(entity) if strip.starts]


def _shown(known: Known, strip: Strip, going: Sequence[Outage]) -> SeriesShown:
    feed, series = known.settings.feeds[strip.feed], strip.series
    title = ", ".join([strip.feed, *(one_line(text) for _, text in series.facets)])
    mine = [one for one in going if (one.feed, one.facets) == (strip.feed, dict(series.facets))]
    since = parse_time(mine[0].started_at) if mine else None
    shown = bands(strip, feed.kind)
    return SeriesShown(
        title=title,
        signal=feed.signal,
        unit=feed.unit,
        value=rounded(float(shown.value[-1])),
        expected=rounded(float(shown.expected[-1])),
        outage_id=mine[0].outage_id if mine else None,
        picture=drawn(Course(strip.starts, strip.width, shown, since), f"{series.entity} {title}", LARGE),
    )
