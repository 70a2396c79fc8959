"""The finding message: its bytes and what it refuses."""

from __future__ import annotations

import json

import msgspec
import pytest

from schemas.bin_report import decode_bin_report, encode
from tests.schemas.examples import FINDING


@pytest.mark.parametrize(
    ("field", "value"),
    [("schema", 2), ("reporter", "shard/x"), ("end", -1), ("piece", -1), ("outages", [{}]), ("feed", "")],
)
def test_what_is_no_finding(field: str, value: object) -> None:
    """A value outside its rule is an error on reading."""
    with pytest.raises(msgspec.ValidationError):
        decode_bin_report(json.dumps({**json.loads(FINDING), field: value}).encode())


@pytest.mark.parametrize("field", ["entities", "expected", "spread"])
def test_levels_have_a_number_for_each_entity(field: str) -> None:
    """Columns of different lengths are an error, not a shorter table."""
    fields = json.loads(FINDING)
    fields["levels"][0][field].pop()
    with pytest.raises(msgspec.ValidationError, match="not of one length"):
        decode_bin_report(json.dumps(fields).encode())


def test_levels_must_be_finite() -> None:
    """A number that JSON cannot write is an error here, not a null downstream."""
    finding = decode_bin_report(FINDING)
    assert finding.levels
    odd = msgspec.structs.replace(finding.levels[0], spread=[float("nan"), 1.0])
    with pytest.raises(ValueError, match="finite"):
        encode(msgspec.structs.replace(finding, levels=[odd]))
