"""Outages and incidents as annotations of a Grafana graph."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.api import Annotation
from schemas.incident import Incident
from schemas.outage import Outage
from schemas.rejections import one_line
from schemas.times import parse_time
from streams.worker.web.filters import ended_at


def annotations_of(found: Iterable[Outage] | Iterable[Incident]) -> list[Annotation]:
    """Return one annotation for each, in the same order."""
    return [_of_outage(item) if isinstance(item, Outage) else _of_incident(item) for item in found]


def _of_outage(outage: Outage) -> Annotation:
    series = " ".join([outage.entity, *(text for _, text in sorted(outage.facets.items()))])
    measured = "unknown" if outage.value is None else f"{outage.value:g}"
    state = f"{outage.state}, {outage.severity}"
    tags = ["outage", outage.state, outage.severity, outage.entity, outage.feed]
    return _annotation(
        outage,
        title=f"{_standing(outage)}{series}: at most {outage.max_drop:.0%} lost",
        text=f"{state}: {measured} of {outage.expected:g} expected, feed {outage.feed}",
        tags=[*tags, *filter(None, [outage.country, outage.region])],
    )


def _of_incident(incident: Incident) -> Annotation:
    tags = [
        "incident", incident.state, incident.severity, *incident.kinds, *incident.scope.countries, *incident.feeds
    ]  # fmt: skip
    return _annotation(
        incident, title=f"{_standing(incident)}{incident.severity} incident", text=incident.headline, tags=tags
    )


def _standing(item: Outage | Incident) -> str:
    """Return what a title must say first of something that is not confirmed, or was found to be none."""
    return f"{item.state}: " if item.state in ("suspected", "retracted") else ""


def _annotation(item: Outage | Incident, title: str, text: str, tags: list[str]) -> Annotation:
    ended = ended_at(item)
    start, end = _milliseconds(parse_time(item.started_at)), None if ended is None else _milliseconds(ended)
    return Annotation(start, end, one_line(title), one_line(text), ",".join(tag.replace(",", " ") for tag in tags))


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
