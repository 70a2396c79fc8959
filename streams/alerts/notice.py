"""A revision of an incident or of an outage, as what tells of it sees both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec
import orjson

from schemas.incident import Incident, decode_incident
from schemas.notification import Subject
from schemas.outage import Outage, Severity, decode_outage

Phase: TypeAlias = Literal["suspected", "running", "over"]
OVER = ("ended", "closed", "expired", "retracted", "rebaselined")
_VERBS: dict[Severity, str] = {"total": "down", "major": "mostly down", "partial": "partly down"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Times are texts of the wire. `message` is all of it as it came."""

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
    headline: str
    started_at: str
    updated_at: str
    ended_at: str | None
    suppressed_by: str | None
    merged_into: str | None
    message: dict[str, Any]

    @property
    def key(self) -> tuple[Subject, str]:
        """What all its revisions share."""
        return self.subject, self.id

    @property
    def phase(self) -> Phase:
        """Where it is in its life."""
        if self.state in OVER:
            return "over"
        return "suspected" if self.state == "suspected" else "running"


def notice(subject: Subject, value: bytes) -> Notice:
    """Return what a message says. Raises msgspec.DecodeError when it is no such message."""
    try:
        made = of_incident(decode_incident(value)) if subject == "incident" else of_outage(decode_outage(value))
        made.message.update(orjson.loads(value))
    except ValueError as error:  # a network without a number, or, in a field that is not read, what is no JSON
        raise msgspec.DecodeError(str(error)) from None
    return made


def recalled(subject: Subject, message: dict[str, Any]) -> Notice:
    """Return what a message says that was kept as JSON."""
    return notice(subject, orjson.dumps(message))


def of_incident(one: Incident) -> Notice:
    """Return an incident as a notice, its message empty."""
    return Notice(
        subject="incident",
        id=one.incident_id,
        revision=one.revision,
        state=one.state,
        severity=one.severity,
        kinds=tuple(one.kinds),
        countries=tuple(one.scope.countries),
        regions=tuple(one.scope.regions),
        asns=tuple(one.scope.asns),
        feeds=tuple(one.feeds),
        headline=one.headline,
        started_at=one.started_at,
        updated_at=one.updated_at,
        ended_at=one.ended_at,
        suppressed_by=one.suppressed_by,
        merged_into=one.merged_into,
        message={},
    )


def of_outage(one: Outage) -> Notice:
    """Return an outage as a notice, its message empty."""
    kind, _, number = one.entity.partition("/")
    return Notice(
        subject="outage",
        id=one.outage_id,
        revision=one.revision,
        state=one.state,
        severity=one.severity,
        kinds=("total" if one.severity == "total" else "partial",),
        countries=(one.country,) if one.country else (),
        regions=(one.region,) if one.region else (),
        asns=(int(number),) if kind == "asn" else (),
        feeds=(one.feed,),
        headline=_sentence(one),
        started_at=one.started_at,
        updated_at=one.updated_at,
        ended_at=one.ended_at,
        suppressed_by=one.suppressed_by,
        merged_into=None,
        message={},
    )


def _sentence(one: Outage) -> str:
    """Say what is out, how much of it, since when and who says so."""
    who = " ".join([one.entity, *(value for _, value in sorted(one.facets.items()))])
    is_over = one.state in OVER
    tense = "was" if is_over else "may be" if one.state == "suspected" else "is"
    since = f"since {_clock(one.started_at)} UTC"
    when = f"from {_clock(one.started_at)} to {_clock(one.ended_at)} UTC" if one.ended_at else since
    course = f"; {one.state}" if is_over or one.state == "recovering" else ""
    return f"{who} {tense} {_VERBS[one.severity]}: {one.max_drop:.0%} of normal lost, {when}; by {one.feed}{course}."


def _clock(time: str) -> str:
    return time[:16].replace("T", " ")
