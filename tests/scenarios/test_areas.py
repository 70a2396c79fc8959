"""Real situations of regions, in a feed that measures networks: what `areas` finds in the first feed of each."""

from __future__ import annotations

from msgspec import structs
from msgspec.json import encode

from schemas.outage import Outage, decode_outage
from schemas.times import format_time
from streams.config.settings import Duration, FeedSettings, Settings
from tests.streams import helpers
from tests.streams.evaluation.simulate.excerpts import excerpt


def areas_of(name: str, *areas: str) -> list[Outage]:
    """Return the outages of areas that come of a scenario's first feed."""
    part = excerpt(name)
    feed = part.scenario.feeds[0]
    settings = FeedSettings(signal=feed.signal, kind=feed.kind, bin=Duration(feed.width), areas=areas)
    done = helpers.run(Settings(feeds={feed.name: settings}), [encode(structs.replace(m)) for m in part.found])
    return [outage for outage in map(decode_outage, done.outages) if not outage.entity.startswith("asn/")]


def test_zhanaozen_is_one_region() -> None:
    """The city is dark in the first hour and back in two; of the region beside it nothing is said."""
    found = areas_of("zhanaozen-2011", "region", "region+access")
    assert {outage.entity for outage in found} == {"region/KZ-Zhanaozen"}
    whole = [outage for outage in found if not outage.facets]
    assert (whole[0].state, whole[0].started_at, whole[0].severity) == (
        "open",
        format_time(excerpt("zhanaozen-2011").start),
        "total",
    )
    assert {outage.severity for outage in found if outage.facets} == {"total"}


def test_iran_loses_five_provinces_abroad_on_mobile_lines() -> None:
    """Each of them with both drops, the fifth four hours later; lines at home, fixed ones, and neighbours are well."""
    found = areas_of("iran-mobile-2019", "region+access+direction", "country+access+direction")
    assert {tuple(outage.facets.values()) for outage in found} == {("mobile", "international")}
    regions = {outage.entity: outage for outage in found if outage.entity.startswith("region/")}
    assert {f"region/{name}" for name in excerpt("iran-mobile-2019").incident["scope"]["regions"]} == regions.keys()
    assert {outage.entity for outage in found} - regions.keys() == {"country/IR"}
    assert all(outage.max_drop > 0.8 for outage in regions.values())
    assert sum(len(outage.drops) >= 2 for outage in regions.values()) >= 4
