"""Situations that really happened, simulated: exactly the incidents that they hold must come out, and nothing else.

`make situations` runs ten draws of each; here are as many as a minute bears.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.situations import complaints, run

SEEDS = {
    "zhanaozen-2011": (1, 2),
    "kazakhstan-phones-2017": (1,),
    "iran-mobile-2019": (1,),
    "iran-2019": (1,),
    "xinjiang-2015": (1,),
    "xinjiang-2009": (1,),
    "azerbaijan-2015": (2,),
    "exam-nights": (2,),
    "curfew-nights": (1,),
}


@pytest.mark.parametrize(("name", "seed"), [(name, seed) for name, seeds in SEEDS.items() for seed in seeds])
def test_exactly_what_happened_comes_out(name: str, seed: int, tmp_path: Path) -> None:
    """Kinds, scope, severity, drops, both ends within two bins, and no other incident."""
    assert complaints(run(name, seed, tmp_path)) == []


def test_a_collector_that_stops_is_no_outage(tmp_path: Path) -> None:
    """Outages of three networks in five are held for the feed's fault: one incident without a place."""
    outcome = run("broken-collector", 1, tmp_path)
    (told,) = [one for one in outcome.told if one["feeds"] == ["bgp"]]
    assert (told["kinds"], told["state"]) == (["feed-fault"], "ended")
    assert told["scope"] == {"countries": [], "regions": [], "asns": []}
    assert all(one["kinds"] == ["feed-fault"] for one in outcome.told)
