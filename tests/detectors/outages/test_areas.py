"""Areas as sums over cells: what networks that come, leave and return do to what their country is expected to hold."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.outages.areas import Panel, Sums, observed, turnover
from detectors.types import DAY, HOUR, ClosedBin, Kind, Rule

SHARES = np.array([0.30, 0.20, 0.13, 0.10, 0.08, 0.06, 0.05, 0.04, 0.03, 0.01])
GONE = 3 * DAY + 10 * HOUR
Levels = NDArray[np.float64]


def course(levels: Levels, kind: Kind, width: int, first: bool = True) -> Levels:
    """Return by bin what a country of these networks holds, as a share of a level that only turnover moves.

    `levels`: a matrix (bins, networks); NaN where nothing is measured.
    """
    rule, count = Rule(kind, width), levels.shape[1]
    panel, zeros, yes = Panel(rule), np.zeros(count), np.ones(1, np.bool_)
    size = np.where(kind == "ratio", 3000.0, 1.0)
    base, trials, expected, ratios = np.zeros(1), np.zeros(1), 0.0, list[float]()
    for number, line in enumerate(levels):
        here = ~np.isnan(line)
        alive = np.asarray(~np.isnan(levels[: number + 1]).all(axis=0))
        values = np.where(here, line * 1000, 0)
        seen = ClosedBin(number * width, values, size * np.ones(count), here, alive, zeros, zeros, zeros.astype(int))
        cells = panel.close(seen, alive & np.bool_(first) | (np.arange(count) < len(SHARES)))
        sums = Sums(*(column.sum(keepdims=True) for column in cells))
        area = observed(rule, seen.start, sums, yes, np.zeros(1, int), False)
        expected *= float(turnover(rule, sums, base, trials)[0])
        share = float(area.value[0] / area.size[0])
        expected = expected or share
        base, trials = sums.base, sums.trials
        ratios.append(share / expected)
    return np.array(ratios)


def country(width: int, days: int) -> Levels:
    """Return steady networks, a matrix (bins, networks)."""
    return np.tile(SHARES, (days * DAY // width, 1))


@pytest.mark.parametrize("kind", ["gauge", "count", "ratio"])
@pytest.mark.parametrize("width", [300, HOUR, 6 * HOUR])
@pytest.mark.parametrize("who", [0, 6])
@pytest.mark.parametrize("days", [1, 3])
@pytest.mark.parametrize("left", [0.3, 0.6, 1.0])
def test_a_network_that_returns_counts_as_it_was_before(
    kind: Kind, width: int, who: int, days: int, left: float
) -> None:
    """Away for a day or three, back with a part: the country lacks the rest at once, and no more or less later."""
    levels, back = country(width, 9), (GONE + days * DAY) // width
    levels[GONE // width + 1 : back + 1, who] = np.nan
    levels[back + 1 :, who] *= left
    found = course(levels, kind, width)
    assert found[: back + 1] == pytest.approx(1, abs=1e-9)
    assert found[back + 1 :] == pytest.approx(1 - SHARES[who] * (1 - left), abs=1e-9)


@pytest.mark.parametrize("width", [300, HOUR])
@pytest.mark.parametrize("left", [0.0, 0.3])
@pytest.mark.parametrize("hours", [4, 72])
def test_a_new_network_that_waits_in_the_dark_moves_nothing(width: int, left: float, hours: int) -> None:
    """A third as large as the others together, dark before it takes part, for hours or days: no fall, no growth.

    But for what it grows by once it takes part with what is left of it.
    """
    levels = np.column_stack([country(width, 9), np.full(9 * DAY // width, np.nan)])
    came, dark, light = ((2 * DAY + at * HOUR) // width for at in (0, 5, 5 + hours))
    levels[came:, -1] = 0.35
    levels[dark:light, -1] *= left
    found = course(levels, "gauge", width, first=False)
    joined = left > 0 and hours > 24
    assert found[:light] == pytest.approx(1, abs=0.03)
    assert found[light:] == pytest.approx(1.35 / (1 + 0.35 * left) if joined else 1, abs=0.03)
