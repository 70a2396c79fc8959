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
from streams.config.line_files import place_of, read_lines
from streams.evaluation.cases import TRUTH

CONFIRMED = ("ongoing", "spreading", "recovering")
Message = TypeVar("Message")


class EpisodePlace(msgspec.Struct, frozen=True):
    """Where something happened; empty for a fault of a feed."""

    countries: list[str] = []
    regions: list[str] = []
    asns: list[int] = []


class Truth(msgspec.Struct, frozen=True):
    """A real event, one line of `truth.jsonl`."""

    scope: EpisodePlace
    kinds: list[str]
    feeds: list[str]
    started_at: str
    ended_at: str | None = None


def score_incidents(case: Path, events: str, slack: float) -> Matches:
    """Compare a file of incidents with the truth of a case. Raises InputError with file and line."""
    truths = [_episode(truth) for truth in _read(str(case / TRUTH), Truth)]
    return match(truths, last_episodes(_read(events, Incident)), slack)


def last_episodes(revisions: Iterator[Incident]) -> list[Episode]:
    """Return an episode for the last revision of each incident that was confirmed, neither retracted nor merged."""
    last: dict[str, Incident] = {}
    confirmed: set[str] = set()
    for revision in revisions:
        last[revision.incident_id] = revision
        is_confirmed = revision.confirmed_at is not None or revision.state in CONFIRMED  # older ones have no time
        confirmed |= {revision.incident_id} if is_confirmed else set()
    return [
        _detected_episode(incident)
        for incident in last.values()
        if incident.incident_id in confirmed and incident.merged_into is None and incident.state != "retracted"
    ]


def as_json(case: Path, matches: Matches) -> bytes:
    """Return the figures as one JSON object."""
    fields = {"case": case.resolve().name, **matches._asdict()}
    fields["overlap"] = None if matches.overlap is None else round(matches.overlap, 3)
    fields["missed"] = [format_time(episode.start) for episode in matches.missed]
    return msgspec.json.encode(fields)


def _read(name: str, kind: type[Message]) -> Iterator[Message]:
    for number, line in enumerate(read_lines(name), start=1):
        try:
            yield msgspec.json.decode(line, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{place_of([name], line) or f'{name}: event {number}'}: {error}") from None


def _detected_episode(incident: Incident) -> Episode:
    return _episode(incident)._replace(detected_at=parse_time(incident.detected_at))


def _episode(source: Truth | Incident) -> Episode:
    return Episode(
        parse_time(source.started_at),
        math.inf if source.ended_at is None else parse_time(source.ended_at),
        frozenset(source.kinds),
        frozenset(source.scope.countries),
        frozenset(source.scope.regions),
        frozenset(source.scope.asns),
        frozenset(source.feeds),
    )
