"""The AsyncAPI document: every topic, and nothing that points nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import reduce
from typing import Any

from schemas.cloudevents import incident_headers, outage_headers
from schemas.deadletter import alert_headers, headers
from schemas.documents.generate import FOLDER
from schemas.incident import decode_incident
from schemas.outage import decode_outage
from schemas.rejections import REASONS
from streams.config.kafka import OWNED
from tests.schemas.examples import INCIDENT, OUTAGE

DOCUMENT: dict[str, Any] = json.loads((FOLDER / "asyncapi.json").read_bytes())
CHANNELS = {channel["address"]: channel for channel in DOCUMENT["channels"].values()}
MESSAGES = DOCUMENT["components"]["messages"]


def references(node: object) -> Iterator[str]:
    """Every `$ref` in the document."""
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from references(inner)


def policy(topic: str) -> list[str]:
    """The clean-up policy of a topic."""
    result: list[str] = CHANNELS[topic]["bindings"]["kafka"]["topicConfiguration"]["cleanup.policy"]
    return result


def test_every_topic_is_there() -> None:
    """The document is AsyncAPI 3.0 and describes the topics that others use."""
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(CHANNELS) == {
        "measurements",
        "measurements.dead",
        "outages",
        "incidents",
        "findings",
        "partials",
        "calendar",
        "remarks",
        "alerts.state",
        "alerts.dead",
        "clock",
        "sources.state",
        "{topic}.owner",
    }
    assert CHANNELS["{topic}.owner"]["parameters"]["topic"]["enum"] == list(OWNED)


def test_what_has_revisions_is_compacted() -> None:
    """The newest revision of each outage and incident stays; what is between is not kept."""
    compacted = ("outages", "incidents", "calendar", "remarks", "alerts.state", "sources.state", "{topic}.owner")
    assert [policy(topic) for topic in compacted] == [["compact"]] * len(compacted)
    passing = ("measurements", "measurements.dead", "findings", "partials", "clock")
    assert [policy(topic) for topic in passing] == [["delete"]] * 5


def test_references_lead_somewhere() -> None:
    """Each reference is a node of the document or a checked-in schema."""
    found = list(references(DOCUMENT))
    assert len(found) >= 10
    for reference in found:
        file, _, path = reference.partition("#/")
        if file:
            assert (FOLDER / file).is_file()
        else:
            assert reduce(lambda node, name: node[name], path.split("/"), DOCUMENT)


def test_every_message_has_a_key_and_a_payload() -> None:
    """A consumer learns from the document how messages are keyed and what they hold."""
    for message in MESSAGES.values():
        assert message["bindings"]["kafka"]["key"]["description"]
        assert message["payload"]
        assert message["contentType"] in {"application/json", "application/octet-stream"}


def test_headers_are_those_that_are_sent() -> None:
    """The headers described are the headers made, by name."""
    outage = MESSAGES["outage"]["headers"]
    incident = MESSAGES["incident"]["headers"]
    dead = MESSAGES["deadLetter"]["headers"]
    assert outage["required"] == [name for name, _ in outage_headers(decode_outage(OUTAGE))]
    assert incident["required"] == [name for name, _ in incident_headers(decode_incident(INCIDENT))]
    assert dead["required"] == [name for name, _ in headers("empty", "", "measurements", 0, 0)]
    assert dead["properties"]["reason"]["enum"] == list(REASONS)
    undelivered = MESSAGES["undelivered"]["headers"]
    assert undelivered["required"] == [name for name, _ in alert_headers("gone", "", "noc", "incidents", 0, 0)]
