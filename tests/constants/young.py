"""`python -m tests.constants.young NAME…`: young series in narrow bins at half, once and twice a constant.

`tests.constants.effects` has hourly bins of all histories; here are the cases that the newest constants are for.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tests.constants.scaled import scale

if TYPE_CHECKING:  # what is imported before a constant is scaled would have it as it is
    from detectors.types import Kind

FACTORS = (0.5, 1.0, 2.0)
DAY, HOUR, TEN, FIVE = 86_400, 3_600, 600, 300
LOW = 10  # bins of `FIVE`, by the end of which a fall to a half has come
PIECES: tuple[tuple[str, Kind, int, int], ...] = (
    ("mixed", "gauge", FIVE, 12),
    ("clocks", "gauge", FIVE, 12),
    ("business", "ratio", TEN, 12),
    ("first-business", "count", TEN, 8),
    ("ar", "count", HOUR, 30),
    ("first-days", "gauge", HOUR, 8),
)
FALLS = ((DAY, DAY + 33 * HOUR), (6 * DAY, 6 * DAY + 9 * HOUR))


class Young(NamedTuple):
    """What is found. `power`: share of falls found within twice the oracle's delay; `alarms`: of
    those `allowed`; `shown`: of ten falls to a half of wandering gauges, those with an outage of their own.
    """

    power: float
    alarms: int
    allowed: float
    shown: int


def measured() -> Young:
    """Measure the detectors as they are loaded; about half a minute."""
    from tests.calibration.alarms import calibrate
    from tests.calibration.laws import NAMED

    found = [calibrate(NAMED[law], kind, width, days, 10.0, 0, 300) for law, kind, width, days in PIECES]
    return Young(_power(), sum(row.found for row in found), sum(row.allowed for row in found), _shown())


def _power() -> float:
    from tests.power.cells import measure
    from tests.power.laws import Law

    laws = (Law("gauge", FIVE, 0.1, 0.3, 0.7), Law("count", FIVE, 20, 0.3), Law("ratio", FIVE, 20, 0.3))
    cells = [cell for law in laws for days in (1, 3) for cell in measure(law, days, 3, 20, 1, (0.2, 0.5))]
    return float(np.mean([_in_time(cell.found, cell.oracle) for cell in cells if cell.counts]))


def _in_time(found: np.ndarray, oracle: np.ndarray) -> float:
    limit = float(np.median(oracle))
    return float(np.mean(found <= max(2 * limit, limit + 1)))


def _shown() -> int:
    from tests.detectors.series import START, outages, watch

    count = 0
    for seed in range(5):
        begun = [(change.opened - START) for change in outages(watch("gauge", FIVE, _wandering(seed)))]
        count += sum(any(start <= at < end for at in begun) for start, end in FALLS)
    return count


def _wandering(seed: int) -> np.ndarray:
    """Draw a gauge of 30 in bins of ten minutes, each measured twice, with a wander of an eighth over two hours."""
    rng, bins = np.random.default_rng(seed), 7 * DAY // TEN
    wander = np.zeros(bins)
    for at in range(1, bins):
        wander[at] = 0.93 * wander[at - 1] + (1 - 0.93**2) ** 0.5 * rng.normal(0, 0.12)
    season = 1 + 0.08 * np.sin(2 * np.pi * np.arange(bins) * TEN / DAY)
    drawn = np.repeat(29 * (season + wander) * rng.normal(1, 0.1, bins), TEN // FIVE)
    for start, end in FALLS:
        first, last = start // FIVE, end // FIVE
        drawn[first:last] *= np.maximum(0.5, 1 - 0.5 * np.arange(last - first) / LOW)
    return np.maximum(np.round(drawn), 0)[:, None]


def main(argv: Sequence[str] | None = None) -> None:
    """Print a line for each constant, measured in processes of their own."""
    parser = argparse.ArgumentParser(prog="python -m tests.constants.young", description=__doc__)
    parser.add_argument("names", nargs="+", help="as outages.baseline.BEND")
    parser.add_argument("--factor", type=float, help="only this multiple of the only name, as JSON")
    arguments = parser.parse_args(argv)
    if not arguments.factor:
        _compare(arguments.names)
        return
    if arguments.factor != 1:
        scale(arguments.names[0], arguments.factor)
    sys.stdout.write(json.dumps(measured()))


def _compare(names: Sequence[str]) -> None:
    usual = _found(names[0], 1.0)
    for name in names:
        half, once, twice = (usual if factor == 1 else _found(name, factor) for factor in FACTORS)
        columns = [" / ".join(f"{value:.4g}" for value in column) for column in zip(half, once, twice, strict=True)]
        sys.stdout.write(f"| `{name}` | {columns[0]} | {columns[1]} | {columns[3]} |\n")
        sys.stdout.flush()


def _found(name: str, factor: float) -> Young:
    command = [sys.executable, "-m", "tests.constants.young", name, "--factor", str(factor)]
    return Young(*json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


if __name__ == "__main__":
    main()
