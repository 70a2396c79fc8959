"""The table of constants agrees with the code, and a scaled constant is scaled wherever it is used."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.constants import page
from tests.constants.registry import ROOT, Constant, constants, written
from tests.constants.scaled import scaled


def test_the_page_lists_every_constant_with_its_value() -> None:
    """`python -m tests.constants` writes names and values anew; unit and source are then to be filled in."""
    written = {row.name: row.value for row in page.rows(page.PAGE.read_text(encoding="utf-8"))}
    assert written == {constant.name: constant.value for constant in constants()}


def test_every_constant_has_a_unit_a_meaning_and_a_source() -> None:
    """No cell is left open, and a source begins with a word that the page explains."""
    text = page.PAGE.read_text(encoding="utf-8")
    for row in page.rows(text) + page.rows(text, page.NUMBERS):
        assert page.UNKNOWN not in row, row
        assert row.unit and row.meaning, row
        assert row.source.startswith(page.SOURCES), row


def test_the_numbers_in_formulas_are_still_there() -> None:
    """A line names a function and a number that is written out in it."""
    rows = page.rows(page.PAGE.read_text(encoding="utf-8"), page.NUMBERS)
    assert rows and [row for row in rows if not written(row.name, row.value)] == []
    assert not written("outages.decide._drop", "401")


def test_a_page_keeps_what_is_written_and_asks_for_what_is_new() -> None:
    """A changed value is taken over, a constant that is gone goes."""
    before = [page.Row("a.ONE", "1", "bins", "words", "hand-set"), page.Row("a.GONE", "2", "s", "words", "paper")]
    now = [Constant("a.ONE", "3", ""), Constant("a.NEW", "4", "what it is")]
    text = page.replaced(
        f"top\n\n{page.line(page.HEAD)}\n|---|\n| old |\n\nend\n", page.HEAD, page.updated(before, now)
    )
    assert page.rows(text) == [
        page.Row("a.ONE", "3", "bins", "words", "hand-set"),
        page.Row("a.NEW", "4", "?", "what it is", "?"),
    ]
    assert text.startswith("top\n\n") and text.endswith("|\n\nend\n")


@pytest.mark.parametrize(
    ("value", "half", "double"),
    [(3, 2, 6), (1, 1, 2), (0.25, 0.125, 0.5), (0.95, 0.975, 0.9), ((0.2, 4.0), (0.1, 2.0), (0.4, 8.0))],
)
def test_scaled_values_keep_their_type(value: float, half: float, double: float) -> None:
    """Whole numbers stay whole and above 0; of a share above one half it is what is missing to one that is scaled."""
    assert scaled(value, 0.5) == pytest.approx(half)
    assert scaled(value, 2.0) == pytest.approx(double)
    assert isinstance(scaled(np.float32(2), 2.0), np.float32)


def test_a_scaled_constant_is_scaled_where_it_is_imported_and_derived_from() -> None:
    """`RHOS` has a type and is used in another module at import; the count of members is a default there."""
    show = "from detectors.outages import cusum, level_kinds; print(cusum.RHOS[3], level_kinds.Gauge.neutral[3])"
    assert _printed("outages.evidence.RHOS", 0.5, show) == pytest.approx([0.15, 0.575])


def test_a_number_in_a_function_is_scaled_there() -> None:
    """A drop is weighed by the precision of a bin over 400."""
    show = "from detectors.outages.decide import _drop; print(_drop(0.5, 3, 400.0), _drop(0.5, 3, 100.0))"
    assert _printed("outages.decide._drop:400", 0.5, show) == pytest.approx([0.5, 0.525])


def _printed(name: str, factor: float, show: str) -> list[float]:
    code = f"from tests.constants.scaled import scale; scale({name!r}, {factor}); {show}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return [float(number) for number in done.stdout.split()]
