"""The measuring system breaks three times, and no network does: a collector, a controller, and a silent feed."""

from schemas.times import parse_time
from streams.evaluation.simulate import feeds
from streams.evaluation.simulate.places import countries
from streams.evaluation.simulate.world import MINUTE, Fault, Scenario

_COUNTRIES = countries("DE", "TR", "KZ", "TH", "GE", "PK")
_FEEDS = (
    feeds.bgp(10 * MINUTE),
    feeds.probing(10 * MINUTE),
    feeds.atlas(10 * MINUTE),
    feeds.traffic(10 * MINUTE),
)
SCENARIO = Scenario(
    "broken-collector",
    "a collector stops for three networks in five, a controller reboots, a feed falls silent; no network is down",
    "2020-03-02T00:00:00Z",
    "2020-03-26T00:00:00Z",
    _COUNTRIES,
    _FEEDS,
    faults=(
        Fault("bgp", parse_time("2020-03-17T09:00:00Z"), parse_time("2020-03-17T13:00:00Z"), 0.7),
        Fault("atlas", parse_time("2020-03-19T15:30:00Z"), parse_time("2020-03-19T15:50:00Z"), 0.6, everywhere=True),
        Fault("traffic", parse_time("2020-03-21T04:00:00Z"), parse_time("2020-03-21T10:00:00Z"), None, everywhere=True),
    ),
)
QUIET = Scenario(
    "quiet",
    "nothing happens, in six countries, for three weeks",
    "2020-03-02T00:00:00Z",
    "2020-03-26T00:00:00Z",
    _COUNTRIES,
    _FEEDS,
)
