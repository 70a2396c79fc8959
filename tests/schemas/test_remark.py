"""The remark message: its key, and what is none."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from schemas.remark import decode_remark, key
from tests.schemas.test_wire_contract import REMARK


def remark(**fields: Any) -> bytes:  # noqa: ANN401
    """Return the message of a silence with these fields changed."""
    return json.dumps(json.loads(REMARK) | fields).encode()


def test_an_incident_has_a_silence_an_acknowledgement_and_many_notes() -> None:
    """A newer silence replaces the older one; notes of other texts or links stand beside each other."""
    note = {"kind": "note", "until": None}
    keys = [
        key(decode_remark(value))
        for value in (
            remark(), remark(by="other", until="2019-12-26T00:00:00Z"), remark(kind="ack", until=None),
            remark(**note), remark(**note, by="other"), remark(**note, text="b"), remark(**note, link="https://a.b/"),
        )
    ]  # fmt: skip
    assert keys[0] == keys[1] == b"9b5c1d27a0e4f386/silence"
    assert keys[2] == b"9b5c1d27a0e4f386/ack"
    assert len(set(keys[3:])) == 3
    assert keys[3] == keys[4]


@pytest.mark.parametrize(
    "fields",
    [
        {"until": None},
        {"kind": "ack"},
        {"kind": "note"},
        {"until": "tomorrow"},
        {"by": ""},
        {"text": "x" * 501},
        {"incident_id": "nothing"},
        {"kind": "note", "until": None, "link": "javascript:alert(1)"},
        {"kind": "note", "until": None, "link": "https://a.b/ x"},
    ],
)
def test_what_is_no_remark(fields: dict[str, Any]) -> None:
    """Each is an error, so that no reader has to think of it."""
    with pytest.raises(msgspec.DecodeError):
        decode_remark(remark(**fields))
