"""Encodes partials of a shard as messages and back: one per combination and bin, or pieces of it for many areas."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from msgspec import UNSET

from detectors.exact_sums import LIMBS
from detectors.outages.areas import Sums
from detectors.rewound import NEVER, Rewound
from detectors.types import Floats, Kind
from schemas.partial import MAX_AREAS, AreaSumPart
from streams.config.area_spec import Area, combination
from streams.ingest.series_index import Series
from streams.pipeline.areas.cells import AreaSums, Partial

_LIMBS = (".high", "", ".low")
_WIRE = {"carried": "held", "carried_trials": "held_trials", "covered": "known"}  # names that differ on the wire
NAMES = tuple(f"{_WIRE.get(column, column)}{limb}" for column in Sums._fields for limb in _LIMBS)


class AreaSumSource(NamedTuple):
    """The feed of a partial, with the kind and width (s) of its bins, and the shard that reports it.

    `rewound`: how its time of the feed has gone back.
    """

    feed: str
    kind: Kind
    width: int
    shard: int
    rewound: Rewound = NEVER


def place_of(feed: str, areas: str, partitions: int) -> int:
    """Return the partition of the partials in which a combination of a feed is summed.

    All of its areas are in one place: whether the feed is at fault, and what members do, is judged over all of them.
    """
    return zlib.crc32(f"{feed}/{areas}".encode()) % partitions


def pieces_of(source: AreaSumSource, partial: Partial) -> Iterator[AreaSumPart]:
    """Yield the messages of a partial: combination by combination, pieces in order."""
    for name, (areas, limbs) in partial.sums.items():
        cuts = [slice(at, at + MAX_AREAS) for at in range(0, len(areas), MAX_AREAS)] or [slice(0)]
        for number, cut in enumerate(cuts):
            yield AreaSumPart(
                feed=source.feed,
                kind=source.kind,
                bin=source.width,
                areas=name,
                start=partial.start,
                shard=source.shard,
                piece=number,
                pieces=len(cuts),
                weight=partial.weight,
                doubted=partial.doubted,
                spoke=partial.spoke,
                unread=partial.unread or UNSET,
                rewound=source.rewound.times or UNSET,
                false_from=source.rewound.false_from or UNSET,
                **_columns(combination(name).facets, areas[cut], limbs[:, :, cut]),
            )


def nothing(source: AreaSumSource, names: Iterable[str], start: int) -> Iterator[AreaSumPart]:
    """Yield the messages of a shard without data of a feed, in the bin of this start and all before it."""
    for name in names:
        yield AreaSumPart(
            feed=source.feed,
            kind=source.kind,
            bin=source.width,
            areas=name,
            start=start,
            shard=source.shard,
            rewound=source.rewound.times or UNSET,
            false_from=source.rewound.false_from or UNSET,
        )


def _columns(facets: Sequence[str], areas: Sequence[Area], limbs: Floats) -> dict[str, Any]:
    numbers = limbs.reshape(len(NAMES), len(areas)).astype(np.int64)
    return {
        "entities": [area.series.entity for area in areas],
        "countries": [area.series.country for area in areas],
        "facets": {name: [dict(area.series.facets)[name] for area in areas] for name in facets},
        "ranks": [area.rank for area in areas],
        "sums": {name: row.tolist() for name, row in zip(NAMES, numbers, strict=True) if row.any()},
    }


def partial_of(pieces: Sequence[AreaSumPart]) -> Partial:
    """Return the partial of these pieces, all of it in order. Raises ValueError when names do not fit."""
    first = pieces[0]
    parts = [_areas_of(piece) for piece in pieces]
    areas = [area for group, _ in parts for area in group]
    sums = areas, np.concatenate([limbs for _, limbs in parts], axis=2)
    unread = first.unread is True
    return Partial(first.start, first.weight or 0, first.doubted, first.spoke, {first.areas: sums}, unread)


def _areas_of(piece: AreaSumPart) -> AreaSums:
    summed = combination(piece.areas)
    facets = (
        zip(*(piece.facets[name] for name in summed.facets), strict=True) if summed.facets else [()] * len(piece.ranks)
    )
    limbs = np.zeros((len(NAMES), len(piece.ranks)))
    for name, row in piece.sums.items():
        limbs[NAMES.index(name)] = row
    found = zip(piece.entities, facets, piece.countries, piece.ranks, strict=True)
    areas = [Area(_series(entity, summed.facets, values, country), rank) for entity, values, country, rank in found]
    return areas, limbs.reshape(len(Sums._fields), LIMBS, len(areas))


def _series(entity: str, names: Sequence[str], values: Sequence[str], country: str | None) -> Series:
    place, _, name = entity.partition("/")
    return Series(entity, tuple(zip(names, values, strict=True)), country, name if place == "region" else None)


def fits(piece: AreaSumPart, shards: Sequence[int]) -> bool:
    """Whether a piece is of one of these shards and has the facets of its combination, and sums that are known."""
    facets = set(combination(piece.areas).facets) if piece.weight is not None else set()
    return piece.shard in shards and piece.facets.keys() == facets and piece.sums.keys() <= set(NAMES)
