"""Xinjiang: in 2015 a few per cent of mobile subscribers are cut off for good, in 2009 the region goes dark."""

from schemas.times import parse_time
from streams.evaluation.simulate import feeds
from streams.evaluation.simulate.places import CHINA, countries, provinces
from streams.evaluation.simulate.world import HOUR, Key, Scenario, SimulatedEvent, SimulatedIncident, Where

_LINES = provinces("CN", CHINA) + countries("MN", "KG")
_KEYS: tuple[Key, ...] = (("asn", "access"), ("region", "access"))
_SUBSCRIBERS = SimulatedEvent(
    Where("CN", regions=("CN-XJ",), access="mobile"),
    parse_time("2015-11-16T06:00:00Z"),
    None,
    {"phones": 0.06, "traffic": 0.06},
)
SUBSCRIBERS = Scenario(
    "xinjiang-2015",
    "six per cent of a region's mobile subscribers are gone for good",
    "2015-10-12T00:00:00Z",
    "2015-12-14T00:00:00Z",
    _LINES,
    (feeds.phones(HOUR, _KEYS), feeds.traffic(HOUR, _KEYS), feeds.probing(HOUR, feeds.BY_REGION), feeds.bgp(HOUR)),
    (SimulatedIncident((_SUBSCRIBERS,)),),
)
_DARK = SimulatedEvent(
    Where("CN", regions=("CN-XJ",)),
    parse_time("2009-07-05T14:00:00Z"),
    parse_time("2010-01-05T04:00:00Z"),
    {"traffic": 0.98, "probing": 0.97},
)
DARK = Scenario(
    "xinjiang-2009",
    "a whole region is dark for six months",
    "2009-06-08T00:00:00Z",
    "2010-01-18T00:00:00Z",
    _LINES,
    (feeds.traffic(HOUR, _KEYS), feeds.probing(HOUR, feeds.BY_REGION), feeds.bgp(HOUR)),
    (SimulatedIncident((_DARK,)),),
)
