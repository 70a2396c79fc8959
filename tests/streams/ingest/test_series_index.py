"""Series: who shares a row, who does not, and rows that are given away."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from detectors.types import Ints
from schemas.measurement import Measurement
from streams.ingest.series_index import NEVER, SeriesIndex, series_of


def at(asn: int | None = 1, **fields: str) -> Measurement:
    """One measurement of an entity."""
    return Measurement(feed="f", ts=0, asn=asn, **fields)  # type: ignore[arg-type]


def test_an_entity_with_the_same_facets_is_one_series_whatever_else_is_said() -> None:
    """The place of an ASN does not make another series; the first one named is kept."""
    index = SeriesIndex()
    rows = index.look_up([at(), at(country="IR"), at(country="KZ", region="KZ-10"), at(access="mobile")])
    assert rows.tolist() == [0, 0, 0, 1]
    assert index.rows[0] == series_of(at())
    assert index.look_up([at(access="mobile"), at(country="IR")]).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("measurement", "entity", "country", "region"),
    [
        (at(5, country="IR", region="IR-30"), "asn/5", "IR", None),
        (at(None, country="IR", region="IR-30"), "region/IR-30", "IR", "IR-30"),
        (at(None, country="IR"), "country/IR", "IR", None),
        (at(5, region="IR-30"), "asn/5", "IR", None),
        (at(None, region="IR-30"), "region/IR-30", "IR", "IR-30"),
    ],
)
def test_the_finest_entity_is_the_series(
    measurement: Measurement, entity: str, country: str | None, region: str | None
) -> None:
    """An ASN, else a region, else a country; a region that is named without its country lies in that of its name."""
    assert series_of(measurement)[::2] == (entity, country)
    assert series_of(measurement).region == region


def test_a_freed_row_is_given_to_the_next_new_series() -> None:
    """With nothing left of the one before; the old series is new when it comes back."""
    index = SeriesIndex()
    index.touch(index.look_up([at(1, country="IR"), at(2)]), np.array([60, 60]))
    index.forget(np.array([0]))
    assert (index.rows[0], index.free, int(index.born[0])) == (None, [0], NEVER)
    assert index.look_up([at(3), at(2), at(1)]).tolist() == [0, 1, 2]
    assert (index.group[0], index.last_seen[0]) == (0, 0)
    assert len(index) == 3


def test_a_freed_row_counts_for_no_country() -> None:
    """It is as after a restart: baselines compare the rows of a country, and a dead one counted among them."""
    index = SeriesIndex()
    index.look_up([at(1, country="IR", access="mobile"), at(2, country="IR")])
    index.forget(np.array([0]))
    again = SeriesIndex()
    again.number(index.countries)
    again.extend(list(index.rows))
    for name in ("born", "group", "side", "hashes"):
        assert getattr(again, name).tolist() == getattr(index, name).tolist(), name


@pytest.mark.parametrize("cuts", [(3,), (1, 2), (1, 1, 1)])
def test_countries_are_numbered_in_order_of_arrival(cuts: tuple[int, ...]) -> None:
    """A known network that names a new one, a new network of another, of the region's: however they are cut."""
    index, named = SeriesIndex(), [at(1, country="XX"), at(2, country="KZ"), at(None, region="AZ-BA")]
    index.rows_of(np.array([7]), lambda _: [at(1, country="IR")])
    for first, count in zip(np.cumsum([0, *cuts]), cuts, strict=False):
        select = partial(_chosen, named[first : first + count])
        index.rows_of(np.arange(first, first + count) + 8, select)
    assert list(index.countries) == ["IR", "XX", "KZ", "AZ"]


def _chosen(measurements: list[Measurement], places: Ints) -> list[Measurement]:
    return [measurements[place] for place in places.tolist()]


def test_first_and_newest_bins_of_a_series() -> None:
    """Late ones of an open bin move the first back, never the newest."""
    index = SeriesIndex()
    rows = index.look_up([at(), at(), at()])
    index.touch(rows, np.array([120, 60, 180]))
    assert (int(index.born[0]), int(index.last_seen[0])) == (60, 180)
