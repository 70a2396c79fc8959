"""The second table: how the incidents of simulated situations match what really happened in them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from detectors.evaluation.matching import Matches
from tests.scenarios.situations import run

#: The draws that are judged: as many as the tests, which run them again, have time for.
SEEDS: dict[str, tuple[int, ...]] = {
    "zhanaozen-2011": (1, 2),
    "kazakhstan-phones-2017": (1,),
    "iran-mobile-2019": (1,),
    "iran-2019": (1,),
    "xinjiang-2015": (1,),
    "xinjiang-2009": (1,),
    "azerbaijan-2015": (2,),
    "exam-nights": (2,),
    "curfew-nights": (1,),
    "broken-collector": (1,),
}
HEADING = "## Situations"
MORE = ("found", "kinds right", "overlap")  # higher is better
LESS = ("split", "merged", "false", "delay (s)", "start error (s)", "end error (s)")
COLUMNS = ("situation", "seed", "in truth", *MORE, *LESS)
PREFACE = f"""{HEADING}

What `ebbtide detect --incidents` makes of `ebbtide simulate`, judged by `ebbtide score --incidents`; times are medians.

"""

Figures = dict[str, str]


def figures(name: str, seed: int, matches: Matches) -> Figures:
    """Return a line of the table by column."""
    numbers = (matches.found, matches.kinds_right, matches.overlap, matches.split, matches.merged, matches.false)
    times = (matches.delay, matches.start_error, matches.end_error)
    cells = [*(_cell(number, ".2f") for number in numbers), *(_cell(time, ".0f") for time in times)]
    return dict(zip(COLUMNS, (name, str(seed), str(matches.truths), *cells), strict=True))


def _cell(number: float | None, form: str) -> str:
    return "–" if number is None else str(number) if isinstance(number, int) else format(number, form)


def table(lines: Iterable[Figures]) -> str:
    """Return the section of the page."""
    rows = [COLUMNS, ("---", *["--:"] * (len(COLUMNS) - 1)), *(tuple(line.values()) for line in lines)]
    return PREFACE + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def section() -> str:
    """Run all draws."""
    with tempfile.TemporaryDirectory() as scratch:
        draws = [(name, seed) for name, seeds in SEEDS.items() for seed in seeds]
        return table(figures(name, seed, run(name, seed, Path(scratch)).matches) for name, seed in draws)


def parse(page: str) -> dict[tuple[str, int], Figures]:
    """Return the figures on a page by situation and seed."""
    lines = [line for line in page.partition(HEADING)[2].splitlines() if line[:1] == "|"][2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {(row[0], int(row[1])): dict(zip(COLUMNS, row, strict=True)) for row in rows}


def worse(now: Figures, before: Figures) -> list[str]:
    """Return a line for each figure that is worse than before."""
    signs = dict.fromkeys(MORE, -1) | dict.fromkeys(LESS, 1)
    bad = [name for name, sign in signs.items() if sign * _number(now[name]) > sign * _number(before[name])]
    return [f"{name}: {now[name]}, was {before[name]}" for name in bad]


def _number(cell: str) -> float:
    return 0.0 if cell == "–" else float(cell)
