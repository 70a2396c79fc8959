"""How well incidents match the truth: found, split, merged wrongly, of the right kind, in the right place."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from statistics import fmean, median
from typing import NamedTuple


class Episode(NamedTuple):
    """A true incident, or the last revision of a reported one. Unix seconds; `end` is infinite while it lasts.

    `feeds` says which feed is at fault when there is no place. `detected_at` is None for a true incident.
    """

    start: float
    end: float
    kinds: frozenset[str]
    countries: frozenset[str]
    regions: frozenset[str]
    asns: frozenset[int]
    feeds: frozenset[str]
    detected_at: float | None = None


class Matches(NamedTuple):
    """Counts of one case. Times are seconds, medians over the true incidents found; None where none was found.

    `split`: found as several reports. `merged`: reports that match several true incidents. `kinds_right`: all reports
    of it have its kinds and no others. `overlap`: mean share of the regions (networks where there are none, feeds for a
    fault) in both that are in either. `false`: reports that match no true incident.
    """

    truths: int
    found: int
    split: int
    merged: int
    kinds_right: int
    overlap: float | None
    false: int
    delay: float | None
    start_error: float | None
    end_error: float | None
    missed: tuple[Episode, ...]


def match(truths: Sequence[Episode], reports: Sequence[Episode], slack: float) -> Matches:
    """Compare reported with true incidents.

    Two match when they share a place and overlap in time, with `slack` seconds added on either side.
    """
    pairs = [(truth, [report for report in reports if _same(truth, report, slack)]) for truth in truths]
    hits = [(truth, pieces) for truth, pieces in pairs if pieces]
    counts = [sum(_same(truth, report, slack) for truth in truths) for report in reports]
    return Matches(
        truths=len(truths),
        found=len(hits),
        split=sum(len(pieces) > 1 for _, pieces in hits),
        merged=sum(count > 1 for count in counts),
        kinds_right=sum(all(piece.kinds == truth.kinds for piece in pieces) for truth, pieces in hits),
        overlap=fmean(_overlap(truth, pieces) for truth, pieces in hits) if hits else None,
        false=counts.count(0),
        delay=_median([min(_detected(piece) for piece in pieces) - truth.start for truth, pieces in hits]),
        start_error=_median([abs(min(piece.start for piece in pieces) - truth.start) for truth, pieces in hits]),
        end_error=_median([_apart(max(piece.end for piece in pieces), truth.end) for truth, pieces in hits]),
        missed=tuple(truth for truth, pieces in pairs if not pieces),
    )


def _same(truth: Episode, report: Episode, slack: float) -> bool:
    if report.start >= truth.end + slack or report.end <= truth.start - slack:
        return False
    if not truth.countries or not report.countries:
        return not truth.countries and not report.countries and bool(truth.feeds & report.feeds)
    finer = (truth.regions and report.regions) or (truth.asns and report.asns)
    shared = truth.regions & report.regions or truth.asns & report.asns
    return bool(truth.countries & report.countries) and bool(shared or not finer)


def _overlap(truth: Episode, pieces: Sequence[Episode]) -> float:
    field = next((name for name in ("regions", "asns", "countries") if getattr(truth, name)), "feeds")
    real = getattr(truth, field)
    reported = frozenset[str | int]().union(*(getattr(piece, field) for piece in pieces))
    return len(real & reported) / len(real | reported)


def _detected(report: Episode) -> float:
    return report.start if report.detected_at is None else report.detected_at


def _apart(report: float, real: float) -> float:
    return 0.0 if report == real else abs(report - real)


def _median(numbers: Sequence[float]) -> float | None:
    return median(numbers) if numbers and median(numbers) != inf else None
