"""Kazakhstan, July 2017: phones that are not registered are cut off, operator after operator, in steps over weeks."""

from schemas.times import parse_time
from streams.evaluation.simulate import feeds
from streams.evaluation.simulate.places import countries
from streams.evaluation.simulate.world import HOUR, Scenario, SimulatedEvent, SimulatedIncident, Where

# What each operator has lost from a day on, of its subscribers.
_STEPS = (
    ("2017-06-30T18:00:00Z", 29355, 0.08),
    ("2017-06-30T18:00:00Z", 21299, 0.07),
    ("2017-07-03T18:00:00Z", 48503, 0.09),
    ("2017-07-09T18:00:00Z", 29355, 0.15),
    ("2017-07-10T18:00:00Z", 21299, 0.15),
    ("2017-07-12T18:00:00Z", 48503, 0.16),
    ("2017-07-21T18:00:00Z", 29355, 0.24),
    ("2017-07-23T18:00:00Z", 21299, 0.22),
    ("2017-07-24T18:00:00Z", 48503, 0.25),
)
_EVENTS = tuple(
    SimulatedEvent(Where("KZ", asns=(asn,), access="mobile"), parse_time(at), None, {"phones": drop, "traffic": drop})
    for at, asn, drop in _STEPS
)
SCENARIO = Scenario(
    "kazakhstan-phones-2017",
    "three mobile networks lose a quarter of their subscribers in steps over weeks; fixed lines are normal",
    "2017-06-05T00:00:00Z",
    "2017-08-07T00:00:00Z",
    countries("KZ", "RU", "KG", "UZ"),
    (
        feeds.phones(HOUR)._replace(areas=("country+access",)),
        feeds.traffic(HOUR)._replace(areas=("country+access",)),
        feeds.bgp(HOUR),
        feeds.probing(HOUR),
    ),
    (SimulatedIncident(_EVENTS, "stepwise", "unregistered phones are blocked from 1 July 2017"),),
)
