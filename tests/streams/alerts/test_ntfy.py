"""ntfy: a message published as JSON, with priority, link and token, to a local server."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from streams.alerts.delivery_types import Job, Outcome
from streams.alerts.endpoint import load_endpoint
from streams.alerts.sender import MessageSender
from streams.config.secret import Secret
from tests.streams.alerts.helpers import NTFY, incident
from tests.streams.alerts.servers import Receiver
from tests.streams.alerts.test_payloads import ENDED, item

LINK = "https://grafana.example/d/x?id={id}"


def send(server: Receiver, *notices: Any) -> Outcome:  # noqa: ANN401
    """Send notices in one message."""
    receiver = msgspec.structs.replace(NTFY, url=Secret(server.url), allow_private=True)
    items = [item(notice, "ended" if notice.is_end else "opened") for notice in notices]
    return MessageSender(load_endpoint("noc", receiver), LINK)(Job(items, [], []))


def test_a_message_is_published_to_the_topic() -> None:
    """The topic is in the body, the token in a header; an end is less urgent than an opening, which has a link."""
    with Receiver(body=b'{"id": "sPs71M8A2T", "event": "message"}') as server:
        assert send(server, incident(severity="total")).result == "delivered"
        assert send(server, ENDED).result == "delivered"
        assert send(server, incident(), ENDED).result == "delivered"
    opened, ended, both = (json.loads(got.body) for got in server.got)
    assert {got.path for got in server.got} == {"/"}
    assert {got.headers["authorization"] for got in server.got} == {"Bearer ntfy-secret"}
    assert (opened["topic"], opened["priority"], opened["click"]) == ("secret-topic", 5, LINK.replace("{id}", ENDED.id))
    assert incident().headline.split(",")[0] in opened["message"]
    assert (ended["priority"], both["priority"], "click" in both) == (2, 4, False)


def test_refusals_and_limits() -> None:
    """A rate limit is retried as the server asks; the topic, a secret, is not repeated."""
    with Receiver(429, headers={"Retry-After": "30"}) as server:
        assert send(server, incident())[:2] == ("again", "busy")
    with Receiver(403, body=b'{"code": 40301, "error": "no access to secret-topic"}') as server:
        refused = send(server, incident())
    assert refused.result == "refused"
    assert "secret-topic" not in refused.detail


def test_a_storm_keeps_within_a_message() -> None:
    """Beyond 4,096 bytes a message would be a file; the last line counts what is left out."""
    many = [incident(incident_id=f"{number:016x}", headline="é" * 300) for number in range(100)]
    with Receiver() as server:
        send(server, *many)
    text = json.loads(server.got[0].body)["message"]
    assert len(text.encode()) <= 4096
    assert text.rsplit("\n", 1)[1] == f"… {100 - text.count(chr(10))} more"
