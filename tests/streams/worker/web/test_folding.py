"""Ongoing outages stand under their incident, each once, the widest first, and bounded."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas.incident import Incident, decode_incident
from schemas.outage import Outage, decode_outage
from streams.worker.web.folding import folded
from tests.schemas.examples import INCIDENT, OUTAGE

EXAMPLE, WHOLE = decode_outage(OUTAGE), decode_incident(INCIDENT)
ENTITIES = ("country/IR", "region/IR-30", "asn/44244", "country/AZ", "region/IR-06", "asn/41")


def outage(number: int, drop: float = 0.5) -> Outage:
    """Return an ongoing outage with an id, of one of six entities."""
    entity = ENTITIES[number % len(ENTITIES)]
    return msgspec.structs.replace(
        EXAMPLE, outage_id=f"{number:016x}", entity=entity, value=None, drop=drop, facets={}, state="open"
    )


def incident(number: int, members: list[Outage]) -> Incident:
    """Return an incident of these outages."""
    names = [member.outage_id for member in members]
    return msgspec.structs.replace(WHOLE, incident_id=f"{number:016x}", outage_ids=names)


def test_countries_come_first_then_regions_then_networks() -> None:
    """Among equals what lost most is first; the summary counts entities, not outages."""
    outages = [outage(number, drop=number / 20) for number in (2, 1, 0, 5, 8, 4)]
    (fold,) = folded([incident(1, outages)], outages, 100).folds.values()
    entities = [shown.entity for shown in fold.shown]
    assert entities == ["country/IR", "region/IR-06", "region/IR-30", "asn/44244", "asn/41", "asn/44244"]
    assert fold.words == "1 country, 2 regions, 2 networks"


def test_what_no_incident_has_stands_alone() -> None:
    """An outage of an incident that is not on the page is not lost; one of two incidents stands under the first."""
    outages = [outage(number) for number in range(4)]
    found = folded([incident(1, outages[:2]), incident(2, outages[1:3])], outages, 100)
    assert [fold.total for fold in found.folds.values()] == [2, 1]
    assert found.lone == outages[3:]
    assert found.lone_count == 1
    fault = msgspec.structs.replace(incident(1, outages[:2]), kinds=["feed-fault"])
    found = folded([fault, incident(2, outages[1:3])], outages, 100)
    assert {name[-1]: fold.total for name, fold in found.folds.items()} == {"1": 1, "2": 2}  # it has left the fault


@given(st.lists(st.integers(0, 60), max_size=20), st.integers(0, 300))
def test_no_outage_is_lost_and_the_page_is_bounded(sizes: list[int], lone: int) -> None:
    """Whatever the incidents: counts add up to all outages, and at most a hundred are shown, but one of each."""
    total = sum(sizes) + lone
    outages = [outage(number) for number in range(total)]
    starts = [sum(sizes[:at]) for at in range(len(sizes))]
    parts = [outages[start : start + size] for start, size in zip(starts, sizes, strict=True)]
    incidents = [incident(at, part) for at, part in enumerate(parts)]
    found = folded(incidents, outages, 100)
    assert sum(fold.total for fold in found.folds.values()) + found.lone_count == total
    shown = len(found.lone) + sum(len(fold.shown) for fold in found.folds.values())
    assert shown <= 100
    assert all(fold.shown for fold in found.folds.values())
