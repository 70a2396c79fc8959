"""Telegram: sendMessage of the Bot API, to a local server."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from streams.alerts.delivery_types import Job, Outcome
from streams.alerts.endpoint import load_endpoint
from streams.alerts.sender import MessageSender
from streams.config.secret import Secret
from tests.streams.alerts.helpers import TELEGRAM, incident
from tests.streams.alerts.servers import Receiver
from tests.streams.alerts.test_payloads import ENDED, item

LINK = "https://grafana.example/d/x?id={id}"


def send(server: Receiver, *notices: Any) -> Outcome:  # noqa: ANN401
    """Send notices in one message."""
    receiver = msgspec.structs.replace(TELEGRAM, url=Secret(server.url), allow_private=True)
    items = [item(notice, "ended" if notice.is_end else "opened") for notice in notices]
    return MessageSender(load_endpoint("noc", receiver), LINK)(Job(items, [], []))


def test_a_message_goes_to_the_chat() -> None:
    """The token is in the path; no markup, no preview; an end makes no sound."""
    with Receiver(body=b'{"ok": true, "result": {}}') as server:
        assert send(server, incident()).result == "delivered"
        assert send(server, ENDED).result == "delivered"
    opened, ended = (json.loads(got.body) for got in server.got)
    assert {got.path for got in server.got} == {"/bot123:telegram-secret/sendMessage"}
    assert opened["chat_id"] == "-1001234567890"
    assert opened["link_preview_options"] == {"is_disabled": True}
    assert "parse_mode" not in opened
    assert (opened["disable_notification"], ended["disable_notification"]) == (False, True)
    assert opened["text"].endswith(LINK.replace("{id}", incident().id))


def test_a_flood_is_retried_when_the_body_says() -> None:
    """Telegram says how long to wait in the body."""
    flood = b'{"ok": false, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 17}}'
    with Receiver(429, body=flood) as server:
        outcome = send(server, incident())
    assert (outcome.result, outcome.retry_after) == ("again", 17)


def test_a_refusal_shows_no_token() -> None:
    """As when the bot is not in the chat, or the server repeats the path."""
    with Receiver(403, body=b"Forbidden: /bot123:telegram-secret/sendMessage") as server:
        outcome = send(server, incident())
    assert (outcome.result, outcome.detail) == ("refused", "HTTP 403: Forbidden: /bot***/sendMessage")


def test_a_storm_keeps_within_a_message() -> None:
    """4,096 units of UTF-16, of which a symbol may have two."""
    many = [incident(incident_id=f"{number:016x}", headline="🛰" * 300) for number in range(100)]
    with Receiver() as server:
        send(server, *many)
    assert len(json.loads(server.got[0].body)["text"].encode("utf-16-le")) <= 2 * 4096
