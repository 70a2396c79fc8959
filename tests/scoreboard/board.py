"""Where the cases are, how each is judged, and the table that is checked in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from streams import cases, score
from tests.scoreboard.simulated import SIMULATED, write

ROOT = Path(__file__).parents[2]
CHECKED_IN = ROOT / "tests" / "scoreboard.md"
SHIPPED = ROOT / "tests" / "data"
#: More recordings, which are not ours to ship; used when they are there.
SHARED = ROOT.parent / "shared" / "data"
OURS = "ebbtide"
#: How far off a label may be, in seconds, by the start of the case's name; hurricanes are known to the hour at best.
SLACKS = {"hurricane-laura": 7_200.0, "venezuela": 21_600.0, "zhytomyr": 3_600.0}
LOWER_IS_BETTER = score.COLUMNS[4:]


def recordings() -> list[Path]:
    """Return the folders of real recordings: the shipped, and the shared that are there."""
    folders = {case.name: case for place in (SHARED, SHIPPED) if place.is_dir() for case in cases.find(place)}
    return [folders[name] for name in sorted(folders)]


def simulated(folder: Path) -> Iterator[Path]:
    """Write the simulated cases, one after the other."""
    return (write(case, folder) for case in SIMULATED.values())


def slack_of(name: str) -> float:
    """Return how far off the labels of a case may be, in seconds."""
    return next((slack for start, slack in SLACKS.items() if name.startswith(start)), score.SLACK)


def ours(case: cases.Case) -> score.Row:
    """Run the pipeline on a case, with default settings whatever the environment says."""
    return score.judge(case, OURS, score.run(score.pipeline(case, {}), case), slack_of(case.name))


Figures = dict[str, str]


def parse(table: str) -> dict[tuple[str, str], Figures]:
    """Return the figures of a table by case and rule, each by its column."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    rows = [dict(zip(score.COLUMNS, cells, strict=True)) for cells in lines[2:]]
    return {(row["case"], row["rule"]): row for row in rows}


def worse(now: Figures, before: Figures) -> list[str]:
    """Return a line for each figure that is worse than before. With fewer hits, times and pieces say nothing."""
    if int(now["hits"]) < int(before["hits"]):
        return [f"hits: {now['hits']}, were {before['hits']}"]
    return [
        f"{column}: {now[column]}, was {before[column]}"
        for column in LOWER_IS_BETTER
        if _number(now[column]) > _number(before[column])
    ]


def _number(cell: str) -> float:
    return float("-inf") if cell == "–" else float(cell)
