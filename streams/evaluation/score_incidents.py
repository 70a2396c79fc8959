"""`ebbtide score --incidents`: incidents against the truth of a case."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from detectors.evaluation.matching import Episode, Matches, match
from schemas.incident import Incident
from schemas.times import format_time, parse_time
from streams.config.errors import InputError
from streams.evaluation.measurement_files import read_lines
from streams.evaluation.simulate.writer import TRUTH

CONFIRMED = ("ongoing", "spreading", "recovering")
Message = TypeVar("Message")


class EpisodePlace(msgspec.Struct, frozen=True):
    """Where something happened; empty for a fault of a feed."""

    countries: list[str] = []
    regions: list[str] = []
    asns: list[int] = []


class Truth(msgspec.Struct, frozen=True):
    """What really happened, a line of `truth.jsonl`."""

    scope: EpisodePlace
    kinds: list[str]
    feeds: list[str]
    started_at: str
    ended_at: str | None = None


def score_incidents(case: Path, events: str, slack: float) -> Matches:
    """Compare a file of incidents with the truth of a case. Raises InputError with file and line."""
    truths = [_episode(truth) for truth in _read(str(case / TRUTH), Truth)]
    return match(truths, told(_read(events, Incident)), slack)


def told(revisions: Iterator[Incident]) -> list[Episode]:
    """Return what the last revisions say, without suspicions that were never confirmed and those that were merged."""
    last: dict[str, Incident] = {}
    confirmed: set[str] = set()
    for revision in revisions:
        last[revision.incident_id] = revision
        confirmed |= {revision.incident_id} if revision.state in CONFIRMED else set()
    return [_told(one) for one in last.values() if one.incident_id in confirmed and one.merged_into is None]


def as_json(case: Path, its: Matches) -> bytes:
    """Return the figures as one JSON object."""
    fields = {"case": case.resolve().name, **its._asdict()}
    fields["overlap"] = None if its.overlap is None else round(its.overlap, 3)
    fields["missed"] = [format_time(one.start) for one in its.missed]
    return msgspec.json.encode(fields)


def _read(name: str, kind: type[Message]) -> Iterator[Message]:
    for number, line in enumerate(read_lines(name), start=1):
        try:
            yield msgspec.json.decode(line, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{name}: line {number}: {error}") from None


def _told(incident: Incident) -> Episode:
    return _episode(incident)._replace(detected_at=parse_time(incident.detected_at))


def _episode(one: Truth | Incident) -> Episode:
    return Episode(
        parse_time(one.started_at),
        math.inf if one.ended_at is None else parse_time(one.ended_at),
        frozenset(one.kinds),
        frozenset(one.scope.countries),
        frozenset(one.scope.regions),
        frozenset(one.scope.asns),
        frozenset(one.feeds),
    )
