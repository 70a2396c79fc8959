"""Tables of what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import MARKDOWN
from rich.table import Table

from tests.calibration.alarms import Alarms, total
from tests.calibration.falls import Power, middle
from tests.calibration.promises import Promise

COUNTED = ("series", "days", "budget", "alarms", "of series", "first 8 d", "allowed", "share", "95 %", "", "suspected")


def heads(first: Sequence[str], *rest: str) -> Table:
    """Return an empty table: names on the left, numbers on the right."""
    table = Table(box=MARKDOWN)
    for name in first:
        table.add_column(name, no_wrap=True)
    for name in rest:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def alarms(found: Iterable[Alarms]) -> Table:
    """Return a row for each piece; the share is of the alarms that the budget allows."""
    table = heads(("law", "kind", "bin"), *COUNTED)
    for row in found:
        table.add_row(row.law, row.kind, width(row.width), *_counted(row))
    return table


def grid(found: Sequence[Alarms]) -> Table:
    """Return a row for each budget, law and kind, a column for each width: alarms of those allowed, and the verdict."""
    widths = sorted({row.width for row in found})
    table = heads(("budget", "law", "kind"), *(width(each) for each in widths))
    for key in sorted({row.budget for row in found}):
        part = [row for row in found if row.budget == key]
        for law, kind in dict.fromkeys((row.law, row.kind) for row in part):
            cells = ([row for row in part if row[:3] == (law, kind, each)] for each in widths)
            table.add_row(f"{key:g}", law, kind, *map(_verdict, cells))
    return table


def _verdict(rows: Sequence[Alarms]) -> str:
    if not rows:
        return ""
    row = total(rows, rows[0].law)
    mark = "" if row.verdict == "within" else f" {row.verdict}"
    return f"{row.found} of {row.allowed:.2g}{mark}"


def totals(found: Sequence[Alarms]) -> Table:
    """Return a row for each law and budget, over all kinds, widths and lots; series in months of 30 days."""
    table = heads(("law",), *COUNTED)
    for budget in sorted({row.budget for row in found}):
        part = [row for row in found if row.budget == budget]
        for law in dict.fromkeys(row.law for row in part):
            table.add_row(law, *_counted(total([row for row in part if row.law == law], law)))
    return table


def _counted(row: Alarms) -> tuple[str, ...]:
    low, high = row.bounds
    return (
        f"{row.series:,}",
        str(row.days),
        f"{row.budget:g}",
        str(row.found),
        str(row.rows),
        str(row.early),
        f"{row.allowed:.3g}",
        f"{row.share:.2f}",
        f"{low:.2f}–{high:.2f}",
        row.verdict,
        str(row.suspected),
    )


def power(found: Sequence[Power], size: str) -> Table:
    """Return a row for each size, a column for each depth: the share found within what was watched, median bins."""
    depths = sorted({row.depth for row in found})
    table = heads((), size, *(f"{depth:.0%}" for depth in depths))
    for each in sorted({row.size for row in found}):
        cells = {row.depth: row for row in found if row.size == each}
        table.add_row(f"{each:,g}", *(cell(cells[depth]) for depth in depths))
    return table


def cell(row: Power) -> str:
    """Return probability and median delay in bins, a dash when half were never found."""
    return f"{row.within(10**9):.2f} / {bins(row.median)}"


def promises(kept: Iterable[Promise]) -> Table:
    """Return a row for each promise."""
    names = ("promised bins", "reported in time", "median bins", "open in time", "median bins", "")
    table = heads(("fall",), *names)
    for row in kept:
        reported, found = (f"{share:.3f}" for share in (row.reported, row.found))
        announced, opened = bins(middle(row.power.announced)), bins(row.power.median)
        table.add_row(row.words, str(row.within), reported, announced, found, opened, "met" if row.met else "not met")
    return table


def bins(median: float) -> str:
    """Return a number of bins, a dash when half were never found."""
    return "–" if median == float("inf") else f"{median:.0f}"


def width(seconds: int) -> str:
    """Return a bin's width in words."""
    if seconds % 86_400 == 0:
        return f"{seconds // 86_400} d"
    return f"{seconds // 3_600} h" if seconds % 3_600 == 0 else f"{seconds // 60} min"
