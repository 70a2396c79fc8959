"""The AsyncAPI 3.0 document: the topics, their keys, values and headers (https://www.asyncapi.com/docs/reference)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from schemas.outage import SCHEMA
from schemas.rejections import ALERT_REASONS, REASONS

_BINDING: Final = "0.5.0"
_JSON_SCHEMA: Final = "application/schema+json;version=draft-2020-12"
_KEEP: Final = {"cleanup.policy": ["delete"]}
_COMPACT: Final = {"cleanup.policy": ["compact"]}

_TITLES: Final = {
    "measurements": "Measurements, keyed by entity, so that one entity is always in one partition.",
    "measurements.dead": "Dead letters: the bytes as they came, with the reason.",
    "outages": "Every revision of every outage; compaction keeps the newest of each.",
    "incidents": "Every revision of every incident; compaction keeps the newest of each.",
    "findings": "What each shard says of bins that closed; all in partition 0, where incidents are made of them.",
    "calendar": "What is expected, and so does not alert; compaction keeps the newest state of each entry.",
    "remarks": "What operators say of incidents; compaction keeps the newest of each, a tombstone takes it back.",
    "alerts.state": "The newest message each receiver got for each incident and outage; ended ones are deleted later.",
    "alerts.dead": "Revisions that could not be delivered to a receiver, with the reason.",
    "partials": "What each shard adds to the areas of a feed in a bin; for workers only.",
    "clock": "The newest event time of each feed, sent to every partition.",
    "sources.state": "Where each source goes on, and which exporters see what; for `ebbtide source` only.",
    "{topic}.owner": "Whose a topic is, so that no other installation writes it by mistake.",
}
_ENTITY_KEY: Final = {"type": "string", "pattern": "^(asn|region|country)/", "description": "The entity."}
_REPORTER_KEY: Final = {"type": "string", "pattern": "^(shard/[0-9]+|areas/[a-z+]+)$", "description": "The reporter."}
_FEED_KEY: Final = {"type": "string", "description": "The feed."}
_OUTAGE_KEY: Final = {"type": "string", "pattern": "^[0-9a-f]{16}$", "description": "The outage_id."}
_INCIDENT_KEY: Final = {"type": "string", "pattern": "^[0-9a-f]{16}$", "description": "The incident_id."}
_ENTRY_KEY: Final = {"type": "string", "pattern": "^[0-9a-f]{16}$", "description": "The entry_id."}
_REMARK_KEY: Final = {
    "type": "string",
    "pattern": "^[0-9a-f]{16}/(silence|ack|note/[0-9a-f]{8})$",
    "description": "The incident_id and what it is; of a note also a hash of its text and link.",
}
_INSTALLATION_KEY: Final = {
    "type": "string",
    "pattern": "^installation/",
    "description": "`installation/` and the app_id.",
}
_SOURCE_KEY: Final = {
    "type": "string",
    "pattern": "^[^/#]+[/#]",
    "description": "The source, then `/` and a part of it (a partition, a file), or `#` and a row of its exporters.",
}
_OWNED: Final = {
    "enum": ["outages", "incidents", "findings", "partials", "clock"],
    "description": "A topic that one installation writes alone.",
}
_RECEIVER_KEY: Final = {
    "type": "string",
    "pattern": "^[^/]+/(incident|outage)/[0-9a-f]{16}$",
    "description": "The receiver, what it is about, and its id.",
}
_SUBJECT_KEY: Final = {"type": "string", "description": "The incident_id or outage_id; empty when there is none."}
_AREAS_KEY: Final = {"type": "string", "description": "The feed, `/`, and the combination of its `areas`."}
_DEAD_KEY: Final = {"description": "The key as it came."}


def document() -> dict[str, Any]:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:ebbtide",
        "info": {
            "title": "Ebbtide",
            "version": f"{SCHEMA}.0.0",
            "description": "Says within one bin which networks have gone dark, how much of them, since when, and when "
            "they are back. The addresses are the default names; `kafka.prefix` of the settings stands before each.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": _channels(),
        "operations": _operations(),
        "components": {"messages": _messages()},
    }


def _channels() -> dict[str, Any]:
    return {
        "measurements": _channel("measurements", "measurements", _KEEP),
        "deadLetters": _channel("measurements.dead", "deadLetter", _KEEP),
        "outages": _channel("outages", "outage", _COMPACT),
        "incidents": _channel("incidents", "incident", _COMPACT),
        "findings": _channel("findings", "finding", _KEEP),
        "calendar": _channel("calendar", "calendar", _COMPACT),
        "remarks": _channel("remarks", "remark", _COMPACT),
        "alertStates": _channel("alerts.state", "alertState", _COMPACT, "installation"),
        "undelivered": _channel("alerts.dead", "undelivered", _KEEP),
        "partials": _channel("partials", "partial", _KEEP),
        "clock": _channel("clock", "clock", _KEEP),
        "sourceStates": _channel("sources.state", "sourceState", _COMPACT),
        "owners": _channel("{topic}.owner", "installation", _COMPACT) | {"parameters": {"topic": _OWNED}},
    }


def _channel(topic: str, message: str, configuration: Mapping[str, Any], *others: str) -> dict[str, Any]:
    return {
        "address": topic,
        "description": _TITLES[topic],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in (message, *others)},
        "bindings": {"kafka": {"topicConfiguration": dict(configuration), "bindingVersion": _BINDING}},
    }


def _operations() -> dict[str, Any]:
    return {
        "receiveMeasurements": _operation("receive", "measurements"),
        "sendDeadLetters": _operation("send", "deadLetters"),
        "sendOutages": _operation("send", "outages"),
        "sendIncidents": _operation("send", "incidents"),
        "sendFindings": _operation("send", "findings"),
        "receiveFindings": _operation("receive", "findings"),
        "receiveCalendar": _operation("receive", "calendar"),
        "receiveRemarks": _operation("receive", "remarks"),
        "sendRemarks": _operation("send", "remarks"),
        "receiveIncidents": _operation("receive", "incidents"),
        "receiveOutages": _operation("receive", "outages"),
        "sendAlertStates": _operation("send", "alertStates"),
        "receiveAlertStates": _operation("receive", "alertStates"),
        "sendUndelivered": _operation("send", "undelivered"),
        "sendPartials": _operation("send", "partials"),
        "receivePartials": _operation("receive", "partials"),
        "sendClock": _operation("send", "clock"),
        "receiveClock": _operation("receive", "clock"),
        "sendSourceStates": _operation("send", "sourceStates"),
        "receiveSourceStates": _operation("receive", "sourceStates"),
        "sendOwners": _operation("send", "owners"),
        "receiveOwners": _operation("receive", "owners"),
    }


def _operation(action: str, channel: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}


def _messages() -> dict[str, Any]:
    return {
        "measurements": _message("One measurement, or an array of them.", _ENTITY_KEY, "measurements"),
        "deadLetter": {
            "summary": "A rejected message, whole, or one rejected element of an array.",
            "contentType": "application/octet-stream",
            "headers": _headers(_DEAD_HEADERS, _CUT_HEADERS),
            "payload": {"description": "The bytes as they came, which need not be JSON or text; or their head."},
            "bindings": _key(_DEAD_KEY),
        },
        "outage": _event("outage", _OUTAGE_KEY, "`/ebbtide/feeds/` and the name of the feed.", "The entity."),
        "incident": _event("incident", _INCIDENT_KEY, "`/ebbtide/incidents`.", "The incident_id."),
        "finding": _message("What a shard says of a bin that closed, or a piece of that.", _REPORTER_KEY, "finding"),
        "calendar": _message("An entry of the calendar, or a newer state of one.", _ENTRY_KEY, "calendar"),
        "remark": _message("What an operator says of an incident.", _REMARK_KEY, "remark"),
        "installation": _message("Which installation writes which topics.", _INSTALLATION_KEY, "installation"),
        "alertState": _message("What a receiver got of an incident or outage.", _RECEIVER_KEY, "alertstate"),
        "undelivered": {
            "summary": "An incident or outage that was not delivered to a receiver, or a message that is neither.",
            "contentType": "application/octet-stream",
            "headers": _headers(_UNDELIVERED_HEADERS, _CUT_HEADERS),
            "payload": {"description": "The message as it came, or its head."},
            "bindings": _key(_SUBJECT_KEY),
        },
        "partial": _message("One shard's part in the areas of a feed, or a piece of it.", _AREAS_KEY, "partial"),
        "clock": _message("The newest event time of a feed.", _FEED_KEY, "clock"),
        "sourceState": {
            "summary": "A position, with the gaps before it, or a row of exporters; sent with its measurements.",
            "contentType": "application/json",
            "payload": {"type": "object", "description": "Changes without notice; empty where a row has ended."},
            "bindings": _key(_SOURCE_KEY),
        },
    }


def _event(name: str, key: Mapping[str, Any], source: str, subject: str) -> dict[str, Any]:
    """A message that is a CloudEvent in binary mode."""
    headers = {
        "ce_specversion": {"const": "1.0", "description": "The version of CloudEvents."},
        "ce_id": {"pattern": "^[0-9a-f]{16}/[0-9]+$", "description": f"`{name}_id/revision`: equal for duplicates."},
        "ce_source": {"format": "uri-reference", "description": source},
        "ce_type": {"pattern": rf"^ebbtide\.{name}\.[a-z]+$", "description": f"`ebbtide.{name}.` and the state."},
        "ce_time": {"format": "date-time", "description": "Event time of the revision."},
        "ce_subject": {"description": subject},
        "ce_dataschema": {"const": f"urn:ebbtide:schema:{name}:{SCHEMA}", "description": "The schema of the value."},
        "content-type": {"const": "application/json", "description": "The form of the value."},
    }
    message = _message(f"One revision of an {name}, as a CloudEvent in binary mode.", key, name)
    return {**message, "headers": _headers(headers)}


def _message(summary: str, key: Mapping[str, Any], schema: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "contentType": "application/json",
        "payload": {"schemaFormat": _JSON_SCHEMA, "schema": {"$ref": f"./{schema}.schema.json"}},
        "bindings": _key(key),
    }


def _key(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"kafka": {"key": dict(schema), "bindingVersion": _BINDING}}


def _headers(fields: Mapping[str, _Rule], optional: Mapping[str, _Rule] | None = None) -> dict[str, Any]:
    properties = {name: {"type": "string", **rule} for name, rule in {**fields, **(optional or {})}.items()}
    return {"type": "object", "properties": properties, "required": list(fields)}


_Rule: TypeAlias = Mapping[str, Any]
_CUT_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "size": {"pattern": "^[0-9]+$", "description": "Bytes of the whole message; only where the value is its head."},
    "sha256": {
        "pattern": "^[0-9a-f]{64}$",
        "description": "SHA-256 of the whole message; only where the value is its head.",
    },
}

_DEAD_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "reason": {
        "enum": list(REASONS),
        "description": "; ".join(f"{reason}: {text}" for reason, text in REASONS.items()),
    },
    "detail": {"maxLength": 200, "description": "One line that says what is wrong."},
    "topic": {"description": "The topic that it came from."},
    "partition": {"pattern": "^[0-9]+$", "description": "The partition that it came from."},
    "offset": {"pattern": "^[0-9]+$", "description": "Its offset there."},
}

_UNDELIVERED_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "reason": {
        "enum": list(ALERT_REASONS),
        "description": "; ".join(f"{reason}: {text}" for reason, text in ALERT_REASONS.items()),
    },
    "detail": _DEAD_HEADERS["detail"],
    "receiver": {"description": "The receiver; empty when the message was for none yet."},
    "topic": _DEAD_HEADERS["topic"],
    "partition": _DEAD_HEADERS["partition"],
    "offset": _DEAD_HEADERS["offset"],
}
