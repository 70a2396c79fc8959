"""What the tests of areas share: settings with areas, messages that say where they are, partials of single shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from streams.config.area_spec import combination
from streams.config.settings import Settings
from streams.pipeline.areas.area_sums import Areas, Patience, SeriesChanges
from streams.pipeline.areas.cells import Partial
from streams.pipeline.shard import Shard
from tests.streams import helpers
from tests.streams.helpers import HOUR, KINDS, START, Run, message, traffic

AREAS = ("country", "region", "region+access", "asn")
PLACES = {1: "IR-12", 2: "KZ-75"}


def settings(areas: Sequence[str] = AREAS, kinds: Sequence[Any] = KINDS, **worker: float) -> Settings:
    """Return settings of one feed of each kind, all with the same areas."""
    settings = helpers.settings(kinds, **worker)
    feeds = {name: msgspec.structs.replace(feed, areas=tuple(areas)) for name, feed in settings.feeds.items()}
    return msgspec.structs.replace(settings, feeds=feeds)


def placed(seed: int, bins: int = 16, feeds: Sequence[str] = KINDS) -> list[bytes | None]:
    """Return the traffic of the helpers with countries, regions and facets; network 3 lies in two regions."""
    return [_placed(value) for value in traffic(seed, bins=bins, feeds=feeds)]


def _placed(value: bytes | None) -> bytes | None:
    try:
        fields = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return value
    if not isinstance(fields, dict) or "asn" not in fields:
        return value
    asn = fields["asn"]
    region = "IR-07" if asn == 3 and int(fields["ts"]) % 2 else PLACES.get(asn, "IR-30")
    return orjson.dumps({"country": region[:2], **fields, "region": region, "access": "mobile"})


def revisions(outages: Sequence[bytes], *states: str) -> list[tuple[str, ...]]:
    """Return the entities, with their facets, that the outages of these states (or all) are of."""
    found = [orjson.loads(outage) for outage in outages]
    wanted = [revision for revision in found if not states or revision["state"] in states]
    return [(revision["entity"], *revision["facets"].values()) for revision in wanted]


def gauges(values: Mapping[tuple[int, str], Sequence[float | None]], **fields: object) -> list[bytes | None]:
    """Return hourly messages of a gauge by network and region, and last one that closes all bins; None: missing."""
    hours = max(map(len, values.values()))
    at = [START + hour * HOUR for hour in range(hours)]
    lot = [
        message("gauge", t + 60, asn, region=region, value=row[n], **fields)
        for n, t in enumerate(at)
        for (asn, region), row in values.items()
        if n < len(row) and row[n] is not None
    ]
    return [*lot, message("gauge", at[-1] + 2 * HOUR, 999, country="XX", value=1)]


def sums_of(settings: Settings, values: Sequence[bytes | None]) -> list[Partial]:
    """Return the partials that a shard makes of messages."""
    running, found = Run(Shard(settings)), list[Partial]()

    def keep(partial: Partial) -> SeriesChanges:
        found.append(partial)
        return []

    for feed in running.shard.feeds.values():
        feed.partials = keep
    running.take(values)
    return found


def fresh(settings: Settings, feed: str = "gauge") -> Areas:
    """Return the areas of a feed without anything known."""
    rules = Shard(settings).feeds[feed].rules
    names = map(combination, settings.feeds[feed].areas)
    return Areas(rules.detector, Patience(rules.forget_after, rules.expire_after), tuple(names))


def changes(found: SeriesChanges) -> list[tuple[str, str, int]]:
    """Return entity, state and time of what a feed's areas told."""
    return [(series.entity, change.state, change.updated_at) for series, change in found]
