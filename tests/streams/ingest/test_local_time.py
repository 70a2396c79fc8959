"""Local time of countries, from the package tzdata."""

from __future__ import annotations

from datetime import UTC, datetime

from streams.ingest.local_time import ahead
from streams.ingest.series_index import Series, SeriesIndex

HOUR = 3600
SUMMER = int(datetime(2025, 7, 1, tzinfo=UTC).timestamp())
WINTER = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())


def hours(country: str, at: int) -> tuple[float, float]:
    """Return the hours ahead of UTC in the west and in the east of a country."""
    west, east = ahead(country, at)
    return west / HOUR, east / HOUR


def test_clocks_change() -> None:
    """Portugal has the Azores; Nepal is three quarters of an hour beside all others."""
    assert [hours("PT", at) for at in (WINTER, SUMMER)] == [(-1, 0), (0, 1)]
    assert [hours("DE", at) for at in (WINTER, SUMMER)] == [(1, 1), (2, 2)]
    assert hours("NP", WINTER) == (5.75, 5.75)


def test_a_country_has_all_of_its_zones() -> None:
    """Zones that it shares with others count too."""
    assert hours("RU", WINTER) == (2, 12)
    assert hours("OM", WINTER) == hours("AE", WINTER) == (4, 4)


def test_a_country_that_is_not_in_the_table_is_on_utc() -> None:
    """As is a series without a country."""
    assert ahead("XX", WINTER) == ahead("", WINTER) == (0, 0)


def test_rows_find_the_zones_of_their_country() -> None:
    """By code; a country that comes later is added within the same hour."""
    index = SeriesIndex()
    index.extend([Series("asn/1", (), "JP", None), Series("asn/2", (), None, None)])
    zones = index.zones(WINTER + 1800)
    assert zones.west[index.group[:2]].tolist() == [9 * HOUR, 0]
    index.extend([Series("asn/3", (), "IR", None)])
    zones = index.zones(WINTER + 1800)
    assert (zones.west[index.group[2]], zones.east[index.group[2]]) == (3.5 * HOUR, 3.5 * HOUR)
