"""Which partition an entity belongs to, by the hash of its key. One network in two partitions is two half networks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from detectors.types import Flags, Ints
from schemas.measurement import Measurement, entity_of
from streams.ingest.columns import SHIFT, Columns
from streams.ingest.key_hash import HASHES

SMALL = 1 << 19  # ASNs below have a place in a table; nearly all that are assigned are
MANY = 65_536  # other entities remembered at most
_UNKNOWN = -1
Places: TypeAlias = NDArray[np.int32]


class Placement:
    """The partition of each entity, by a partitioner of `key_hash.HASHES` and a number of partitions."""

    def __init__(self, partitioner: str, partitions: int) -> None:
        self.partitioner, self._partitions = partitioner, partitions
        self._hash = HASHES[partitioner]
        self._table: Places = np.full(SMALL + 1, _UNKNOWN, dtype=np.int32)
        self._others: dict[str, int] = {}

    def of(self, entity: str) -> int:
        """Return the partition of an entity, such as `asn/64500`."""
        found = self._others.get(entity)
        if found is None:
            if len(self._others) > MANY:
                self._others.clear()
            found = self._others[entity] = self._hash(entity.encode()) % self._partitions
        return found

    def of_all(self, measurements: Sequence[Measurement], columns: Columns) -> Places:
        """Return the partition of each measurement, shape (n,); each network is hashed once."""
        asns = columns.code >> SHIFT  # -1 where there is none
        # The first and the last place of the table stay unknown: those of areas and of large numbers.
        places = self._table.take(asns, mode="clip")
        if (places < 0).any():
            self._learn(asns[places < 0])
            places = self._table.take(asns, mode="clip")
            for at in np.flatnonzero(places < 0).tolist():
                asn = int(asns[at])
                places[at] = self.of(f"asn/{asn}" if asn > 0 else entity_of(measurements[at]))
        return places

    def _learn(self, asns: Ints) -> None:
        for asn in np.unique(asns[(asns > 0) & (asns < SMALL)]).tolist():
            self._table[asn] = self._hash(b"asn/%d" % asn) % self._partitions


@cache
def placement(partitioner: str, partitions: int) -> Placement:
    """Return the placement that all shards of a process share."""
    return Placement(partitioner, partitions)


class Home(NamedTuple):
    """The partition of a shard, and where entities belong. `strict`: whether it refuses all others."""

    placement: Placement
    number: int
    strict: bool = False

    def away(self, measurements: Sequence[Measurement], columns: Columns) -> Flags:
        """Return for each measurement whether its entity belongs to another partition, shape (n,)."""
        away: Flags = self.placement.of_all(measurements, columns) != self.number
        return away

    @property
    def outcome(self) -> str:
        """What becomes of measurements of entities that belong elsewhere, as a phrase."""
        if self.strict:
            return 'its measurements are rejected as dead letters, as kafka.keys = "strict"'
        return "its measurements are used, so a network may be counted in halves"

    def text(self, entity: str) -> str:
        """Return a phrase that says where an entity belongs, and where it came."""
        belongs = (
            f"{entity} belongs to partition {self.placement.of(entity)} by {self.placement.partitioner} of its key"
        )
        return f"{belongs}, and came in partition {self.number}"
