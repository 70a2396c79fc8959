"""Dark hours that come back: examinations on eight days running, curfew on seventy nights."""

from schemas.times import parse_time
from streams.evaluation.simulate import feeds
from streams.evaluation.simulate.places import countries
from streams.evaluation.simulate.world import HOUR, MINUTE, Scenario, SimulatedEvent, SimulatedIncident, Where

DAY = 24 * HOUR
# Everything of the country is switched off at once, routes too.
_OFF = {"traffic": 0.99, "probing": 0.99, "telescope": 1.0, "bgp": 0.95, "atlas": 0.95}


def _off(country: str, first: str, count: int) -> tuple[SimulatedIncident, ...]:
    """One incident for each of so many four-hour spans, a day apart."""
    starts = [parse_time(first) + number * DAY for number in range(count)]
    return tuple(
        SimulatedIncident((SimulatedEvent(Where(country), start, start + 4 * HOUR, _OFF),)) for start in starts
    )


EXAMS = Scenario(
    "exam-nights",
    "a country is dark for four hours, eight days running",
    "2019-06-03T00:00:00Z",
    "2019-07-01T00:00:00Z",
    countries("IQ", "JO", "TR"),
    (
        feeds.traffic(30 * MINUTE),
        feeds.probing(30 * MINUTE),
        feeds.telescope(30 * MINUTE),
        feeds.bgp(30 * MINUTE),
        feeds.atlas(10 * MINUTE),
    ),
    _off("IQ", "2019-06-20T02:00:00Z", 8),
)
CURFEW = Scenario(
    "curfew-nights",
    "a country is dark for four hours, seventy nights running",
    "2021-01-25T00:00:00Z",
    "2021-04-30T00:00:00Z",
    countries("MM", "TH"),
    (feeds.traffic(30 * MINUTE), feeds.probing(30 * MINUTE), feeds.bgp(30 * MINUTE)),
    _off("MM", "2021-02-14T18:30:00Z", 70),
)
