"""Iran, December 2019: mobile networks of four provinces lose the world in two drops, then a fifth province does."""

from schemas.times import parse_time
from streams.evaluation.simulate import feeds
from streams.evaluation.simulate.places import IRAN, countries, provinces
from streams.evaluation.simulate.world import MINUTE, Scenario, SimulatedEvent, SimulatedIncident, Where

_FIRST, _SECOND, _THIRD = "2019-12-25T05:00:00Z", "2019-12-25T06:40:00Z", "2019-12-25T09:30:00Z"

_AREAS = ("country+access+direction", "region+access+direction")


def _cut(at: str, drop: float, *regions: str) -> SimulatedEvent:
    """Routes stay: to those who look from outside, a province behind a nationwide network is a small part."""
    where = Where("IR", regions=regions, access="mobile", direction="international")
    return SimulatedEvent(where, parse_time(at), None, {"reach": drop})


SCENARIO = Scenario(
    "iran-mobile-2019",
    "mobile networks of five provinces lose what is abroad, in two drops; domestic traffic and fixed lines are normal",
    "2019-12-09T00:00:00Z",
    "2019-12-26T00:00:00Z",
    provinces("IR", IRAN) + countries("TR", "PK", "IQ"),
    (feeds.reach(20 * MINUTE, directions=True, areas=_AREAS), feeds.bgp(20 * MINUTE), feeds.probing(20 * MINUTE)),
    (
        SimulatedIncident(
            (
                _cut(_FIRST, 0.42, "IR-30", "IR-12"),
                _cut(_FIRST, 0.42, "IR-19", "IR-07"),
                _cut(_SECOND, 0.88, "IR-30", "IR-12", "IR-19", "IR-07"),
                _cut(_THIRD, 0.88, "IR-06"),
            ),
            "stepwise",
        ),
    ),
)
