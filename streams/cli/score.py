"""`ebbtide score`: how well outages or incidents match the labels of a recording."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from streams.cli.bad_input import BadInput
from streams.cli.common import counter, not_negative, print_rows
from streams.config.errors import UsageError
from streams.evaluation import cases, score
from streams.evaluation.score_incidents import as_json, score_incidents


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("case", nargs="?", type=Path, metavar="CASE", help="folder of a recording and its labels.csv")
    parser.add_argument("events", nargs="?", metavar="EVENTS", help="outages as JSON lines; - is standard input")
    parser.add_argument("--cases", type=Path, metavar="FOLDER", help="run the pipeline on each case in this folder")
    parser.add_argument(
        "--incidents", action="store_true", help="EVENTS are incidents; compare them with the case's truth"
    )
    parser.add_argument(
        "--slack", type=not_negative, default=score.SLACK, metavar="S", help="seconds around a label (default: 900)"
    )


def run(arguments: Namespace) -> None:
    """Print the figures of outages or incidents on one case as JSON, or a table of the pipeline on each case."""
    if arguments.incidents and arguments.cases is None and arguments.events is not None:
        figures = score_incidents(arguments.case, arguments.events, arguments.slack)
        print_rows([as_json(arguments.case, figures)])
    elif arguments.incidents:
        raise UsageError("score --incidents needs CASE and EVENTS")
    elif arguments.cases is not None and arguments.case is None:
        sys.stdout.write(score.table(list(_run_cases(arguments))))
    elif arguments.cases is None and arguments.events is not None:
        alarms = score.read_events(arguments.events)
        case = cases.read(arguments.case)
        bad_recording(case).say(len(case.spans))
        print_rows([score.as_json(score.judge(case, "events", alarms, arguments.slack))])
    else:
        raise UsageError("score needs CASE and EVENTS, or --cases FOLDER")


def _run_cases(arguments: Namespace) -> Iterator[score.CaseScore]:
    with counter("cases") as show:
        for count, case in enumerate(map(cases.read, cases.find(arguments.cases)), 1):
            shard = score.pipeline(case, os.environ, arguments.settings)
            bad = bad_recording(case)
            yield score.judge(case, "ebbtide", score.run(shard, case, bad.watched), arguments.slack)
            bad.say_of(shard, "score does not sort them")
            show(count)


def bad_recording(case: cases.Case) -> BadInput:
    """Return what is wrong with the recording of a case as such, whatever the settings are."""
    return BadInput([str(case.folder / cases.MEASUREMENTS)], case.first_unusable)
