"""How well incidents match what happened: found, split, merged wrongly, of the right kind, in the right place."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from statistics import fmean, median
from typing import NamedTuple


class Episode(NamedTuple):
    """An incident as it was, or as it was told in the end. Unix seconds; `end` is infinite while it lasts.

    `feeds` says which feed is at fault when there is no place. `detected_at`: None for what really happened.
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
    """Counts of one case; times are seconds, medians over what was found; None where nothing was.

    `split`: told as more than one. `merged`: told incidents that are more than one in truth. `kinds_right`: all pieces
    of it have its kinds and no others. `overlap`: mean share of the regions (networks where there are none, feeds for a
    fault) in both that are in either. `false`: told, and never happened.
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


def match(truths: Sequence[Episode], told: Sequence[Episode], slack: float) -> Matches:
    """Compare; two episodes match when they share a place and overlap in time, `slack` seconds added on either side."""
    pairs = [(truth, [one for one in told if _same(truth, one, slack)]) for truth in truths]
    hits = [(truth, pieces) for truth, pieces in pairs if pieces]
    counts = [sum(_same(truth, one, slack) for truth in truths) for one in told]
    return Matches(
        truths=len(truths),
        found=len(hits),
        split=sum(len(pieces) > 1 for _, pieces in hits),
        merged=sum(count > 1 for count in counts),
        kinds_right=sum(all(one.kinds == truth.kinds for one in pieces) for truth, pieces in hits),
        overlap=fmean(_overlap(truth, pieces) for truth, pieces in hits) if hits else None,
        false=counts.count(0),
        delay=_median([min(_detected(one) for one in pieces) - truth.start for truth, pieces in hits]),
        start_error=_median([abs(min(one.start for one in pieces) - truth.start) for truth, pieces in hits]),
        end_error=_median([_apart(max(one.end for one in pieces), truth.end) for truth, pieces in hits]),
        missed=tuple(truth for truth, pieces in pairs if not pieces),
    )


def _same(truth: Episode, told: Episode, slack: float) -> bool:
    if told.start >= truth.end + slack or told.end <= truth.start - slack:
        return False
    if not truth.countries or not told.countries:
        return not truth.countries and not told.countries and bool(truth.feeds & told.feeds)
    finer = (truth.regions and told.regions) or (truth.asns and told.asns)
    shared = truth.regions & told.regions or truth.asns & told.asns
    return bool(truth.countries & told.countries) and bool(shared or not finer)


def _overlap(truth: Episode, pieces: Sequence[Episode]) -> float:
    field = next((name for name in ("regions", "asns", "countries") if getattr(truth, name)), "feeds")
    real = getattr(truth, field)
    said = frozenset[str | int]().union(*(getattr(one, field) for one in pieces))
    return len(real & said) / len(real | said)


def _detected(told: Episode) -> float:
    return told.start if told.detected_at is None else told.detected_at


def _apart(told: float, real: float) -> float:
    return 0.0 if told == real else abs(told - real)


def _median(numbers: Sequence[float]) -> float | None:
    return median(numbers) if numbers and median(numbers) != inf else None
