"""`docs/constants.md`: names and values from the code; unit, meaning and source are written by hand in the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.constants.registry import ROOT, Constant, constants, written

PAGE = ROOT / "docs" / "constants.md"
NUMBERS = ("function", "number", "unit", "meaning", "source")
HEAD = ("constant", "value", "unit", "meaning", "source")
EFFECTS = (
    "constant",
    "falls found",
    "networks found",
    "false alarms",
    "scoreboard: hits, false, end (min)",
    "situations",
)
SOURCES = ("definition", "format", "speed", "derived", "learnt", "paper", "measured", "hand-set")
UNKNOWN = "?"


class Row(NamedTuple):
    """A line of the table; the name is without `detectors.`."""

    name: str
    value: str
    unit: str
    meaning: str
    source: str


def rows(text: str, head: Sequence[str] = HEAD) -> list[Row]:
    """Return the lines of the table of constants of a page, or of that of numbers in formulas."""
    return [Row(cells[0].strip("`"), *cells[1:]) for cells in _cells(text, head)]


def write(effects: Iterable[Sequence[str]] | None = None) -> None:
    """Write the table anew: names and values as they are; a new constant asks for its unit and its source.

    A number in a formula that is gone goes. `effects`: new lines of the table of what changes with a constant.
    """
    text = PAGE.read_text(encoding="utf-8")
    text = replaced(text, HEAD, updated(rows(text), constants()))
    left = [row for row in rows(text, NUMBERS) if written(row.name, row.value)]
    text = replaced(text, NUMBERS, [(f"`{row.name}`", *row[1:]) for row in left])
    PAGE.write_text(text if effects is None else replaced(text, EFFECTS, effects), encoding="utf-8")


def updated(before: Sequence[Row], now: Iterable[Constant]) -> list[tuple[str, ...]]:
    """Return the cells of all lines, with what is written about those that were there."""
    written = {row.name: row for row in before}
    fresh = Row("", "", UNKNOWN, "", UNKNOWN)
    found: list[tuple[str, ...]] = []
    for name, value, comment in now:
        row = written.get(name, fresh)
        found.append((f"`{name}`", value, row.unit, row.meaning or comment or UNKNOWN, row.source))
    return found


def replaced(text: str, head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a page with other lines in the table of this head."""
    first = line(head)
    before, _, after = text.partition(first)
    rest = after.lstrip("\n").splitlines(keepends=True)
    end = next((at for at, line in enumerate(rest) if line[:1] != "|"), len(rest))
    return "".join([before, first, "\n", rest[0], *(line(cells) + "\n" for cells in lines), *rest[end:]])


def line(cells: Sequence[str]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"


def _cells(text: str, head: Sequence[str]) -> list[list[str]]:
    _, _, after = text.partition(line(head) + "\n")
    lines = after.splitlines()[1:]
    end = next((at for at, line in enumerate(lines) if line[:1] != "|"), len(lines))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:end]]
