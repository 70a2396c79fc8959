"""The benchmark's table."""

from __future__ import annotations

from collections.abc import Mapping

from rich.box import MARKDOWN
from rich.table import Table

from tests.benchmarks.reading import Result

TEXTBOOK = "textbook Faust agent with a table"


def table(results: Mapping[str, Result]) -> Table:
    """Return a row for each contestant; the last column is CPU time against the textbook agent."""
    found = Table(box=MARKDOWN)
    found.add_column("", no_wrap=True)
    for heading in ("measured", "per CPU second", "per second", "peak MB", "× textbook"):
        found.add_column(heading, justify="right", no_wrap=True)
    base = results[TEXTBOOK].per_cpu_second
    for name, result in results.items():
        numbers = (result.measurements, result.per_cpu_second, result.per_second, result.peak_mb)
        found.add_row(name, *(f"{number:,.0f}" for number in numbers), f"{result.per_cpu_second / base:.1f}")
    return found
