"""States are read from the topic, whatever else is in it."""

from __future__ import annotations

import json
import logging

import pytest

from schemas.alertstate import AlertState, encode, key
from streams.alerts.delivery_log import decode_states
from tests.streams.alerts.helpers import incident, outage

OPEN = AlertState(
    receiver="noc",
    subject="incident",
    id="0" * 16,
    partition=0,
    revision=1,
    status="open",
    last_notice=incident().message,
)


def with_last_notice(notice: object) -> bytes:
    """Return a state with this value as the last notice."""
    return json.dumps(json.loads(encode(OPEN)) | {"told": notice}).encode()


@pytest.mark.parametrize(
    "value",
    [
        b"{",
        b"\xff",
        b"[" * 100_000,
        with_last_notice({}),
        with_last_notice(outage().message),
        with_last_notice({"schema": 10**30}),
    ],
)
def test_a_record_that_is_no_state_is_one_log_line(value: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """The line names topic and key. The other states are read."""
    with caplog.at_level(logging.WARNING):
        assert decode_states("alerts.state", [(b"bad\n\xff", value), (key(OPEN), encode(OPEN))]) == [OPEN]
    (line,) = (record.getMessage() for record in caplog.records)
    assert line.startswith("topic alerts.state, key bad\\n")
    assert "\n" not in line
