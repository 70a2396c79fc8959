"""`make power` in small: the oracle finds what theory says, and the detector what is plain."""

from __future__ import annotations

import numpy as np
import pytest

from tests.power.__main__ import main
from tests.power.cells import measure
from tests.power.laws import Law, draw
from tests.power.oracle import delays

HOUR = 3_600


def test_the_oracle_needs_the_bins_that_its_evidence_implies() -> None:
    """Half lost at 1 % noise is worth 1,250 nats a bin; a fifth lost at 20 % noise half a nat: 13 bins or more."""
    rng = np.random.default_rng(1)
    steady, noisy = Law("gauge", HOUR, 0.01, 0.0), Law("gauge", HOUR, 0.2, 0.0)
    assert set(delays(steady, draw(steady, 1, 0.5, 10, rng))) == {1.0}
    assert np.median(delays(noisy, draw(noisy, 1, 0.2, 200, rng))) >= 13


def test_a_memory_slows_the_oracle() -> None:
    """Correlated noise averages out more slowly, so the same fall takes longer."""
    rng = np.random.default_rng(1)
    plain, echoing = (Law("gauge", HOUR, 0.1, 0.0, memory) for memory in (0.0, 0.7))
    quick, slow = (np.median(delays(law, draw(law, 1, 0.35, 200, rng))) for law in (plain, echoing))
    assert slow > 2 * quick


@pytest.mark.parametrize("kind", ["gauge", "count", "distinct", "ratio"])
def test_plain_falls_are_reached(kind: str) -> None:
    """With nine days of history half of a level without season is found about as soon as the oracle finds it."""
    size = 0.01 if kind == "gauge" else 100
    (cell,) = measure(Law(kind, HOUR, size, 0.0), 9, 3, 10, 1, depths=(0.5,))  # type: ignore[arg-type]
    assert cell.counts and cell.reached and cell.early == 0


def test_a_season_of_one_day_is_no_noise() -> None:
    """A first day of ± 30 % shows noise of 5 % nearly as it is: a third lost on the next is found in two bins."""
    (cell,) = measure(Law("gauge", 300, 0.05, 0.3), 1, 3, 12, 1, depths=(0.35,))
    assert cell.counts and cell.reached and cell.early == 0


def test_the_table_counts_young_and_older_series_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """Every cell is counted once; one that the oracle does not find is left out."""
    main(["--kinds", "ratio", "--widths", "3600", "--days", "1", "9", "--series", "5", "--jobs", "1"])
    young, older = capsys.readouterr().out.splitlines()[-2:]
    assert young.startswith("1 to 3 days of history: ") and older.startswith("9 days and more: ")
    assert 0 < int(older.split(" of ")[1].split()[0]) <= 30
