"""What else may explain a bin: the evidence that it would give, were only one other cause allowed for.

The decision allows for all of them together. Each explanation is a row of its own in the same sums (`cusum.advance`),
so that what is shown is what was decided. See docs/explain.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from detectors.types import Flags, Ints, Singles

from .baseline import Allowances, Prediction
from .cusum import advance
from .level_kinds import LevelKind
from .outage_lifecycle import FOLLOWED
from .series_state import Bins, Chunk, FallColumns, LevelColumns, PhaseColumns
from .time_scales import TimeScales

Columns = TypeVar("Columns", LevelColumns, PhaseColumns)
Fall = tuple[Singles, Bins]  # the sums of one row, and the length of each


class Explanations(NamedTuple):
    """Evidence (nats) that the row has fallen, were only this allowed for; a small one explains the fall.

    `normal`: noise alone. `clock`: a pattern that comes an hour early or late. `holiday`: a day like the quietest one.
    `weekend`: a day of the weekend never seen before; None where it is none. `series`: all of these together, as far as
    the series itself shows. `together`: what the neighbours leave open of that; it is the evidence that decides.
    """

    normal: float
    clock: float | None
    holiday: float | None
    weekend: float | None
    series: float | None
    together: float


class MemberExplanations(NamedTuple):
    """Evidence (nats) that a network has fallen, were only this allowed for; a small one explains the losses.

    `normal`: members are lost each for itself, as often as is usual. `joint`: and together, as often as the network's
    are. `shake`: and as those of other networks are in this bin; it is what the losses of late are worth. `away`: what
    members are worth that were lost together and stay away, or that left over hours; 0 where there are none.
    `together`: the evidence that decides.
    """

    normal: float
    joint: float
    shake: float
    away: float
    together: float


class LevelBin(NamedTuple):
    """What `cusum.advance` is about to take in, of the rows of a chunk."""

    kind: LevelKind
    scales: TimeScales
    columns: Chunk
    prediction: Prediction
    value: Singles
    size: Singles
    counts: Flags
    cap: float


class Watch:
    """Explains each bin of some rows. `latest`: of the bin scored last, by row; none while an outage is followed.

    `rows`: returns the rows. The sums of an explanation go on while bins lie below what is expected; they begin anew
    from the sums that decide. `members`: sums of `normal` and `joint` (2 × RHOS), in a feed of members.
    """

    def __init__(self, rows: Callable[[], Collection[int]]) -> None:
        self.latest: dict[int, Explanations | MemberExplanations] = {}
        self.members: dict[int, Singles] = {}
        self.rows = rows
        self._falls: dict[int, list[Fall]] = {}

    def take(self, part: slice, now: LevelBin) -> None:
        """Explain the watched rows of a chunk, before the sums take the bin in."""
        for row in self.rows():
            if part.start <= row < part.stop:
                self.latest.pop(row, None)
                if now.counts[row - part.start]:
                    self._explain(row, row - part.start, now)
                elif now.columns.phases.phase[row - part.start] == FOLLOWED:
                    self._falls.pop(row, None)

    def _explain(self, row: int, at: int, now: LevelBin) -> None:
        begun = now.columns.falls.evidence[at].copy(), now.columns.falls.bins[at].copy()
        low = _is_low(now, at)
        others = self._falls.get(row) if low else None
        falls = [*(others or [begun] * (len(CAUSES) - 1)), begun]
        evidence, after = competing(now, at, falls)
        normal, clock, holiday, weekend, series, together = evidence.tolist()
        first = now.prediction.alone.weekend
        seen = weekend if first is not None and first[at] < 1 else None
        self.latest[row] = Explanations(normal, clock, holiday, seen, series, together)
        self._falls[row] = after[:-1]
        if not low:
            del self._falls[row]


#: Of each field of `Explanations`: whether it is bounded by the neighbours, and allows for clock, holiday and weekend.
CAUSES = (
    (True, False, False, False),
    (True, True, False, False),
    (True, False, True, False),
    (True, False, False, True),
    (False, True, True, True),
    (True, True, True, True),
)


def competing(now: LevelBin, at: int, falls: Sequence[Fall]) -> tuple[Singles, list[Fall]]:
    """Return the evidence of a row under each of `CAUSES` (nats), and the sums after the bin.

    `falls`: the sums of each before it. Nothing of the bin is changed.
    """
    rows = np.full(len(CAUSES), at)
    sums, runs = np.stack([sums for sums, _ in falls]), np.stack([runs for _, runs in falls])
    c = Chunk(
        _taken(now.columns.levels, rows),
        FallColumns(sums, runs, now.columns.falls.missing_before[rows]),
        _taken(now.columns.phases, rows),
        now.columns.slow,
    )
    prediction = _allowing(now.kind, now.prediction, rows)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        evidence, _ = advance(
            now.kind, now.scales, c, prediction, now.value[rows], now.size[rows], now.counts[rows], now.cap
        )
    return evidence, list(zip(sums, runs, strict=True))


def _allowing(kind: LevelKind, prediction: Prediction, rows: Ints) -> Prediction:
    """Return the prediction of one row under each of `CAUSES`."""
    at, allowances = rows[:1], (prediction.alone, prediction.allowances)
    lowest, weekend = [], []
    for bounded, *allowed in CAUSES:
        row = _row(allowances[bounded], at)
        lowest.append(row.lowest(kind, *allowed))
        weekend.append(np.ones(1, np.float32) if row.weekend is None or not allowed[-1] else row.weekend)
    taken = {name: getattr(prediction, name)[rows] for name in _ROWS}
    multiplied = None if prediction.weekend is None else np.concatenate(weekend)
    alike = None if prediction.alike is None else prediction.alike[rows]
    return replace(prediction, **taken, lowest_plausible=np.concatenate(lowest), weekend=multiplied, alike=alike)


_ROWS = ("noise", "precision", "sigma", "quantum_square", "trust", "young")  # of a prediction, what sums look at


def _row(allowances: Allowances, at: Ints) -> Allowances:
    columns = (getattr(allowances, field.name) for field in fields(allowances))
    taken: list[Any] = [column if column is None or not column.ndim else column[at] for column in columns]
    return Allowances(*taken)


def _taken(columns: Columns, rows: Ints) -> Columns:
    """Return copies of some rows of a view."""
    taken: list[Any] = [getattr(columns, field.name)[rows] for field in fields(columns)]
    return type(columns)(*taken)


def _is_low(now: LevelBin, at: int) -> bool:
    """Return whether a bin speaks for the smallest fall that is looked for, were nothing but noise allowed for."""
    expected = float(_row(now.prediction.allowances, np.array([at])).lowest(now.kind, False, False, False)[0])
    return float(now.value[at]) < float(now.kind.neutral[0]) * expected
