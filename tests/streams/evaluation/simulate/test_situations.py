"""Each situation as it is declared, and as its measurements show it."""

from __future__ import annotations

import pytest

from schemas.times import parse_time
from streams.evaluation.simulate.places import LOCAL
from streams.evaluation.simulate.series import series_of
from streams.evaluation.simulate.situations import SCENARIOS
from streams.evaluation.simulate.truth import labels, truth
from streams.evaluation.simulate.world import Scenario
from tests.streams.evaluation.simulate.excerpts import DAY, SPAN, excerpt

EVERY = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
DARK = pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if scenario.incidents])


@EVERY
def test_it_is_quiet_for_two_weeks_first_and_not_too_large(scenario: Scenario) -> None:
    """A season can be learnt before anything happens; all measurements fit into a test; every place has its hours."""
    start, end = scenario.span
    bins = sum(len(series_of(feed, scenario.lines)) * (end - start) / feed.width for feed in scenario.feeds)
    assert bins < 1_000_000
    assert all(parse_time(incident["started_at"]) - start >= 14 * DAY for incident in truth(scenario))
    assert {line.country for line in scenario.lines} <= set(LOCAL)


@EVERY
def test_truth_and_labels_are_of_what_is_measured(scenario: Scenario) -> None:
    """Scope, feeds and labels name what is in the data; an end is before that of the data."""
    measured = {incident.entity for feed in scenario.feeds for incident in series_of(feed, scenario.lines)}
    assert {label.entity for label in labels(scenario)} <= measured
    for incident in truth(scenario):
        scope = incident["scope"]
        assert {f"asn/{asn}" for asn in scope.get("asns", [])} <= measured
        assert set(scope.get("regions", [])) <= {line.region for line in scenario.lines}
        assert set(incident["feeds"]) <= {feed.name for feed in scenario.feeds}
        assert incident["feeds"]
        assert incident["ended_at"] is None or parse_time(incident["ended_at"]) <= scenario.span[1]


@pytest.mark.parametrize(
    ("name", "count", "kinds"),
    [
        ("zhanaozen-2011", 1, {"total"}),
        ("kazakhstan-phones-2017", 1, {"mobile-only", "partial"}),
        ("iran-mobile-2019", 1, {"mobile-only", "international-only", "partial"}),
        ("iran-2019", 1, {"total"}),
        ("xinjiang-2015", 1, {"mobile-only", "partial"}),
        ("xinjiang-2009", 1, {"total"}),
        ("azerbaijan-2015", 1, {"service-block", "total"}),
        ("exam-nights", 8, {"total"}),
        ("curfew-nights", 70, {"total"}),
        ("broken-collector", 3, {"feed-fault"}),
        ("quiet", 0, set()),
    ],
)
def test_what_must_come_out(name: str, count: int, kinds: set[str]) -> None:
    """The number of incidents of each situation, and what they are."""
    incidents = truth(SCENARIOS[name])
    assert len(incidents) == count
    assert {kind for incident in incidents for kind in incident["kinds"]} == kinds


def test_two_drops_and_a_fifth_province() -> None:
    """Iran, December 2019: the province that joins later is spread, not a third drop; nothing has ended."""
    (incident,) = truth(SCENARIOS["iran-mobile-2019"])
    assert [drop["drop"] for drop in incident["drops"]] == [0.42, 0.88]
    assert [spread["entity"] for spread in incident["spread"]][-1] == "region/IR-06"
    assert (incident["ended_at"], incident["severity"], incident["shape"]) == (None, "major", "stepwise")


@DARK
def test_what_is_hit_falls_by_the_share_that_is_told(name: str) -> None:
    """Once the incident is complete, what the truth names has lost its last drop; all else measures what it did."""
    part = excerpt(name)
    at = min(part.full, (part.end or part.full + SPAN) - SPAN)
    before = part.usual(at)
    assert 1 - part.level(at, True) / part.level(before, True) == pytest.approx(
        part.incident["drops"][-1]["drop"], abs=0.04
    )
    assert part.level(at, False) / part.level(before, False) == pytest.approx(1, abs=0.05)


@DARK
def test_nothing_falls_before_the_start_nor_after_the_end(name: str) -> None:
    """In the hours before the start, and after the end where there is one, the level is that of a normal day."""
    part = excerpt(name)
    at = part.start - SPAN
    assert part.level(at, True) / part.level(at - DAY, True) == pytest.approx(1, abs=0.08)
    if part.end is not None:
        assert part.level(part.end, True) / part.level(part.usual(part.end), True) > 0.85
