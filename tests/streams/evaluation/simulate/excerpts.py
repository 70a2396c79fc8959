"""Parts of scenarios, small enough for a test: the first feed, from three days before the first incident to its end."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from schemas.decode import decode
from schemas.measurement import Measurement
from schemas.times import format_time, parse_time
from streams.evaluation.simulate.situations import SCENARIOS
from streams.evaluation.simulate.stream import measurements
from streams.evaluation.simulate.truth import truth
from streams.evaluation.simulate.world import HOUR, Scenario

DAY = 24 * HOUR
SPAN = 4 * HOUR


class Excerpt(NamedTuple):
    """A part of a scenario, its first incident, when that is complete (Unix seconds), and what is measured."""

    scenario: Scenario
    incident: dict[str, Any]
    full: float
    found: list[Measurement]

    @property
    def start(self) -> float:
        """When the incident began."""
        return parse_time(self.incident["started_at"])

    @property
    def end(self) -> float | None:
        """When it was over."""
        ended = self.incident["ended_at"]
        return None if ended is None else parse_time(ended)

    def is_hit(self, measurement: Measurement) -> bool:
        """Whether the truth says that this series is part of the incident."""
        scope, kinds = self.incident["scope"], self.incident["kinds"]
        return (
            measurement.country in scope["countries"]
            and (not scope["regions"] or measurement.region in scope["regions"])
            and (measurement.asn is None or measurement.asn in scope["asns"])
            and (measurement.access == "mobile" or "mobile-only" not in kinds)
            and (measurement.direction == "international" or "international-only" not in kinds)
            and (measurement.service in self.incident["services"] or "service-block" not in kinds)
        )

    def level(self, start: float, is_hit: bool) -> float:
        """The sum of values in the four hours from `start`, or the share of trials that succeeded."""
        members = [m for m in self.found if start <= float(m.ts) < start + SPAN and self.is_hit(m) == is_hit]
        trials = sum(m.of for m in members) if self.scenario.feeds[0].kind == "ratio" else 1
        return sum(m.value for m in members) / trials

    def usual(self, at: float) -> float:
        """The same time of day as `at`, on the last day before the incident."""
        return at - DAY * (1 + (at + SPAN - self.start) // DAY)


@cache
def excerpt(name: str) -> Excerpt:
    """Return a part of the scenario of this name, drawn with seed 1."""
    scenario = SCENARIOS[name]
    scenario = scenario._replace(incidents=scenario.incidents[:1], feeds=scenario.feeds[:1])
    (incident,) = truth(scenario)
    full = max(parse_time(step["at"]) for step in (*incident["drops"], *incident["spread"])) + scenario.feeds[0].width
    start, end = parse_time(incident["started_at"]), parse_time(incident["ended_at"] or format_time(full))
    day = (int(start) - 3 * DAY) // DAY * DAY
    part = scenario._replace(start=format_time(day), end=format_time(min(int(end) + DAY, scenario.span[1])))
    return Excerpt(part, incident, full, decoded(part))


def decoded(scenario: Scenario, seed: int = 1) -> list[Measurement]:
    """Return what a scenario measures; fail when the wire would refuse any of it."""
    found = decode([line.encode() for line in measurements(scenario, seed)])
    assert found.dead == []
    return found.measurements
