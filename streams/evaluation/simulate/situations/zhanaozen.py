"""Zhanaozen, Kazakhstan, December 2011: one city falls silent on a Friday, but for a trickle of dial-up."""

from schemas.times import parse_time
from streams.evaluation.simulate import feeds
from streams.evaluation.simulate.places import KAZAKHSTAN, countries, provinces
from streams.evaluation.simulate.world import HOUR, Scenario, SimulatedEvent, SimulatedIncident, Where

_CITY = Where("KZ", regions=("KZ-Zhanaozen",))
# Routes of nationwide networks stay as they are: what is gone is a small part behind them.
_DARK = SimulatedEvent(
    _CITY,
    parse_time("2011-12-16T08:00:00Z"),
    parse_time("2011-12-21T06:00:00Z"),
    {"reach": 0.97, "probing": 0.97, "traffic": 0.98},
)
SCENARIO = Scenario(
    "zhanaozen-2011",
    "one city dark for five days, but for a trickle; the rest of the country is normal",
    "2011-11-28T00:00:00Z",
    "2011-12-24T00:00:00Z",
    provinces("KZ", KAZAKHSTAN) + countries("UZ", "KG", "RU"),
    (
        feeds.reach(HOUR, areas=("region+access",)),
        feeds.probing(HOUR, feeds.BY_REGION),
        feeds.traffic(HOUR, (("asn", "access"), ("region", "access"))),
        feeds.bgp(HOUR),
        feeds.telescope(HOUR),
    ),
    (SimulatedIncident((_DARK,)),),
)
