"""A short power table, calibration and scoreboard in one process: what a changed constant changes."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from detectors.outages.detector import Detector
from detectors.types import DAY, ClosedBin, Ints, Kind, Rule
from streams.evaluation import cases
from tests.calibration.alarms import calibrate
from tests.calibration.laws import NAMED
from tests.calibration.quiet import members, observed
from tests.calibration.world import scene
from tests.detectors.series import START, run
from tests.power.cells import Cell, measure
from tests.power.laws import Law
from tests.scenarios.situations import complaints
from tests.scenarios.situations import run as run_situation
from tests.scoreboard import board

HOUR, TEN = 3_600, 600
LAWS = (
    Law("gauge", HOUR, 0.05, 0.3),
    Law("gauge", HOUR, 0.1, 0.3, 0.7),
    Law("count", HOUR, 20, 0.3),
    Law("count", HOUR, 100, 0.0),
    Law("ratio", HOUR, 20, 0.3),
)
HISTORIES = (1, 3, 9)
DEPTHS = (0.2, 0.35, 0.5, 1.0)
# The quickest of different kinds.
SITUATIONS = ("zhanaozen-2011", "iran-mobile-2019", "xinjiang-2015", "exam-nights")
BUDGET = 10.0  # ten times the default: enough alarms to compare
PIECES: tuple[tuple[str, Kind, int, int], ...] = (
    ("mixed", "gauge", HOUR, 30),
    ("mixed", "count", 2 * HOUR, 30),
    ("clocks", "gauge", HOUR, 30),
    ("holidays", "count", HOUR, 30),
    ("ar", "count", HOUR, 30),
    ("first-days", "gauge", HOUR, 8),
    ("networks", "presence", HOUR, 30),
)
LOST = (0.3, 0.6, 1.0)


class Effects(NamedTuple):
    """What is found, and what else. `power`: the share of falls of levels found within twice the oracle's delay.

    `networks`: the share of losses of members found within an hour. `alarms`: false alarms, of those `allowed`. `hits`,
    `false`, `end`: of the scoreboard; `end` is the mean over its cases of the median error of the end, in minutes.
    """

    power: float
    networks: float
    alarms: int
    allowed: float
    hits: int
    false: int
    end: float


def effects(series: int = 300) -> Effects:
    """Measure the detectors as they are loaded; about half a minute."""
    found = [calibrate(NAMED[law], kind, width, days, BUDGET, 0, series) for law, kind, width, days in PIECES]
    alarms, allowed = sum(row.found for row in found), sum(row.allowed for row in found)
    return Effects(_power(series // 15), _networks(series // 3), alarms, allowed, *_scoreboard())


def situations() -> int:
    """Return how many situations come out exactly as they happened, of one draw each."""
    with tempfile.TemporaryDirectory() as scratch:
        return sum(not complaints(run_situation(name, 1, Path(scratch))) for name in SITUATIONS)


def _power(falls: int) -> float:
    cells = [cell for law in LAWS for days in HISTORIES for cell in measure(law, days, 3, falls, 1, DEPTHS)]
    return float(np.mean([_in_time(cell) for cell in cells if cell.counts]))


def _in_time(cell: Cell) -> float:
    limit = float(np.median(cell.oracle))
    return float(np.mean(cell.found <= max(2 * limit, limit + 1)))


def _networks(count: int) -> float:
    found = [_losing(share, count) for share in LOST]
    return float(np.mean(found))


def _losing(share: float, count: int) -> float:
    """Return the share of networks of 5 to 1,000 members found within an hour of losing a share that stays away."""
    onset = 3 * DAY // TEN + np.arange(count) * DAY // TEN // count  # spread over a day
    found = {
        change.row
        for change in run(Detector(Rule("presence", TEN)), _fallen(share, onset))
        if change.state == "open" and 0 < (change.detected_at - START) // TEN - onset[change.row] <= HOUR // TEN
    }
    return len(found) / count


def _fallen(share: float, onset: Ints) -> Iterator[ClosedBin]:
    """Let networks lose a share of their members, each from a bin of its own on; as many stay whole."""
    count = len(onset)
    place = scene(np.random.default_rng(3), 2 * count, 4, TEN)
    drawn = members(place.rng, np.ones((place.bins, 2 * count)), TEN)
    for row, at in enumerate(onset.tolist()):
        gone = math.ceil(drawn.up[at, row] * share)
        drawn.lost[at, row] += gone
        drawn.up[at:, row] = np.maximum(drawn.up[at:, row] - gone, 0)
        for part in (drawn.lost, drawn.back):
            part[at + 1 :, row] = part[at + 1 :, row] * (1 - share)
    return observed(drawn, TEN, place.country)


def _scoreboard() -> tuple[int, int, float]:
    with tempfile.TemporaryDirectory() as scratch:
        scores = [board.ours(cases.read(case)).score for case in (*board.recordings(), *board.simulated(Path(scratch)))]
    errors = [abs(score.end_error) for score in scores if score.end_error is not None]
    return sum(score.hits for score in scores), sum(score.false for score in scores), float(np.mean(errors)) / 60
