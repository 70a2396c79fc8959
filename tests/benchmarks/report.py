"""The benchmark's table."""

from __future__ import annotations

from collections.abc import Mapping

from rich.box import MARKDOWN
from rich.table import Table

from tests.benchmarks.reading import Result

WORKER = "ebbtide worker, everything on"
TEXTBOOK = "textbook Faust agent with a table"


def table(results: Mapping[str, Result]) -> Table:
    """Return a row for each contestant; the ratios are by CPU time, to the textbook agent and of the worker to it."""
    found = Table(box=MARKDOWN)
    found.add_column("", no_wrap=True)
    for heading in ("measured", "per CPU second", "per second", "peak MB", "× textbook", "worker is ×"):
        found.add_column(heading, justify="right", no_wrap=True)
    base, ours = results[TEXTBOOK].per_cpu_second, results[WORKER].per_cpu_second
    for name, result in results.items():
        numbers = (result.measurements, result.per_cpu_second, result.per_second, result.peak_mb)
        ratios = (f"{result.per_cpu_second / base:.1f}", f"{ours / result.per_cpu_second:.2f}")
        found.add_row(name, *(f"{number:,.0f}" for number in numbers), *ratios)
    return found
