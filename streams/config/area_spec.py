"""The areas that a feed's `areas` setting names, such as `region+access`, and which area a cell is part of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.measurement import FACETS

if TYPE_CHECKING:
    from streams.ingest.series_index import Series

PLACES = ("country", "region", "asn")
PLACE = "in"  # the facet of a cell that says where it lies
AreaKey = tuple[str, tuple[tuple[str, str], ...], int]


class Area(NamedTuple):
    """An area, and what it is summed from: `rank` 0 is its own measurements, 1 networks, 2 regions, 3 countries.

    Cells of different ranks are never added up: a region and its networks measure the same lines twice.
    """

    series: Series
    rank: int

    @property
    def key(self) -> AreaKey:
        """The identity of the area. The place of a network is no part of it."""
        return self.series.entity, self.series.facets, self.rank


class Combination(NamedTuple):
    """A place and facets, in the order of `FACETS`."""

    place: str
    facets: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name in the settings.

        >>> combination("region+direction+access").name
        'region+access+direction'
        """
        return "+".join((self.place, *self.facets))

    def area_of(self, cell: Series) -> Area | None:
        """Return the area that a cell is part of; None when it lacks the place or a facet.

        >>> from streams.ingest.series_index import Series
        >>> combination("country").area_of(Series("asn/44244", (("access", "mobile"),), "IR", "IR-30"))
        Area(series=Series(entity='country/IR', facets=(), country='IR', region=None), rank=1)
        """
        values = {name: value for name, value in cell.facets if name != PLACE}
        entity = _entity(self.place, cell)
        if entity is None or not values.keys() >= set(self.facets):
            return None
        facets = tuple((name, values[name]) for name in self.facets)
        rank = 0 if entity == cell.entity and dict(facets) == values else _LEVELS[cell.entity.partition("/")[0]]
        region = cell.region if self.place == "region" else None
        return Area(cell._replace(entity=entity, facets=facets, region=region), rank)


_LEVELS = {"asn": 1, "region": 2, "country": 3}


def _entity(place: str, cell: Series) -> str | None:
    if place == "asn":
        return cell.entity if cell.entity.startswith("asn/") else None
    where = cell.country if place == "country" else cell.region
    return None if where is None else f"{place}/{where}"


def combination(text: str) -> Combination:
    """Return the combination that an element of `areas` names. Raises ValueError, which says what is allowed."""
    place, *facets = text.split("+")
    if place not in PLACES or not set(facets) <= set(FACETS) or len(set(facets)) < len(facets):
        raise ValueError(f"an area is one of {', '.join(PLACES)}, then any of +{', +'.join(FACETS)}, got {text!r}")
    return Combination(place, tuple(name for name in FACETS if name in facets))
