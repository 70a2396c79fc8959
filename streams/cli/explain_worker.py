"""`ebbtide explain --worker`: the outages and incidents of an entity, as a running worker reports them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import NamedTuple

import msgspec
import orjson

from schemas.incident import Incident
from schemas.outage import Outage
from schemas.times import parse_time
from streams.cli.tables import HEADER, line
from streams.cli.worker_client import fetch_incidents, fetch_outages
from streams.config.holidays import Holiday
from streams.config.secret import Secret
from streams.config.settings import Settings
from streams.evaluation.explain import Question, holiday_sentence, holidays_of_answer
from streams.evaluation.explain_incidents import incident_sentences, lasts, of_entity
from streams.evaluation.explain_json import holiday_json, incident_json

LIMITS = (
    "These are the newest revisions. The worker's page /outages/ID shows the newest bins. For the explanations of each "
    "bin run: ebbtide explain ENTITY FILE… on the measurements."
)


class WorkerAnswer(NamedTuple):
    """What a worker has about an entity; `outages`: those asked for, newest first, of `all_outages`."""

    outages: list[Outage]
    incidents: list[Incident]
    all_outages: list[Outage]
    holidays: Sequence[Holiday] = ()

    def rows(self) -> Iterator[bytes]:
        """Yield outages and incidents as JSON, as in their topics, with their type."""
        for outage in self.outages:
            yield orjson.dumps({"type": "outage", **msgspec.to_builtins(outage)})
        yield from map(incident_json, self.incidents)
        yield from map(holiday_json, self.holidays)


def found_in_worker(url: str, question: Question, token: Secret | None, settings: Settings) -> WorkerAnswer:
    """Return what the worker at a URL has, and the public holidays of the countries in the settings.

    Raises WorkerUnreachableError or EbbtideError.
    """
    outages = fetch_outages(url, token)
    asked = [outage for outage in outages if outage.entity == question.entity and _asked(outage, question)]
    asked.sort(key=lambda outage: (outage.started_at, outage.feed), reverse=True)
    at, incidents = (
        question.at,
        of_entity(fetch_incidents(url, token, warn=lambda _: None), question.entity, question.feed),
    )
    there = [incident for incident in incidents if at is None or lasts(incident, at, at)]
    return WorkerAnswer(asked, there, outages, _holidays(settings, question, asked, there))


def _holidays(
    settings: Settings, question: Question, outages: Sequence[Outage], incidents: Sequence[Incident]
) -> Sequence[Holiday]:
    """Return the public holidays at the time of the question, else when the newest outage or an incident began."""
    began = [*(outage.started_at for outage in outages[:1]), *(incident.started_at for incident in incidents)]
    at = question.at if question.at is not None else max(map(parse_time, began), default=None)
    return [] if at is None else holidays_of_answer(settings, question.entity, incidents, at)


def explain_worker(found: WorkerAnswer, question: Question) -> Iterator[str]:
    """Yield the lines of the answer of a worker."""
    if not found.outages:
        yield _none(question, found.all_outages)
    for outage in found.outages:
        yield from _lines(outage)
    for incident in found.incidents:
        yield from incident_sentences(incident)
        yield ""
    for holiday in found.holidays:
        yield holiday_sentence(holiday)
        yield ""
    if found.outages or found.incidents:
        yield LIMITS


def _asked(outage: Outage, question: Question) -> bool:
    """Return whether an outage belongs to the feed of the question and lasted at its time."""
    if question.feed not in (None, outage.feed):
        return False
    if question.at is None:
        return True
    over = outage.ended_at or (outage.updated_at if outage.state in ("retracted", "expired") else None)
    return parse_time(outage.started_between[0]) <= question.at and (over is None or question.at < parse_time(over))


def _lines(outage: Outage) -> Iterator[str]:
    """Yield the lines of one outage: its newest revision, its drops, and its explanation."""
    yield HEADER
    yield line(outage)
    yield f"feed {outage.feed}, outage {outage.outage_id}, revision {outage.revision}, detected {outage.detected_at}"
    falls = ", ".join(f"{fall.drop:.0%} at {fall.at}" for fall in outage.drops)
    yield f"began between {' and '.join(outage.started_between)}; falls: {falls}"
    explained = ", ".join(f"{name} {value}" for name, value in outage.explain.items() if name != "reason")
    yield f"evidence {outage.evidence:g} nats, {explained}"
    yield f"{outage.explain.get('reason', 'no reason was given')}"
    yield ""


def _none(question: Question, outages: Sequence[Outage]) -> str:
    """Return a sentence about what the absence of an outage means, and does not mean."""
    names = {outage.entity for outage in outages}
    near = get_close_matches(question.entity, sorted(names - {question.entity}), n=3, cutoff=0.7)
    hint = f" Near: {', '.join(near)}." if near else ""
    return (
        f"The worker has no such outage of {question.entity}: none is open, and none is among the newest that ended "
        f"({len(outages):,} outages of {len(names):,} entities).{hint} This does not show whether the entity is "
        f"measured or in warm-up: run ebbtide explain on a file of its measurements."
    )
