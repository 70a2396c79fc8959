"""`ebbtide explain --worker`: the outages of an entity, as a running worker reports them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from schemas.outage import Outage
from schemas.times import parse_time
from streams.cli.tables import HEADER, line
from streams.cli.worker_client import fetch_outages
from streams.config.secret import Secret
from streams.evaluation.explain import Question

LIMITS = (
    "Above are the newest revisions of its outages, with what they carry themselves. The worker's page /outages/ID "
    "shows the newest bins. For those before: ebbtide explain ENTITY FILE… on the measurements."
)


def explain_worker(url: str, question: Question, token: Secret | None = None) -> Iterator[str]:
    """Yield the lines of the answer of the worker at a URL. Raises WorkerUnreachableError or EbbtideError."""
    outages = fetch_outages(url, token)
    asked = [outage for outage in outages if outage.entity == question.entity and _asked(outage, question)]
    if not asked:
        yield _none(question, outages)
        return
    for outage in sorted(asked, key=lambda outage: (outage.started_at, outage.feed), reverse=True):
        yield from _lines(outage)
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
        f"The worker has no such outage of {question.entity}: none is going on, none is among the newest that ended "
        f"({len(outages):,} outages of {len(names):,} entities).{hint} It does not tell whether the entity is measured "
        f"or in warm-up: run ebbtide explain on a file of its measurements."
    )
