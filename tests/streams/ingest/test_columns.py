"""Columns: what is read of measurements at once, and numbers that tell series apart."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from detectors.types import Ints
from schemas.measurement import Access, Direction, Measurement
from streams.ingest.columns import Reader
from streams.ingest.series_index import ASN_KEY, SeriesIndex
from tests.streams import helpers

ACCESS: tuple[Access | None, ...] = (None, "mobile")
DIRECTION: tuple[Direction | None, ...] = (None, "domestic")
EVERY = [
    Measurement(feed=feed, ts=ts, asn=asn, country="IR", access=access, direction=direction, service=service, value=ts)
    for ts, (feed, asn, access, direction, service) in enumerate(
        product("ab", (None, 1, 2, 2**32 - 1), ACCESS, DIRECTION, (None, "x", "y"))
    )
]


def test_columns_are_what_the_measurements_say() -> None:
    """Times and values in order; feeds by the number of their first occurrence; bit by bit the same."""
    reader = Reader()
    found = reader.columns([reader.look(EVERY)])
    assert found.ts.tolist() == [m.ts for m in EVERY]
    assert found.value.tolist() == [m.value for m in EVERY]
    assert reader.feeds == {"a": 0, "b": 1}
    assert found.feed.tolist() == [reader.feeds[m.feed] for m in EVERY]
    parts = reader.columns([reader.look(EVERY[:10]), reader.look(EVERY[10:])])
    assert [column.tolist() for column in parts] == [column.tolist() for column in found]
    assert found.at(slice(3, 5)).ts.tolist() == found.at(np.array([3, 4])).ts.tolist() == [3, 4]
    assert len(reader.columns([]).ts) == 0


def test_codes_tell_series_of_networks_apart() -> None:
    """Same feed, ASN and facets: same code; otherwise another; areas have none. Asked again, the codes are the same."""
    reader = Reader()
    found = reader.columns([reader.look(EVERY)]).code.tolist()
    networks = [(m.feed, *ASN_KEY(m)) for m in EVERY if m.asn]
    codes = [code for code, m in zip(found, EVERY, strict=True) if m.asn]
    assert len(set(codes)) == len(set(zip(codes, networks, strict=True))) == len(set(networks))
    assert {code for code, m in zip(found, EVERY, strict=True) if m.asn is None} == {-1}
    assert min(codes) >= 0
    assert reader.columns([reader.look(EVERY)]).code.tolist() == found


def test_rows_by_code_are_rows_by_key() -> None:
    """Also after rows were forgotten and given to others, and after the codes were given anew."""
    rng = np.random.default_rng(1)
    reader, by_code, by_key = Reader(), SeriesIndex(), SeriesIndex()
    for turn in range(40):
        measurements = [EVERY[at] for at in rng.integers(0, len(EVERY) // 2, 15).tolist()]

        def select(which: Ints, measurements: list[Measurement] = measurements) -> list[Measurement]:
            return [measurements[at] for at in which.tolist()]

        rows = by_code.rows_of(reader.columns([reader.look(measurements)]).code, select)
        assert [by_code.rows[row] for row in rows.tolist()] == [
            by_key.rows[r] for r in by_key.look_up(measurements).tolist()
        ]
        if turn % 5 == 4:
            gone = np.unique(rng.choice(rows, 3))
            by_key.forget(by_key.look_up(select(np.flatnonzero(np.isin(rows, gone)))))
            by_code.forget(gone)
        if turn % 11 == 10:
            reader = Reader()
            by_code.codes.clear()


@pytest.mark.parametrize("many", [0, 3])
def test_numbers_given_anew_change_nothing(monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    """However few sorts may be numbered at a time, the same outages and dead letters come out."""
    settings, values = helpers.settings(), helpers.traffic(3)
    cuts = range(0, len(values), 40)
    expected = helpers.run(settings, values, cuts).ran()
    monkeypatch.setattr("streams.ingest.columns.MANY", many)
    assert helpers.run(settings, values, cuts).ran() == expected
