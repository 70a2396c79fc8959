"""The outage message: its bytes, its id and its numbers."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.outage import decode_outage, encode, outage_id, rounded
from tests.schemas.examples import OUTAGE


def test_order_of_facets_does_not_matter() -> None:
    """Facets are written in one order, whatever order they were given in."""
    outage = decode_outage(OUTAGE)
    first = {"service": "skype", "access": "mobile", "direction": "international"}
    other = dict(reversed(first.items()))
    written = encode(msgspec.structs.replace(outage, facets=first))
    assert written == encode(msgspec.structs.replace(outage, facets=other))
    assert b'"facets":{"access":"mobile","direction":"international","service":"skype"}' in written


@pytest.mark.parametrize(
    "change",
    [
        {"evidence": float("nan")},
        {"value": float("inf")},
        {"explain": {"by_bin": [1.0, float("nan")]}},
        {"explain": {"more": {"spread": float("-inf")}}},
    ],
)
def test_numbers_must_be_finite(change: dict[str, Any]) -> None:
    """A number that JSON cannot write is an error here, not a null downstream."""
    with pytest.raises(ValueError, match="finite"):
        encode(msgspec.structs.replace(decode_outage(OUTAGE), **change))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("schema", 2), ("state", "ended"), ("severity", "huge"), ("shape", "odd"), ("revision", 0), ("drop", 1.5)),
        *(("started_at", "16 June"), ("outage_id", "x"), ("facets", {"colour": "red"}), ("value", -1), ("drops", {})),
    ],
)
def test_what_is_no_outage(field: str, value: object) -> None:
    """A value outside its rule is an error on reading."""
    with pytest.raises(msgspec.ValidationError):
        decode_outage(json.dumps({**json.loads(OUTAGE), field: value}).encode())


def test_new_fields_and_missing_optional_ones_are_no_error() -> None:
    """A consumer reads what an older or newer producer wrote."""
    fields = {**json.loads(OUTAGE), "new_field": 1}
    del fields["suppressed_by"], fields["incident_id"]
    assert decode_outage(json.dumps(fields).encode()).incident_id is None


def test_an_id_is_known_beforehand() -> None:
    """The id of a series and bin never changes: consumers keep them, and a replay must give them again."""
    assert outage_id("atlas", "asn/43754", {}, 1466089500) == "dfb946e7eb08588b"
    assert outage_id("reach", "asn/44244", {"access": "mobile"}, 1577254200) == "af31b6f0959342e0"


_SERIES = st.tuples(
    st.sampled_from(["a", "b", 'a"', "a,b"]),
    st.sampled_from(["asn/1", "asn/11", "country/IR"]),
    st.dictionaries(st.sampled_from(["access", "direction", "service"]), st.sampled_from(["mobile", "fixed", "1"])),
    st.sampled_from([0, 1, 11, 300]),
)


@given(_SERIES, _SERIES)
def test_ids_differ_where_series_or_bins_do(first: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """Two ids are equal exactly when feed, entity, facets and opening bin are."""
    assert (outage_id(*first) == outage_id(*other)) == (first == other)
    assert len(outage_id(*first)) == 16


def test_the_order_of_facets_is_no_part_of_the_id() -> None:
    """The same facets in another order give the same id."""
    facets = {"access": "mobile", "service": "skype"}
    assert outage_id("a", "asn/1", facets, 0) == outage_id("a", "asn/1", dict(reversed(facets.items())), 0)


@pytest.mark.parametrize(
    ("x", "digits", "result"), [(0.123456, 4, 0.1235), (11, 4, 11.0), (-0.00001, 4, 0.0), (37.25, 1, 37.2)]
)
def test_rounded(x: float, digits: int, result: float) -> None:
    """Numbers are floats of so many decimals, and there is no negative zero."""
    assert repr(rounded(x, digits)) == repr(result)


@pytest.mark.parametrize("x", [float("nan"), float("inf")])
def test_rounded_refuses_what_is_not_finite(x: float) -> None:
    """Unknown is None, and is never rounded into a number."""
    with pytest.raises(ValueError, match="finite"):
        rounded(x)
