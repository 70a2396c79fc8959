"""The calendar message: its bytes, its id, and what is no entry."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.calendar import Only, Period, decode_entry, encode, entry_of
from schemas.times import parse_time
from tests.schemas.examples import ENTRY

STARTS, ENDS = parse_time("2017-07-01T00:00:00Z"), parse_time("2017-08-01T00:00:00Z")


def test_the_id_is_a_function_of_what_is_said() -> None:
    """Order and repetition of entities do not matter, nor when it was added; everything else does."""
    mobile = Only(access="mobile")
    entry = entry_of(STARTS, ENDS, ["country/KZ", "asn/1", "asn/1"], mobile, "phones")
    assert entry.entry_id == entry_of(STARTS, ENDS, ["asn/1", "country/KZ"], mobile, "phones").entry_id
    others = [
        entry_of(STARTS + 1, ENDS, entry.entities, mobile, "phones"),
        entry_of(STARTS, ENDS + 1, entry.entities, mobile, "phones"),
        entry_of(STARTS, ENDS, ["country/KZ"], mobile, "phones"),
        entry_of(STARTS, ENDS, entry.entities, Only(), "phones"),
        entry_of(STARTS, ENDS, entry.entities, mobile, "phone"),
    ]
    assert len({entry.entry_id, *(other.entry_id for other in others)}) == 6


def test_an_entry_is_there_until_it_is_removed() -> None:
    """Added, removed, added again: the last span decides."""
    entry = entry_of(STARTS, ENDS, ["country/KZ"], Only(), "")
    first, again = Period("2017-06-01T00:00:00Z", "2017-06-02T00:00:00Z"), Period("2017-06-03T00:00:00Z")
    active = [msgspec.structs.replace(entry, periods=periods).is_active for periods in ([], [first], [first, again])]
    assert active == [False, False, True]


@pytest.mark.parametrize(
    ("entity", "is_valid"),
    [
        *(("asn/1", True), ("asn/4294967295", True), ("country/KZ", True), ("region/IR-30", True)),
        *(("asn/4294967296", False), ("asn/0", False), ("asn/01", False), ("KZ", False), ("country/kz", False)),
        *(("region/Tehran", False), ("city/IR", False), ("country/KZ\n", False), ("", False)),
    ],
)
def test_entities(entity: str, is_valid: bool) -> None:
    """A number of a network, a country's code, a region's name: nothing else."""
    if is_valid:
        assert entry_of(STARTS, ENDS, [entity], Only(), "").entities == [entity]
    else:
        with pytest.raises(ValueError, match=r"`entities`: .* is none, such as asn/43754"):
            entry_of(STARTS, ENDS, [entity], Only(), "")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"note": "another"}, "entry_id is not [0-9a-f]{16}, the hash of its content"),
        ({"ends": "2017-07-01T00:00:00Z"}, "`ends` is not after `starts`"),
        ({"starts": "2017-02-30T00:00:00Z"}, "no such time"),
        ({"starts": "2017-07-01"}, r"\$\.starts"),
        ({"facets": {"acess": "mobile"}}, "unknown field `acess`"),
        ({"facets": {"access": "wifi"}}, "Invalid enum value 'wifi'"),
        ({"entities": []}, "length >= 1"),
        ({"schema": 2}, "Invalid enum value 2"),
        ({"known": [{"added_at": "2017-06-01T00:00:00Z", "removed_at": "2017-06-01T00:00:00Z"}]}, "is not after"),
    ],
)
def test_what_is_no_entry(fields: dict[str, Any], problem: str) -> None:
    """One line says what is wrong."""
    with pytest.raises(msgspec.DecodeError, match=problem) as caught:
        decode_entry(json.dumps(json.loads(ENTRY) | fields).encode())
    assert "\n" not in str(caught.value)


@given(st.one_of(st.binary(), st.binary().map(lambda text: ENTRY.replace(b"KZ", text))))
def test_any_bytes(value: bytes) -> None:
    """Whatever comes is an entry that is written as it was read, or a DecodeError."""
    try:
        assert decode_entry(encode(decode_entry(value))) == decode_entry(value)
    except msgspec.DecodeError:
        return
