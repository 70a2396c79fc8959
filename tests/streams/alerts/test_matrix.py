"""Matrix: a message event put into a room, to a local server."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from streams.alerts.delivery_types import Job, Outcome
from streams.alerts.endpoint import load_endpoint
from streams.alerts.sender import MessageSender
from streams.config.secret import Secret
from tests.streams.alerts.helpers import MATRIX, incident
from tests.streams.alerts.servers import Receiver
from tests.streams.alerts.test_payloads import ENDED, item

LINK = "https://grafana.example/d/x?id={id}"


def send(server: Receiver, *notices: Any) -> Outcome:  # noqa: ANN401
    """Send notices in one message."""
    receiver = msgspec.structs.replace(MATRIX, url=Secret(server.url), allow_private=True)
    items = [item(notice, "ended" if notice.is_end else "opened") for notice in notices]
    return MessageSender(load_endpoint("noc", receiver), LINK)(Job(items, [], []))


def test_a_message_is_put_into_the_room() -> None:
    """The room is quoted, the transaction is the id of the notification, and nobody is mentioned."""
    with Receiver(body=b'{"event_id": "$x"}') as server:
        assert send(server, incident()).result == "delivered"
        assert send(server, incident()).result == "delivered"
        assert send(server, incident(), ENDED).result == "delivered"
    first, again, both = server.got
    start = "/_matrix/client/v3/rooms/%21noc%3Amatrix.example/send/m.room.message/msg_"
    assert (first.method, first.path[: len(start)]) == ("PUT", start)
    assert first.path == again.path != both.path
    assert first.headers["authorization"] == "Bearer matrix-secret"
    content = json.loads(first.body)
    assert (content["msgtype"], content["m.mentions"]) == ("m.text", {})
    assert content["body"].endswith(LINK.replace("{id}", incident().id))


def test_a_limit_is_retried_when_the_body_says() -> None:
    """In milliseconds, as servers before Matrix 1.10 say it; a header goes first."""
    limit = b'{"errcode": "M_LIMIT_EXCEEDED", "error": "Too many requests", "retry_after_ms": 2500}'
    with Receiver(429, body=limit) as server:
        assert send(server, incident()).retry_after == 2.5
    with Receiver(429, body=limit, headers={"Retry-After": "9"}) as server:
        assert send(server, incident()).retry_after == 9
    with Receiver(403, body=b'{"errcode": "M_FORBIDDEN"}') as server:
        assert send(server, incident()).result == "refused"
