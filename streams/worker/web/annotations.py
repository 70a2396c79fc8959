"""Outages and incidents as annotations of a graph in Grafana."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.api import Annotation
from schemas.incident import Incident
from schemas.outage import Outage
from schemas.rejections import one_line
from schemas.times import parse_time
from streams.worker.web.filters import ended


def spans(found: Iterable[Outage] | Iterable[Incident]) -> list[Annotation]:
    """Return a span for each, in their order."""
    return [_of_outage(one) if isinstance(one, Outage) else _of_incident(one) for one in found]


def _of_outage(one: Outage) -> Annotation:
    who = " ".join([one.entity, *(text for _, text in sorted(one.facets.items()))])
    measured = "unknown" if one.value is None else f"{one.value:g}"
    return _annotation(
        one,
        title=f"{who}: {one.max_drop:.0%} lost",
        text=f"{one.state}, {one.severity}: {measured} of {one.expected:g} expected, feed {one.feed}",
        tags=["outage", one.state, one.severity, one.entity, one.feed, *filter(None, [one.country, one.region])],
    )


def _of_incident(one: Incident) -> Annotation:
    tags = ["incident", one.state, one.severity, *one.kinds, *one.scope.countries, *one.feeds]
    return _annotation(one, title=f"{one.severity} incident", text=one.headline, tags=tags)


def _annotation(one: Outage | Incident, title: str, text: str, tags: list[str]) -> Annotation:
    over = ended(one)
    start, end = _milliseconds(parse_time(one.started_at)), None if over is None else _milliseconds(over)
    return Annotation(start, end, one_line(title), one_line(text), ",".join(tag.replace(",", " ") for tag in tags))


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
