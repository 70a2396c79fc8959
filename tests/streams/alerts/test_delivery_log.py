"""What was written down is read again, whatever else has come into the topic."""

from __future__ import annotations

import json
import logging

import pytest

from schemas.alertstate import AlertState, encode, key
from streams.alerts.delivery_log import decode_states
from tests.streams.alerts.helpers import incident, outage

TOLD = AlertState(
    receiver="noc",
    subject="incident",
    id="0" * 16,
    partition=0,
    revision=1,
    status="open",
    last_notice=incident().message,
)


def with_told(told: object) -> bytes:
    """A state of which the receiver was told this."""
    return json.dumps(json.loads(encode(TOLD)) | {"told": told}).encode()


@pytest.mark.parametrize(
    "value",
    [b"{", b"\xff", b"[" * 100_000, with_told({}), with_told(outage().message), with_told({"schema": 10**30})],
)
def test_what_is_no_state_is_one_line_of_the_log(value: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """The line names topic and key; the states beside it are read."""
    with caplog.at_level(logging.WARNING):
        assert decode_states("alerts.state", [(b"bad\n\xff", value), (key(TOLD), encode(TOLD))]) == [TOLD]
    (line,) = (record.getMessage() for record in caplog.records)
    assert line.startswith("topic alerts.state, key bad\\n")
    assert "\n" not in line
