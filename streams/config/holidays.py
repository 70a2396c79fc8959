"""Public holidays of countries. Pages and `ebbtide explain` show them; no detector, calendar or alert reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from importlib.util import find_spec
from typing import Annotated, Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Meta

from streams.config.errors import SettingsError
from streams.config.types import Section

ENGLISH: Final = ("en_US", "en_GB")
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")]


class HolidaysSettings(Section, frozen=True):
    """Countries whose public holidays are shown beside their incidents and outages. They suppress nothing."""

    countries: Annotated[
        tuple[Country, ...],
        Meta(description="such as `IR`; needs the extra `holidays`. See calendar.md"),
    ] = ()


class Holiday(NamedTuple):
    """A public holiday: its day, and when it is that day anywhere in the country (Unix seconds, `ends` exclusive)."""

    country: str
    day: date
    name: str
    starts: float
    ends: float


def demand_holidays(countries: Sequence[str]) -> None:
    """Raise SettingsError when the holidays of these countries cannot be listed."""
    if not countries:
        return
    if find_spec("holidays") is None:
        raise SettingsError("holidays.countries: needs the holidays package: pip install 'ebbtide[holidays]'")
    import holidays

    listed = holidays.list_supported_countries(include_aliases=False)
    if missing := [country for country in countries if country not in listed or not _zones(country)]:
        raise SettingsError(f"holidays.countries: no public holidays are listed for {', '.join(missing)}")


def holidays_at(countries: Iterable[str], time: float) -> list[Holiday]:
    """Return the holidays of countries at a time (Unix seconds), in order of country."""
    day = datetime.fromtimestamp(time, UTC).date()
    years = sorted({(day + timedelta(days=near)).year for near in (-1, 0, 1)})
    return [
        holiday
        for country in sorted(set(countries))
        for year in years
        for holiday in holidays_of(country, year)
        if holiday.starts <= time < holiday.ends
    ]


@lru_cache(1024)
def holidays_of(country: str, year: int) -> Sequence[Holiday]:
    """Return the public holidays of a country in a year, in order of time; those observed on another day as well.

    Names are English where the package has them. A country with several zones has a day from its first midnight to
    its last.
    """
    import holidays

    languages = holidays.list_localized_countries(include_aliases=False).get(country, [])
    language = next((english for english in ENGLISH if english in languages), None)
    found = holidays.country_holidays(country, years=year, language=language)
    return [
        Holiday(country, day, name, *_span(country, day)) for day, name in sorted(found.items()) if day.year == year
    ]


def _span(country: str, day: date) -> tuple[float, float]:
    zones = [ZoneInfo(name) for name in _zones(country)]
    first, last = (
        [datetime(at.year, at.month, at.day, tzinfo=zone).timestamp() for zone in zones]
        for at in (day, day + timedelta(days=1))
    )
    return min(first), max(last)


@lru_cache(1024)
def _zones(country: str) -> Sequence[str]:
    """Return the names of the zones of a country, as tzdata lists them."""
    return [zone for code, zone in _zone_table() if code == country]


def _zone_table() -> Iterator[tuple[str, str]]:
    for line in resources.files("tzdata.zoneinfo").joinpath("zone.tab").read_text().splitlines():
        if not line.startswith("#"):
            code, _, zone, *_ = line.split("\t")
            yield code, zone
