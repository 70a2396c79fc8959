"""Local time of countries: by how much it is ahead of UTC, from the package tzdata and never from the machine.

The same version of tzdata gives the same outages everywhere; the system's may be another.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple
from zoneinfo import ZoneInfo

TABLE = "zone1970.tab"  # each zone with the codes of its countries


class Ahead(NamedTuple):
    """Seconds ahead of UTC, in the westernmost and in the easternmost zone of a country."""

    west: int
    east: int


@lru_cache(maxsize=4096)
def ahead(country: str, at: int) -> Ahead:
    """Return by how much a country's local time is ahead of UTC at a time (Unix s), with all of its zones.

    That of a country which is not in the table is taken for UTC.

    >>> ahead("JP", 0), ahead("US", 1_750_000_000), ahead("XX", 0)
    (Ahead(west=32400, east=32400), Ahead(west=-36000, east=-14400), Ahead(west=0, east=0))
    """
    zones = _zones().get(country)
    if not zones:
        return Ahead(0, 0)
    when = datetime.fromtimestamp(at, UTC)
    offsets = [int((when.astimezone(zone).utcoffset() or timedelta()).total_seconds()) for zone in zones]
    return Ahead(min(offsets), max(offsets))


@cache
def _zones() -> dict[str, list[ZoneInfo]]:
    """Return the time zones of each country."""
    found = defaultdict[str, list[ZoneInfo]](list)
    for line in files("tzdata.zoneinfo").joinpath(TABLE).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            codes, _, name, *_ = line.split("\t")
            for code in codes.split(","):
                found[code].append(_zone(name))
    return dict(found)


@cache
def _zone(name: str) -> ZoneInfo:
    with files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)
