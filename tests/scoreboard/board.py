"""Where the cases are, how each is judged, and the table that is checked in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from streams.evaluation import cases, score
from tests.scoreboard import incidents
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
PREFACE = """\
# Scoreboard

Written by `make scoreboard`; a test fails when a figure of ours becomes worse. One setting for all: the default. All
rules judge the bins that our own pipeline closes, in the same run:

- **ebbtide**: `ebbtide detect`.
- **fixed fraction**: value below a fixed fraction of the trailing median (BGP 0.99 of 24 h, active probing 0.80 of 7 d,
  telescope 0.25 of 7 d, else 0.80 of 7 d).
- **hour-of-week MAD**: value below the median of the same hour of the week by 3 × 1.4826 × its median absolute
  deviation, once that hour has three values.
- **river quantile**: [river](https://riverml.xyz)'s `QuantileFilter` (0.995) over `GaussianScorer`, where the value is
  below the scorer's mean.

For the other rules a run of flagged bins is one alarm, members of a `presence` feed count as up until they are first
heard of, and its networks of fewer than five members are left out.

A *hit* is a label that an alarm of its entity overlaps, a little slack on either side (900 s; Laura 7,200 s, Venezuela
21,600 s, Zhytomyr 3,600 s). *Alarms per hit* are per feed; 1.00 is best. *False alarms* overlap no label of their
entity; some recordings hold real falls that nobody labelled. *Delay*, *start error* and *end error* are medians in
seconds over hits whose edges are published; `inf` is an alarm that never ended. `sim-` cases are simulated and their
truth is known; the others are recordings, of which only one is shipped.
"""


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


def ours(case: cases.Case) -> score.CaseScore:
    """Run the pipeline on a case, with default settings whatever the environment says."""
    return score.judge(case, OURS, score.run(score.pipeline(case, {}), case), slack_of(case.name))


Figures = dict[str, str]


def parse(table: str) -> dict[tuple[str, str], Figures]:
    """Return the figures of a table by case and rule, each by its column."""
    page = table.partition(incidents.HEADING)[0]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"]
    rows = [dict(zip(score.COLUMNS, cells, strict=True)) for cells in lines[2:]]
    return {(row["case"], row["rule"]): row for row in rows}


def absent(table: str) -> str:
    """Return the checked-in lines of recordings that are not here and so not in the table."""
    here = {case for case, _ in parse(table)}
    lines = CHECKED_IN.read_text().partition(incidents.HEADING)[0].splitlines(keepends=True)
    rows = [line for line in lines if line[:1] == "|"][2:]
    return "".join(line for line in rows if line.strip("|").split("|")[0].strip() not in here)


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
