"""Areas as sums over cells: what networks that come, leave and return do to what their country is expected to hold."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.outages.areas import Panel, Sums, observed, turnover
from detectors.types import DAY, HOUR, ClosedBin, Kind, Rule

SHARES = np.array([0.30, 0.20, 0.13, 0.10, 0.08, 0.06, 0.05, 0.04, 0.03, 0.01])
GONE = 3 * DAY + 10 * HOUR
Levels = NDArray[np.float64]


def course(levels: Levels, kind: Kind, width: int, first: bool = True) -> Levels:
    """Return by bin what each country holds, as a share of a level that only turnover moves (bins, countries).

    `levels`: of its networks (bins, countries, networks); NaN where nothing is measured.
    """
    rule, (_, countries, networks) = Rule(kind, width), levels.shape
    count = countries * networks
    panel, zeros, yes = Panel(rule), np.zeros(count), np.ones(countries, np.bool_)
    size, founders = np.where(kind == "ratio", 3000.0, 1.0), np.arange(count) % networks < len(SHARES)
    base, trials, expected = np.zeros((3, countries))
    alive, ratios = np.zeros(count, np.bool_), list[Levels]()
    for number, line in enumerate(levels.reshape(len(levels), count)):
        here = ~np.isnan(line)
        alive = alive | here
        values = np.where(here, line * 1000, 0)
        seen = ClosedBin(number * width, values, size * np.ones(count), here, alive, zeros, zeros, zeros.astype(int))
        cells = panel.close(seen, alive & np.bool_(first) | founders)
        sums = Sums(*(column.reshape(countries, networks).sum(axis=1) for column in cells))
        area = observed(rule, seen.start, sums, yes, np.zeros(countries, int), False)
        expected *= turnover(rule, sums, base, trials)
        share = area.value / area.size
        expected = np.where(expected > 0, expected, share)
        base, trials = sums.base, sums.trials
        ratios.append(share / expected)
    return np.array(ratios)


def country(width: int, days: int) -> Levels:
    """Return steady networks, a matrix (bins, networks)."""
    return np.tile(SHARES, (days * DAY // width, 1))


ABSENCES = tuple(product((0, 6), (1, 3), (0.3, 0.6, 1.0)))  # network, days away, part that comes back


@cache
def absences(kind: Kind, width: int) -> Levels:
    """Return what a country holds in each of `ABSENCES`, in nine days."""
    levels = np.stack([country(width, 9)] * len(ABSENCES), axis=1)
    for number, (who, days, left) in enumerate(ABSENCES):
        back = (GONE + days * DAY) // width
        levels[GONE // width + 1 : back + 1, number, who] = np.nan
        levels[back + 1 :, number, who] *= left
    return course(levels, kind, width)


@pytest.mark.parametrize("kind", ["gauge", "count", "ratio"])
@pytest.mark.parametrize("width", [300, HOUR, 6 * HOUR])
@pytest.mark.parametrize(("who", "days", "left"), ABSENCES)
def test_a_network_that_returns_counts_as_it_was_before(
    kind: Kind, width: int, who: int, days: int, left: float
) -> None:
    """Away for a day or three, back with a part: the country lacks the rest at once, and no more or less later."""
    found, back = absences(kind, width)[:, ABSENCES.index((who, days, left))], (GONE + days * DAY) // width
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
    found = course(levels[:, None], "gauge", width, first=False)[:, 0]
    joined = left > 0 and hours > 24
    assert found[:light] == pytest.approx(1, abs=0.03)
    assert found[light:] == pytest.approx(1.35 / (1 + 0.35 * left) if joined else 1, abs=0.03)
