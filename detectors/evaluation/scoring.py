"""How well outages match labels: hits, pieces, false alarms, delay, and errors of their edges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from statistics import fmean, median
from typing import NamedTuple

from detectors.types import DAY


class Label(NamedTuple):
    """A true outage of an entity, half-open, in Unix seconds. `published`: its edges are precise enough to time."""

    entity: str
    start: float
    end: float
    published: bool


class Alarm(NamedTuple):
    """The last revision of a detected outage. Unix seconds; `ended_at` is infinite while it is open."""

    entity: str
    feed: str | None
    started_at: float
    detected_at: float | None
    ended_at: float


class Score(NamedTuple):
    """Counts of one case. Times are seconds, medians over hit labels with published edges; None when there are none.

    `pieces`: alarms per hit label and feed that saw it, 1.0 is best. `false`: alarms that no label of their entity
    explains, those of one entity that overlap counted once. `delay`: from a label's start to the first detection.
    `start_error`, `end_error`: between a label's edge and the first start, or the last end, of its alarms.
    """

    labels: int
    hits: int
    pieces: float | None
    false: int
    delay: float | None
    start_error: float | None
    end_error: float | None
    missed: tuple[Label, ...]


class _Match(NamedTuple):
    label: Label
    alarms: list[Alarm]


def score(labels: Iterable[Label], alarms: Iterable[Alarm], slack: float) -> Score:
    """Compare alarms with labels. They match when they overlap, with `slack` seconds added on either side."""
    windows = sorted({label[:3]: label for label in labels}.values())
    by_entity: defaultdict[str, list[Alarm]] = defaultdict(list)
    for alarm in alarms:
        by_entity[alarm.entity].append(alarm)
    matches = [
        _Match(label, [a for a in by_entity.get(label.entity, ()) if _overlap(label, a, slack)]) for label in windows
    ]
    hits = [match for match in matches if match.alarms]
    timed = [match for match in hits if match.label.published]
    return Score(
        labels=len(windows),
        hits=len(hits),
        pieces=fmean(map(_pieces, hits)) if hits else None,
        false=sum(_runs(_unexplained(own, windows, slack)) for own in by_entity.values()),
        delay=_median(map(_delay, timed)),
        start_error=_median(abs(min(a.started_at for a in m.alarms) - m.label.start) for m in timed),
        end_error=_median(abs(max(a.ended_at for a in m.alarms) - m.label.end) for m in timed),
        missed=tuple(match.label for match in matches if not match.alarms),
    )


def entity_days(spans: Mapping[str, tuple[float, float]]) -> float:
    """Return the days for which entities were measured. `spans`: first and last measurement of each (Unix seconds)."""
    return sum(last - first for first, last in spans.values()) / DAY


def _overlap(label: Label, alarm: Alarm, slack: float) -> bool:
    return alarm.started_at < label.end + slack and alarm.ended_at > label.start - slack


def _pieces(match: _Match) -> float:
    return len(match.alarms) / len({alarm.feed for alarm in match.alarms})


def _delay(match: _Match) -> float | None:
    """Return the seconds from the label's start to the first detection; None when an alarm has no time of detection."""
    times = [alarm.detected_at for alarm in match.alarms if alarm.detected_at is not None]
    return min(times) - match.label.start if len(times) == len(match.alarms) else None


def _unexplained(alarms: Sequence[Alarm], labels: Sequence[Label], slack: float) -> list[Alarm]:
    entity = alarms[0].entity
    own = [label for label in labels if label.entity == entity]
    return [alarm for alarm in alarms if not any(_overlap(label, alarm, slack) for label in own)]


def _runs(alarms: Sequence[Alarm]) -> int:
    """Return the number of alarms, counting those that overlap as one."""
    runs, end = 0, -inf
    for alarm in sorted(alarms, key=lambda alarm: alarm.started_at):
        runs += alarm.started_at > end
        end = max(end, alarm.ended_at)
    return runs


def _median(numbers: Iterable[float | None]) -> float | None:
    present = [number for number in numbers if number is not None]
    return median(present) if present else None
