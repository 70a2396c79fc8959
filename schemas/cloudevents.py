"""Headers of the CloudEvents 1.0 Kafka binding, binary mode: the value stays plain JSON, the envelope is headers.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

from typing import TypeAlias
from urllib.parse import quote

from schemas.incident import Incident
from schemas.outage import Outage

Headers: TypeAlias = list[tuple[str, bytes]]


def headers(*, kind: str, source: str, identity: str, time: str, subject: str, schema: str) -> Headers:
    """Return the attributes of an event as headers in a fixed order, UTF-8; `schema`: URI of the value's schema."""
    attributes = (
        ("ce_specversion", "1.0"),
        ("ce_id", identity),
        ("ce_source", source),
        ("ce_type", kind),
        ("ce_time", time),
        ("ce_subject", subject),
        ("ce_dataschema", schema),
        ("content-type", "application/json"),
    )
    return [(name, value.encode()) for name, value in attributes]


def revision_id(identity: str, revision: int) -> str:
    """Return the event id of a revision; a repeated message has the same."""
    return f"{identity}/{revision}"


def outage_headers(outage: Outage) -> Headers:
    """Return the headers of a revision of an outage: type by state, source by feed, its time and entity."""
    return headers(
        kind=f"ebbtide.outage.{outage.state}",
        source=f"/ebbtide/feeds/{quote(outage.feed, safe='')}",
        identity=revision_id(outage.outage_id, outage.revision),
        time=outage.updated_at,
        subject=outage.entity,
        schema="urn:ebbtide:schema:outage:1",
    )


def incident_headers(incident: Incident) -> Headers:
    """Return the headers of a revision of an incident: type by state, its time and id."""
    return headers(
        kind=f"ebbtide.incident.{incident.state}",
        source="/ebbtide/incidents",
        identity=revision_id(incident.incident_id, incident.revision),
        time=incident.updated_at,
        subject=incident.incident_id,
        schema="urn:ebbtide:schema:incident:1",
    )
