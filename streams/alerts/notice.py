"""A notice: the fields that alerts need of a revision, the same for incidents and outages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec
import orjson

from schemas.incident import Incident, decode_incident
from schemas.notification import Subject
from schemas.outage import Outage, decode_outage, lost
from schemas.severity import SEVERITIES, Severity

Phase: TypeAlias = Literal["suspected", "running", "over"]
WORSE = 0.05  # share of normal by which the deepest level differs notably from what is lost now
OVER = ("ended", "closed", "expired", "retracted", "rebaselined")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One revision of an incident or outage. Times are texts, as in the message. `message`: the whole message."""

    subject: Subject
    id: str
    revision: int
    state: str
    severity: Severity
    kinds: tuple[str, ...]
    countries: tuple[str, ...]
    regions: tuple[str, ...]
    asns: tuple[int, ...]
    feeds: tuple[str, ...]
    services: tuple[str, ...]
    headline: str
    started_at: str
    updated_at: str
    ended_at: str | None
    suppressed_by: str | None
    merged_into: str | None
    message: dict[str, Any]

    @property
    def key(self) -> tuple[Subject, str]:
        """The subject and the id, which all revisions share."""
        return self.subject, self.id

    @property
    def incident_id(self) -> str:
        """The incident; empty for an outage, which does not name its incident in the topic."""
        return self.id if self.subject == "incident" else ""

    @property
    def phase(self) -> Phase:
        """The part of its lifecycle that it is in."""
        if self.state in OVER:
            return "over"
        return "suspected" if self.state == "suspected" else "running"

    @property
    def is_end(self) -> bool:
        """Whether it is over, or explained by the calendar."""
        return self.phase == "over" or self.suppressed_by is not None


def decode_notice(subject: Subject, value: bytes) -> Notice:
    """Return the notice of a message. Raises msgspec.DecodeError when it is no message of the subject."""
    try:
        notice = (
            notice_of_incident(decode_incident(value))
            if subject == "incident"
            else notice_of_outage(decode_outage(value))
        )
        notice.message.update(orjson.loads(value))
    except ValueError as error:  # an ASN that is no number, or broken JSON in a field that msgspec skips
        raise msgspec.DecodeError(str(error)) from None
    return notice


def stored_notice(subject: Subject, message: dict[str, Any]) -> Notice:
    """Return the notice of a message that a state holds. Raises msgspec.DecodeError."""
    return decode_notice(subject, orjson.dumps(message))


def notice_of_incident(incident: Incident) -> Notice:
    """Return an incident as a notice with an empty message."""
    return Notice(
        subject="incident",
        id=incident.incident_id,
        revision=incident.revision,
        state=incident.state,
        severity=incident.severity,
        kinds=tuple(incident.kinds),
        countries=tuple(incident.scope.countries),
        regions=tuple(incident.scope.regions),
        asns=tuple(incident.scope.asns),
        feeds=tuple(incident.feeds),
        services=tuple(incident.services),
        headline=incident.headline,
        started_at=incident.started_at,
        updated_at=incident.updated_at,
        ended_at=incident.ended_at,
        suppressed_by=incident.suppressed_by,
        merged_into=incident.merged_into,
        message={},
    )


def notice_of_outage(outage: Outage) -> Notice:
    """Return an outage as a notice with an empty message."""
    kind, _, number = outage.entity.partition("/")
    return Notice(
        subject="outage",
        id=outage.outage_id,
        revision=outage.revision,
        state=outage.state,
        severity=outage.severity,
        kinds=("total" if outage.severity == "total" else "partial",),
        countries=(outage.country,) if outage.country else (),
        regions=(outage.region,) if outage.region else (),
        asns=(int(number),) if kind == "asn" else (),
        feeds=(outage.feed,),
        services=tuple(value for name, value in outage.facets.items() if name == "service"),
        headline=_sentence(outage),
        started_at=outage.started_at,
        updated_at=outage.updated_at,
        ended_at=outage.ended_at,
        suppressed_by=outage.suppressed_by,
        merged_into=None,
        message={},
    )


def _sentence(outage: Outage) -> str:
    """Return the headline of an outage: entity, loss, times and feed."""
    who = " ".join([outage.entity, *(value for _, value in sorted(outage.facets.items()))])
    is_over = outage.state in OVER
    tense = "was" if is_over else "may be" if outage.state == "suspected" else "is"
    since = f"since {_clock(outage.started_at)} UTC"
    when = f"from {_clock(outage.started_at)} to {_clock(outage.ended_at)} UTC" if outage.ended_at else since
    course = f"; {outage.state}" if is_over or outage.state == "recovering" else ""
    return f"{who} {tense} {SEVERITIES[outage.severity].predicate}: {_loss(outage)}, {when}; by {outage.feed}{course}."


def _loss(outage: Outage) -> str:
    """Return what is lost by the value and the expected value of this revision, and at worst where that was more."""
    worst = f"{outage.max_drop:.0%} of normal lost at worst"
    if outage.state in OVER:
        return worst
    now = f"{lost(outage):.0%} of normal lost"
    return f"{now}, {outage.max_drop:.0%} at worst" if outage.max_drop >= lost(outage) + WORSE else now


def _clock(time: str) -> str:
    return time[:16].replace("T", " ")
