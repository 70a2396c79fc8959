"""Iran, November 2019: the whole country, network after network over six hours, for a week."""

from schemas.times import parse_time
from streams.evaluation.simulate import feeds
from streams.evaluation.simulate.places import FIXED, MOBILE, countries
from streams.evaluation.simulate.world import HOUR, MINUTE, Scenario, SimulatedEvent, SimulatedIncident, Where

_START, _END = parse_time("2019-11-16T11:00:00Z"), parse_time("2019-11-23T08:00:00Z")
_NETWORKS = (*MOBILE["IR"], *FIXED["IR"])
_APART = 6 * HOUR / (len(_NETWORKS) - 1)


def _falls(number: int, asn: int) -> SimulatedEvent:
    """Two networks in three keep their routes: those behind them see working routes and no packets."""
    drops = {"probing": 0.96, "telescope": 0.97, "traffic": 0.98, "atlas": 0.95, "bgp": 0.9 if number % 3 == 0 else 0.0}
    back = _END - 90 * MINUTE + number * 90 * MINUTE / (len(_NETWORKS) - 1)
    return SimulatedEvent(
        Where("IR", asns=(asn,)), _START + round(number * _APART / MINUTE) * MINUTE, round(back), drops
    )


SCENARIO = Scenario(
    "iran-2019",
    "all networks of a country fall within six hours, for a week",
    "2019-10-28T00:00:00Z",
    "2019-11-26T00:00:00Z",
    countries("IR", "TR", "PK", "IQ"),
    (
        feeds.probing(30 * MINUTE),
        feeds.telescope(30 * MINUTE),
        feeds.traffic(30 * MINUTE),
        feeds.atlas(10 * MINUTE),
        feeds.bgp(30 * MINUTE),
    ),
    (SimulatedIncident(tuple(_falls(number, asn) for number, asn in enumerate(_NETWORKS))),),
)
