"""Many calibrations in several processes, kept in a file so that a long run goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from detectors.types import DAY, Kind
from tests.calibration.alarms import Alarms, calibrate
from tests.calibration.laws import NAMED

HOUR = 3_600


class Piece(NamedTuple):
    """What is run at once: series of a law, kind and bin width (s), at a budget. `lot`: of the seed."""

    law: str
    kind: Kind
    width: int
    series: int
    days: int
    budget: float
    lot: int


def pieces(
    names: Iterable[str],
    kinds: Sequence[Kind],
    widths: Sequence[int],
    budgets: Sequence[float],
    series: int,
    days: int | None = None,
    lots: int = 1,
) -> list[Piece]:
    """Return the pieces in the order of the table; without `days`, as many as a width is usually tried for."""
    return [
        Piece(name, kind, width, series, min(days or usual_days(width), NAMED[name].days), budget, lot)
        for name in names
        for kind in NAMED[name].kinds
        if kind in kinds
        for width in widths
        for budget in budgets
        for lot in range(lots)
    ]


def usual_days(width: int) -> int:
    """Return 30 days of bins below an hour, 60 of bins below a day, a year of others."""
    return 30 if width < HOUR else 60 if width < DAY else 365


def campaign(asked: Sequence[Piece], jobs: int, kept: Path | None = None) -> Iterator[Alarms]:
    """Yield what each piece found, from the file where it is there already; the others are run and added to it."""
    finished = dict(_read(kept)) if kept and kept.exists() else {}
    with ProcessPoolExecutor(jobs) as pool:
        fresh = pool.map(_measure, [piece for piece in asked if piece not in finished])
        for piece in asked:
            if piece not in finished:
                finished[piece] = next(fresh)
                _add(kept, piece, finished[piece])
            yield finished[piece]


def _measure(piece: Piece) -> Alarms:
    law, kind, width, series, days, budget, lot = piece
    return calibrate(NAMED[law], kind, width, days, budget, lot, series)


def _read(path: Path) -> Iterator[tuple[Piece, Alarms]]:
    for line in path.read_text().splitlines():
        asked, found = json.loads(line)
        yield Piece(*asked), Alarms(*found)


def _add(path: Path | None, piece: Piece, found: Alarms) -> None:
    if path:
        with path.open("a") as file:
            file.write(json.dumps([piece, found]) + "\n")
