"""Descriptions of the fields of messages about alerts, for their JSON Schemas."""

from __future__ import annotations

from typing import Final

NOTIFICATION: Final = {
    "schema": "Version of the message schema.",
    "type": "The subject and the action: opened, changed in a way that matters, or ended.",
    "id": "A function of receiver, incident or outage, and revision, so a repeated notification has the same id.",
    "timestamp": "Event time of the revision.",
    "receiver": "The name of the receiver in the settings.",
    "reason": "Why the notification is sent.",
    "link": "The `link` of the settings; null without one.",
    "data": "The whole incident or outage, as in its topic.",
}

DIGEST: Final = {
    "schema": "Version of the message schema.",
    "type": "Several notifications in one message.",
    "id": "A function of the receiver and of the ids of the members.",
    "timestamp": "The newest timestamp of the members.",
    "receiver": "The name of the receiver in the settings.",
    "reason": "The number of notifications.",
    "data": "The notifications, each with the id that it has alone.",
}

ALERT_STATE: Final = {
    "schema": "Version of the message schema.",
    "receiver": "The name of the receiver in the settings.",
    "subject": "Whether it is an incident or an outage.",
    "id": "The incident_id or outage_id.",
    "partition": "The partition of its topic.",
    "revision": "The newest revision that was delivered or is a dead letter; 0 before the first.",
    "status": "`open`: the receiver got an opening; `attempted`: it may have got one; `none`: nothing is open for it.",
    "told": "The last message that the receiver got, whole; null when nothing is open.",
    "digest": "The dedup_key of its PagerDuty digest; null when it was sent alone.",
    "offset": "The offset of the revision in its partition; null when unknown.",
    "written_at": "The wall time at which this state was written; null when unknown.",
}
