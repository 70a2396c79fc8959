"""Where entities belong: the hashes of other clients, and the partition of each measurement, hashed once."""

from __future__ import annotations

import random
from typing import cast

import numpy as np
import pytest
from kafka.partitioner.default import murmur2 as reference

from schemas.measurement import Measurement
from streams.ingest import key_hash, placement
from streams.ingest.columns import Columns, Reader
from streams.ingest.key_hash import HASHES, fnv1a, murmur2
from streams.ingest.placement import SMALL, Home, Placement


def test_murmur2_is_that_of_kafka() -> None:
    """Keys of every length and of any bytes; the sign bit is dropped, as the Java client does."""
    chance = random.Random(7)
    for length in [*range(64), 1000]:
        key = chance.randbytes(length)
        assert murmur2(key) == reference(key) & 0x7FFFFFFF


@pytest.mark.parametrize(("key", "hashed"), [(b"", 0x811C9DC5), (b"a", 0xE40C292C), (b"foobar", 0xBF9CF968)])
def test_fnv1a_is_that_of_sarama(key: bytes, hashed: int) -> None:
    """The published hashes; a negative number of 32 bits loses its sign."""
    assert fnv1a(key) == 2**32 - hashed


def columns(*measurements: Measurement) -> tuple[list[Measurement], Columns]:
    """Return measurements with their columns."""
    reader, listed = Reader(), list(measurements)
    return listed, reader.columns([reader.look(listed)])


def measured(asn: int | None, **more: str) -> Measurement:
    """Return a measurement of an entity."""
    return Measurement(feed="hits", ts=1, asn=asn, **more)  # type: ignore[arg-type]


EVERY = [
    measured(1),
    measured(44244, access="mobile"),
    measured(SMALL - 1),
    measured(SMALL),
    measured(4_200_000_001),
    measured(None, country="IR"),
    measured(None, country="IR", region="IR-30"),
    measured(44244),
]
ENTITIES = ["asn/1", "asn/44244", f"asn/{SMALL - 1}", f"asn/{SMALL}", "asn/4200000001", "country/IR", "region/IR-30"]


@pytest.mark.parametrize("partitioner", HASHES)
@pytest.mark.parametrize("partitions", [1, 7, 300, 40_000])
def test_each_measurement_belongs_where_the_hash_of_its_entity_leads(partitioner: str, partitions: int) -> None:
    """Small and large networks, areas, facets; the same when asked again, and for one measurement alone."""
    where = Placement(partitioner, partitions)
    wanted = [HASHES[partitioner](entity.encode()) % partitions for entity in [*ENTITIES, "asn/44244"]]
    for _ in range(2):
        assert where.of_all(*columns(*EVERY)).tolist() == wanted
    assert [where.of(entity) for entity in ENTITIES] == wanted[:-1]
    assert where.of_all(*columns()).tolist() == []


def test_a_network_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The path of a measurement has no hash in it; what is remembered of other entities is bounded."""
    hashed: list[bytes] = []

    def counted(key: bytes) -> int:
        hashed.append(key)
        return murmur2(key)

    monkeypatch.setitem(cast("dict[str, object]", HASHES), "counted", counted)
    monkeypatch.setattr(placement, "MANY", 3)
    where = Placement("counted", 4)
    for _ in range(3):
        where.of_all(*columns(*[measured(asn) for asn in (5, 6, 5, 4_200_000_001)]))
    assert hashed == [b"asn/5", b"asn/6", b"asn/4200000001"]
    for number in range(100):
        where.of(f"region/IR-{number}")
    assert len(where._others) <= 4


def test_home_tells_what_belongs_elsewhere() -> None:
    """Flags for the measurements, and a phrase that names entity, partitions and hash."""
    home = Home(Placement("murmur2", 4), number=murmur2(b"asn/1") % 4)
    asn, other = next((n, at) for n in range(2, 99) if (at := murmur2(b"asn/%d" % n) % 4) != home.number)
    assert home.away(*columns(measured(1), measured(asn), measured(1))).tolist() == [False, True, False]
    assert home.text(f"asn/{asn}") == (
        f"asn/{asn} belongs to partition {other} by murmur2 of its key, and came in partition {home.number}"
    )
    assert np.issubdtype(Placement("crc32", 4)._table.dtype, np.integer)
    assert key_hash.HASHES["crc32"](b"123456789") == 0xCBF43926
