"""The scoreboard that is checked in stays true: a change that makes a figure of ours worse fails here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from streams.evaluation import cases, score
from tests.scoreboard import board
from tests.scoreboard.simulated import SIMULATED, Simulated, write

TABLE = board.parse(board.CHECKED_IN.read_text(encoding="utf-8"))


def _recording(_: Path, folder: Path) -> Path:
    return folder


def _simulation(scratch: Path, case: Simulated) -> Path:
    return write(case, scratch)


CASES: dict[str, Callable[[Path], Path]] = {
    **{
        folder.name: partial(_recording, folder=folder)
        for folder in board.recordings()
        if (folder.name, board.OURS) in TABLE
    },
    **{name: partial(_simulation, case=case) for name, case in SIMULATED.items()},
}


def test_the_table_is_whole() -> None:
    """What anybody can run again is in the table: the shipped recording and all that is simulated."""
    ours = {case for case, rule in TABLE if rule == board.OURS}
    assert ours >= {case.name for case in cases.find(board.SHIPPED)} | set(SIMULATED)


@pytest.mark.parametrize("name", CASES)
def test_no_figure_is_worse(name: str, tmp_path: Path) -> None:
    """Run the pipeline on a case; `make scoreboard` writes the table anew when figures have become better."""
    row = board.ours(cases.read(CASES[name](tmp_path)))
    now = board.parse(score.table([row]))[name, board.OURS]
    assert board.worse(now, TABLE[name, board.OURS]) == []


def test_ours_raises_fewer_false_alarms_than_any_rule() -> None:
    """On each case in the table, no rule has fewer false alarms with as many hits."""
    for (case, rule), figures in TABLE.items():
        own = TABLE[case, board.OURS]
        if rule != board.OURS and int(figures["hits"]) >= int(own["hits"]):
            assert int(own["false alarms"]) <= int(figures["false alarms"]), (case, rule)


@pytest.mark.parametrize(
    ("column", "figure"),
    [
        ("hits", "1"),
        ("alarms per hit", "1.10"),
        ("false alarms", "1"),
        ("false per 100 entity-days", "0.01"),
        ("delay (s)", "601"),
        ("start error (s)", "1"),
        ("end error (s)", "inf"),
    ],
)
def test_what_is_worse(column: str, figure: str) -> None:
    """Each figure that becomes worse is told, by itself; the same figures and better ones are not."""
    own = TABLE["sim-curfew", board.OURS] | {"hits": "2", "alarms per hit": "1.00", "false alarms": "0"}
    own |= {"false per 100 entity-days": "0.00", "delay (s)": "600", "start error (s)": "0", "end error (s)": "60"}
    lines = board.worse(own | {column: figure}, own)
    assert len(lines) == 1
    assert lines[0].startswith(column)
    assert board.worse(own, own) == board.worse(own | {"delay (s)": "–"}, own) == []
