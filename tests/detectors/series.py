"""Small series for the detector's tests: bins from arrays, and outages told by their last revision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.outages.detector import Detector
from detectors.outages.feed_fault import LEAST
from detectors.outages.feed_spread import LENDERS
from detectors.outages.groups import ANYWHERE
from detectors.types import Change, ClosedBin, Kind, Rule

Matrix = NDArray[Any]
ALONE = min(LEAST, ANYWHERE, LENDERS) - 1  # series of no country, of which none tells anything of another
START = 1_577_664_000  # Monday 30 December 2019, midnight


def bins(
    values: Matrix, width: int, size: Matrix | None = None, start: int = START, group: int | Matrix = 0
) -> Iterator[ClosedBin]:
    """One bin per row of a matrix (bins, series); NaN is a bin without a measurement. `group`: of all, or of each."""
    count = values.shape[1]
    zeros = np.zeros(count)
    alive = np.zeros(count, np.bool_)
    for index, line in enumerate(values):
        present = ~np.isnan(line)
        alive = alive | present
        trials = np.ones(count) if size is None else size[index].astype(float)
        yield ClosedBin(
            start=start + index * width,
            value=np.where(present, line, 0.0),
            size=trials,
            present=present,
            alive=alive,
            lost=zeros,
            back=zeros,
            group=np.broadcast_to(group, count),
        )


def members(up: NDArray[np.bool_], width: int, start: int = START) -> Iterator[ClosedBin]:
    """Presence bins of one network from who is up at the end of each bin, a matrix (bins, members)."""
    before = up[0]
    for index, now in enumerate(up):
        yes = np.ones(1, np.bool_)
        yield ClosedBin(
            start=start + index * width,
            value=np.array([float(now.sum())]),
            size=np.array([float(len(now))]),
            present=yes,
            alive=yes,
            lost=np.array([float((before & ~now).sum())]),
            back=np.array([float((~before & now).sum())]),
            group=np.zeros(1, np.int64),
        )
        before = now


def watch(kind: Kind, width: int, values: Matrix, rebaseline_after: int | None = None, group: int = 0) -> list[Change]:
    """Every revision that a detector tells of some series."""
    rule = Rule(kind, width, rebaseline_after=rebaseline_after)
    return run(Detector(rule), bins(values, width, group=group))


def watch_each(kind: Kind, width: int, histories: Iterable[Matrix]) -> list[list[Change]]:
    """Every revision of each of some series of no country, as if it were alone; a bin of all costs little more.

    A detector has so few of them that none says anything of the feed, or of another.
    """
    found: list[list[Change]] = []
    for few in batched(histories, ALONE):
        changes = watch(kind, width, np.column_stack(few))
        found += ([replace(change, row=0) for change in changes if change.row == row] for row in range(len(few)))
    return found


def batched(histories: Iterable[Matrix], size: int) -> Iterator[list[Matrix]]:
    """So many at a time."""
    left = list(histories)
    return (left[first : first + size] for first in range(0, len(left), size))


def run(detector: Detector, seen: Iterator[ClosedBin]) -> list[Change]:
    """Close all bins."""
    changes: list[Change] = []
    for bin_ in seen:
        if detector.rows < len(bin_.value):
            detector.grow(len(bin_.value) - detector.rows)
        changes += detector.close(bin_)
    return changes


def outages(changes: list[Change]) -> list[Change]:
    """The last revision of each outage that was more than a suspicion, in order of opening."""
    last = {(change.row, change.opened): change for change in changes}
    return [change for change in last.values() if change.state not in ("suspected", "retracted")]


def daily(days: int, width: int, depth: float = 0.3) -> NDArray[np.float64]:
    """A smooth day and night around 1, one number per bin."""
    at = np.arange(days * 86_400 // width) * width
    return 1 - depth * np.cos(2 * np.pi * at / 86_400)
