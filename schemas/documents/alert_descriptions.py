"""What the fields of the messages about alerts mean: the text of their JSON Schemas."""

from __future__ import annotations

from typing import Final

NOTIFICATION: Final = {
    "schema": "Number of the message's schema.",
    "type": "What it is about, and what happened: told for the first time, changed in a way that matters, or over.",
    "id": "A function of the receiver, of what it is about and of its revision; a repeated one has the same.",
    "timestamp": "Event time of the revision.",
    "receiver": "The name of the receiver in the settings.",
    "reason": "Why it is told.",
    "link": "Where people can look; null when the operator names no place.",
    "data": "The incident or outage, whole, as in its topic.",
}

DIGEST: Final = {
    "schema": "Number of the message's schema.",
    "type": "Many notifications at once.",
    "id": "A function of the receiver and of the members' ids.",
    "timestamp": "The newest of the members'.",
    "receiver": "The name of the receiver in the settings.",
    "reason": "How many there are.",
    "data": "The notifications, each with the id that it would have alone.",
}

ALERT_STATE: Final = {
    "schema": "Number of the message's schema.",
    "receiver": "The name of the receiver in the settings.",
    "subject": "What it is about.",
    "id": "The incident_id or outage_id.",
    "partition": "The partition of the topic that it came from.",
    "revision": "The newest revision that was delivered or is a dead letter; 0 when none is yet.",
    "status": "`open`: told to go on; `attempted`: perhaps told; `none`: nothing goes on for this receiver.",
    "told": "What it was told last, whole; null when nothing goes on.",
    "digest": "The dedup_key of the digest with which PagerDuty was told of it; null when it was told of alone.",
    "offset": "Where the revision that brought this state stood in its partition; null when not known.",
    "written_at": "When this was written, by the clock on the wall; null when not known.",
}
