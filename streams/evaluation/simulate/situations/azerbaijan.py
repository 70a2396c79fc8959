"""Azerbaijan, June 2015: calls by Skype and WhatsApp fail for a month while everything else works."""

from schemas.times import parse_time
from streams.evaluation.simulate import feeds
from streams.evaluation.simulate.places import countries
from streams.evaluation.simulate.world import HOUR, Scenario, SimulatedEvent, SimulatedIncident, Where

_BLOCK = SimulatedEvent(
    Where("AZ", services=("skype", "whatsapp")),
    parse_time("2015-06-01T06:00:00Z"),
    parse_time("2015-07-01T06:00:00Z"),
    {"voip": 0.97},
)
SCENARIO = Scenario(
    "azerbaijan-2015",
    "two services fail in a country for a month; three others and all networks are normal",
    "2015-05-11T00:00:00Z",
    "2015-07-06T00:00:00Z",
    countries("AZ", "GE", "TR", "AM"),
    (feeds.voip(HOUR), feeds.bgp(HOUR), feeds.traffic(HOUR), feeds.probing(HOUR)),
    (SimulatedIncident((_BLOCK,)),),
)
