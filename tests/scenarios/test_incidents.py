"""Situations that really happened, simulated: exactly the incidents that they hold must come out, and nothing else.

`make situations` runs ten draws of each; here are as many as a minute bears.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.times import parse_time
from streams.evaluation.simulate import feeds
from streams.evaluation.simulate.situations import SCENARIOS
from streams.evaluation.simulate.world import Line, SimulatedEvent, SimulatedIncident, Where
from tests.scenarios.situations import complaints, run
from tests.scoreboard import board, incidents

TABLE = incidents.parse(board.CHECKED_IN.read_text(encoding="utf-8"))
DRAWS = [(name, seed) for name, seeds in incidents.SEEDS.items() for seed in seeds if name != "broken-collector"]


@pytest.mark.parametrize(("name", "seed"), DRAWS)
def test_exactly_what_happened_comes_out(name: str, seed: int, tmp_path: Path) -> None:
    """Kinds, scope, severity, drops, both ends within two bins, nothing else; and no figure of the table is worse."""
    outcome = run(name, seed, tmp_path)
    assert complaints(outcome) == []
    assert incidents.worse(incidents.figures(name, seed, outcome.matches), TABLE[name, seed]) == []


def test_what_breaks_in_the_measuring_system_is_no_outage(tmp_path: Path) -> None:
    """Three faults exactly: a collector stops, a controller reboots, one feed falls silent everywhere."""
    outcome = run("broken-collector", 1, tmp_path)
    assert complaints(outcome) == []
    figures = incidents.figures("broken-collector", 1, outcome.matches)
    assert incidents.worse(figures, TABLE["broken-collector", 1]) == []
    found = sorted(outcome.reported, key=lambda incident: str(incident["started_at"]))
    assert [(incident["feeds"], incident["started_at"]) for incident in found] == [
        (["bgp"], "2020-03-17T09:00:00Z"),
        (["atlas"], "2020-03-19T15:30:00Z"),
        (["traffic"], "2020-03-21T04:00:00Z"),
    ]
    assert {(*incident["kinds"], incident["state"]) for incident in found} == {("feed-fault", "ended")}
    assert all(incident["scope"] == {"countries": [], "regions": [], "asns": []} for incident in found)


def test_what_is_worse() -> None:
    """Fewer found, more split, a later start: each is named by itself; the same figures are not."""
    own = TABLE["iran-2019", 1]
    assert incidents.worse(own, own) == []
    for column, cell in (("found", "0"), ("split", "1"), ("start error (s)", "inf")):
        assert [line.split(":")[0] for line in incidents.worse(own | {column: cell}, own)] == [column]


def test_a_country_measured_by_region_is_one_incident_with_its_spread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Iran, November 2019, as 72 regional series that go dark over six hours: one incident that names them all."""
    regions = [f"IR-{number:02}" for number in range(72)]
    whole = SCENARIOS["iran-2019"]
    start, end = parse_time("2019-11-16T11:00:00Z"), parse_time("2019-11-20T11:00:00Z")
    falls = [
        SimulatedEvent(Where("IR", regions=(region,)), start + 300 * number, end, {"probing": 0.96})
        for number, region in enumerate(regions)
    ]
    lines = tuple(Line(58224, "IR", "fixed", 20 + number, region) for number, region in enumerate(regions))
    feed = feeds.probing(1800, keys=(("region",),))
    story = whole._replace(
        lines=lines, feeds=(feed,), incidents=(SimulatedIncident(tuple(falls)),), end="2019-11-22T00:00:00Z"
    )
    monkeypatch.setitem(SCENARIOS, "iran-2019", story)
    outcome = run("iran-2019", 1, tmp_path)
    (found,) = outcome.reported
    assert (found["scope"]["regions"], found["kinds"], found["state"]) == (regions, ["total"], "ended")
    assert len(found["spread"]) == 72
    assert parse_time(found["spread"][-1]["at"]) - parse_time(found["spread"][0]["at"]) >= 5 * 3600
    assert outcome.matches.false == 0
