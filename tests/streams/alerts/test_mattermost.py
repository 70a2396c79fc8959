"""Mattermost: an incoming webhook, to a local server."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from streams.alerts.delivery_types import Job, Outcome
from streams.alerts.endpoint import load_endpoint
from streams.alerts.sender import MessageSender
from streams.config.secret import Secret
from tests.streams.alerts.helpers import MATTERMOST, incident
from tests.streams.alerts.servers import Receiver
from tests.streams.alerts.test_payloads import ENDED, item

LINK = "https://grafana.example/d/x?id={id}"


def send(server: Receiver, *notices: Any) -> Outcome:  # noqa: ANN401
    """Send notices in one message."""
    receiver = msgspec.structs.replace(MATTERMOST, url=Secret(server.url), allow_private=True)
    items = [item(notice, "ended" if notice.is_end else "opened") for notice in notices]
    return MessageSender(load_endpoint("noc", receiver), LINK)(Job(items, [], []))


def test_a_post_has_a_title_a_sentence_and_a_link() -> None:
    """In Markdown, in which names are text."""
    with Receiver() as server:
        assert send(server, incident(headline="*loud* @channel")).result == "delivered"
        assert send(server, incident(), ENDED).result == "delivered"
    single, both = (json.loads(got.body)["text"].split("\n") for got in server.got)
    assert single[0].startswith("**🔴 IR")
    assert single[1] == "\\*loud\\* @\u200bchannel"
    assert single[-1] == LINK.replace("{id}", incident().id)
    assert both[0] == "**2 notifications at once**"
    assert [line[:2] for line in both[1:]] == ["- ", "- "]


def test_a_storm_keeps_within_a_post() -> None:
    """16,383 characters."""
    many = [incident(incident_id=f"{number:016x}", headline="x" * 390) for number in range(100)]
    with Receiver() as server:
        send(server, *many)
    text = json.loads(server.got[0].body)["text"]
    assert len(text) <= 16_383
    assert text.endswith("more")


def test_a_hook_that_is_gone() -> None:
    """A deleted hook refuses for good, and its address is not shown."""
    with Receiver(400, body=b"Invalid webhook") as server:
        assert send(server, incident())[:3] == ("refused", "refused", "HTTP 400: Invalid webhook")
