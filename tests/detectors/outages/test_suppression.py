"""Which entry of a calendar makes an outage expected, and what follows from it."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from detectors.outages.suppression import HOUR, CalendarWindow, current, suppression
from detectors.types import Suppression

STARTS, DAY = 1_498_867_200, 86_400.0
MOBILE = (("access", "mobile"),)
BEGAN = STARTS + HOUR


class Place(NamedTuple):
    """Where an outage is."""

    entity: str
    country: str | None = None
    region: str | None = None
    facets: tuple[tuple[str, str], ...] = ()


def entry(
    *entities: str, days: float = 31, facets: tuple[tuple[str, str], ...] = (), name: str = "one"
) -> CalendarWindow:
    """An entry of some days."""
    return CalendarWindow(name, STARTS, STARTS + days * DAY, frozenset(entities), facets, "announced")


@pytest.mark.parametrize(
    ("place", "entity", "is_covered"),
    [
        (Place("asn/29355", "KZ"), "country/KZ", True),
        (Place("asn/29355", "KZ"), "asn/29355", True),
        (Place("asn/29355", "KG"), "country/KZ", False),
        (Place("asn/29355"), "country/KZ", False),
        (Place("region/KZ-75", "KZ"), "country/KZ", True),
        (Place("region/KZ-75"), "country/KZ", True),
        (Place("country/KZ", "KZ"), "country/KZ", True),
        (Place("country/KZ", "KZ"), "region/KZ-75", False),
        (Place("asn/29355", "KZ", "KZ-75"), "region/KZ-75", True),
    ],
)
def test_an_entry_covers_what_lies_inside(place: Place, entity: str, is_covered: bool) -> None:
    """A country covers its regions and networks, and nothing covers what is larger or not known to be inside."""
    found = suppression([entry(entity)], place, BEGAN)
    assert found == (Suppression("one", "announced") if is_covered else None)


@pytest.mark.parametrize(
    ("facets", "is_covered"),
    [(MOBILE, True), ((*MOBILE, ("direction", "international")), True), ((), False), ((("access", "fixed"),), False)],
)
def test_facets_of_an_entry_must_be_those_of_the_outage(facets: tuple[tuple[str, str], ...], is_covered: bool) -> None:
    """Mobile is announced: an outage of all, or of the rest, is not what was announced."""
    place = Place("asn/29355", "KZ", None, facets)
    assert bool(suppression([entry("country/KZ", facets=MOBILE)], place, BEGAN)) is is_covered


@pytest.mark.parametrize(
    ("days", "early", "is_covered"),
    [
        (31, 12 * HOUR - 1, True),
        (31, 12 * HOUR, False),
        (1, 6 * HOUR, False),
        (1 / 24, 1700, True),
        (1 / 24, 1800, False),
    ],
)
def test_what_began_well_before_an_entry_is_not_expected(days: float, early: float, is_covered: bool) -> None:
    """A quarter of the entry's length is tolerated, half an hour at least and half a day at most."""
    found = suppression([entry("country/KZ", days=days)], Place("asn/1", "KZ"), STARTS - early)
    assert bool(found) is is_covered


def test_the_first_to_begin_speaks() -> None:
    """Of several entries the one that begins first is named, then the one with the smaller id."""
    a, b = entry("country/KZ", name="a"), entry("country/KZ", name="b")
    later = a._replace(entry_id="0", starts=STARTS + 60)
    near = current([later, b, a], STARTS, STARTS + 3600)
    assert [window.entry_id for window in near] == ["a", "b", "0"]
    assert suppression(near, Place("country/KZ"), BEGAN) == Suppression("a", "announced")


@pytest.mark.parametrize(("bins", "counts"), [(0, True), (2, True), (3, False)])
def test_an_entry_lasts_for_two_bins_more(bins: int, counts: bool) -> None:
    """So many a return takes to be seen; after that an outage goes on beyond what was announced."""
    end = int(STARTS + DAY + bins * 300)
    assert bool(current([entry("country/KZ", days=1)], end - 300, end)) is counts


def test_an_entry_counts_while_it_is_known() -> None:
    """From when it was added until it was removed, both in event time, and again when it was added again."""
    spans = ((STARTS + 600.0, STARTS + 1200.0), (STARTS + 1800.0, float("inf")))
    window = entry("country/KZ")._replace(valid=spans)
    ends = range(STARTS + 300, STARTS + 2400, 300)
    counts = [bool(current([window], end - 300, end)) for end in ends]
    assert counts == [False, True, True, False, False, True, True]
