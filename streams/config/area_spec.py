"""What a feed's `areas` setting names, such as `region+access`, and which area something measured is part of."""

from __future__ import annotations

from typing import NamedTuple

from streams.ingest.series_index import FACETS, Series

PLACES = ("country", "region", "asn")
PLACE = "in"  # the facet of a cell that says where it lies
AreaKey = tuple[str, tuple[tuple[str, str], ...], int]


class Area(NamedTuple):
    """An area that is summed, and from what: `rank` 0 it is measured itself, 1 networks, 2 regions, 3 countries.

    What has different ranks is never added up: a region and the networks in it are the same thing seen twice.
    """

    series: Series
    rank: int

    @property
    def key(self) -> AreaKey:
        """What tells it from others; where a network is said to be does not."""
        return self.series.entity, self.series.facets, self.rank


class Combination(NamedTuple):
    """A place and facets, in the order of `FACETS`."""

    place: str
    facets: tuple[str, ...]

    @property
    def name(self) -> str:
        """As it stands in the settings.

        >>> combination("region+direction+access").name
        'region+access+direction'
        """
        return "+".join((self.place, *self.facets))

    def area_of(self, cell: Series) -> Area | None:
        """Return the area that a cell is part of; None when it lacks the place or a facet.

        >>> combination("country").area_of(Series("asn/44244", (("access", "mobile"),), "IR", "IR-30"))
        Area(series=Series(entity='country/IR', facets=(), country='IR', region=None), rank=1)
        """
        values = {name: value for name, value in cell.facets if name != PLACE}
        entity = _entity(self.place, cell)
        if entity is None or not values.keys() >= set(self.facets):
            return None
        facets = tuple((name, values[name]) for name in self.facets)
        rank = 0 if entity == cell.entity and dict(facets) == values else _LEVELS[cell.entity.partition("/")[0]]
        return Area(Series(entity, facets, cell.country, cell.region if self.place == "region" else None), rank)


_LEVELS = {"asn": 1, "region": 2, "country": 3}


def _entity(place: str, cell: Series) -> str | None:
    if place == "asn":
        return cell.entity if cell.entity.startswith("asn/") else None
    where = cell.country if place == "country" else cell.region
    return None if where is None else f"{place}/{where}"


def combination(text: str) -> Combination:
    """Read one element of `areas`. Raises ValueError, which says what may stand there."""
    place, *facets = text.split("+")
    if place not in PLACES or not set(facets) <= set(FACETS) or len(set(facets)) < len(facets):
        raise ValueError(f"an area is one of {', '.join(PLACES)}, then any of +{', +'.join(FACETS)}, got {text!r}")
    return Combination(place, tuple(name for name in FACETS if name in facets))
