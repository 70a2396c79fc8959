"""`ebbtide score`: outages against the labels of a recording, as a JSON object or as a table of many cases."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from detectors.evaluation.scoring import Alarm, Score, entity_days, score
from schemas.times import format_time, parse_time
from streams.config.errors import InputError
from streams.config.line_files import place_of, read_lines
from streams.config.loader import load
from streams.config.reference_data import reference_data_of
from streams.evaluation.cases import FEEDS, MEASUREMENTS, Case
from streams.evaluation.detect import detect
from streams.pipeline.emitted import Emitted
from streams.pipeline.process import Tally
from streams.pipeline.shard import Shard

SLACK = 900.0
WITHDRAWN = ("suspected", "retracted")
COLUMNS = (
    "case",
    "rule",
    "labels",
    "hits",
    "alarms per hit",
    "false alarms",
    "false per 100 entity-days",
    "delay (s)",
    "start error (s)",
    "end error (s)",
)


class ReportedOutage(msgspec.Struct, frozen=True):
    """A revision of an outage as found in a file; times are RFC 3339 or Unix seconds."""

    outage_id: str
    entity: str
    started_at: str | float
    detected_at: str | float | None = None
    ended_at: str | float | None = None
    state: str | None = None
    feed: str | None = None


class CaseScore(NamedTuple):
    """One row of the table: the figures of a rule on a case."""

    case: str
    rule: str
    score: Score
    days: float

    @property
    def false_per_100_days(self) -> float | None:
        """False alarms per 100 entity-days."""
        return 100 * self.score.false / self.days if self.days else None


def judge(case: Case, rule: str, alarms: Iterable[Alarm], slack: float = SLACK) -> CaseScore:
    """Score alarms on a case."""
    return CaseScore(case.name, rule, score(case.labels, alarms, slack), entity_days(case.spans))


def pipeline(case: Case, environ: Mapping[str, str], settings: Path | None = None) -> Shard:
    """Return a new shard for a case, with the case's settings unless others are given."""
    loaded = load(settings or case.folder / FEEDS, environ)
    return Shard(loaded, reference=reference_data_of(loaded))


def run(shard: Shard, case: Case, watched: Callable[[Iterable[Emitted]], Iterable[Emitted]] = iter) -> list[Alarm]:
    """Return the alarms that the pipeline raises on a case's recording; `watched` passes its steps on."""
    # A recording is never ahead of its receipt, whatever the clock says.
    found = detect(shard, Tally(), [str(case.folder / MEASUREMENTS)], lambda: math.inf)
    outages = (outage for emitted in watched(found) for outage in emitted.outages)
    return alarms_of(msgspec.convert(outage, ReportedOutage, from_attributes=True) for outage in outages)


def alarms_of(revisions: Iterable[ReportedOutage]) -> list[Alarm]:
    """Return an alarm for the last revision of each outage, without suspected and retracted ones."""
    last = {revision.outage_id: revision for revision in revisions}
    return [_alarm(revision) for revision in last.values() if revision.state not in WITHDRAWN]


def read_events(name: str) -> list[Alarm]:
    """Return the alarms in a file of outage events, one JSON object a line. Raises InputError with file and line."""
    events: list[ReportedOutage] = []
    for number, line in enumerate(read_lines(name), start=1):
        try:
            event = msgspec.json.decode(line, type=ReportedOutage)
            _alarm(event)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            raise InputError(f"{place_of([name], line) or f'{name}: event {number}'}: {error}") from None
        events.append(event)
    return alarms_of(events)


def as_json(row: CaseScore) -> bytes:
    """Return a case's figures as one JSON object; a time that is unknown or has no end is null."""
    found = row.score
    fields: dict[str, Any] = {
        "case": row.case,
        "labels": found.labels,
        "hits": found.hits,
        "pieces": _rounded(found.pieces),
        "false": found.false,
        "false_per_100_entity_days": _rounded(row.false_per_100_days),
        "median_delay_s": found.delay,
        "median_start_error_s": found.start_error,
        "median_end_error_s": found.end_error if found.end_error != math.inf else None,
        "missed": [[label.entity, format_time(label.start)] for label in found.missed],
    }
    return msgspec.json.encode(fields)


def table(rows: Iterable[CaseScore]) -> str:
    """Return a Markdown table, a line per row."""
    head = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * 2}{'--:|' * (len(COLUMNS) - 2)}"]
    return "\n".join([*head, *(f"| {' | '.join(_cells(row))} |" for row in rows)]) + "\n"


def _cells(row: CaseScore) -> list[str]:
    found = row.score
    times = [_seconds(time) for time in (found.delay, found.start_error, found.end_error)]
    pieces, rate = (_decimals(number) for number in (found.pieces, row.false_per_100_days))
    return [row.case, row.rule, str(found.labels), str(found.hits), pieces, str(found.false), rate, *times]


def _decimals(number: float | None) -> str:
    return "–" if number is None else f"{number:.2f}"


def _seconds(time: float | None) -> str:
    """Write seconds; an end that never came is `inf`."""
    return "–" if time is None else f"{time:.0f}"


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 2)


def _alarm(event: ReportedOutage) -> Alarm:
    ended = math.inf if event.ended_at is None else _unix(event.ended_at)
    detected = None if event.detected_at is None else _unix(event.detected_at)
    return Alarm(event.entity, event.feed, _unix(event.started_at), detected, ended)


def _unix(time: str | float) -> float:
    return parse_time(time) if isinstance(time, str) else float(time)
