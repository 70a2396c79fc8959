"""`make scoreboard`: run all cases, ours and the rules used elsewhere, and write the table."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from streams.evaluation import cases, score
from tests.scoreboard import board, incidents
from tests.scoreboard.rules import RULES, alarms
from tests.scoreboard.tap import Tap


def rows(folder: Path) -> Iterator[score.CaseScore]:
    """Run a case once, and each rule on the bins that it closed."""
    case, slack = cases.read(folder), board.slack_of(folder.name)
    shard = score.pipeline(case, {})
    tap = Tap(shard)
    yield score.judge(case, board.OURS, score.run(shard, case), slack)
    for name, rule in RULES.items():
        yield score.judge(case, name, alarms(rule, tap.series()), slack)


def main(folders: list[Path]) -> None:
    """Print the table of the cases in these folders; without any, of all that are known, and write it down."""
    with tempfile.TemporaryDirectory() as scratch:
        every = [case for folder in folders for case in cases.find(folder)]
        every = every or [*board.recordings(), *board.simulated(Path(scratch))]
        table = score.table([row for folder in every for row in rows(folder)])
    sys.stdout.write(table)
    if not folders:
        kept = board.absent(table) if board.CHECKED_IN.exists() else ""
        board.CHECKED_IN.write_text(f"{board.PREFACE}\n{table}{kept}\n{incidents.section()}")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
