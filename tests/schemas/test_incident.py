"""The incident message: its bytes, its id and what it refuses."""

from __future__ import annotations

import json

import msgspec
import pytest

from schemas.incident import decode_incident, encode, incident_id
from tests.schemas.examples import INCIDENT


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("schema", 2), ("state", "open"), ("kinds", ["odd"]), ("revision", 0), ("affected_share", 1.5)),
        *(("headline", ""), ("incident_id", "x"), ("spread", [{"at": "now", "entity": "asn/1"}]), ("scope", None)),
    ],
)
def test_what_is_no_incident(field: str, value: object) -> None:
    """A value outside its rule is an error on reading."""
    with pytest.raises(msgspec.ValidationError):
        decode_incident(json.dumps({**json.loads(INCIDENT), field: value}).encode())


def test_numbers_must_be_finite() -> None:
    """A number that JSON cannot write is an error here, not a null downstream."""
    with pytest.raises(ValueError, match="finite"):
        encode(msgspec.structs.replace(decode_incident(INCIDENT), affected_share=float("nan")))


def test_an_id_is_known_beforehand() -> None:
    """The id is a function of the first outage's, and never its own."""
    assert incident_id("4e423aff2ba6c822") == "bf5e4c0ff690c128"
    assert incident_id("feed-fault/4e423aff2ba6c822") != incident_id("4e423aff2ba6c822")
