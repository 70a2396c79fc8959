"""`ebbtide explain`: why an outage was reported, or was not, from files or from a running worker."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from schemas.entities import EXAMPLES, entity_named
from schemas.times import time_named
from streams.cli.bad_input import BadInput
from streams.cli.common import (
    add_files,
    counter,
    natural,
    print_lines,
    print_rows,
    print_summary,
    settings_of,
    with_reason,
    worker_of,
)
from streams.cli.detect import in_order
from streams.cli.explain_worker import WorkerAnswer, explain_worker, found_in_worker
from streams.config.errors import UsageError
from streams.config.holidays import demand_holidays
from streams.evaluation.explain import Question, explain, report
from streams.evaluation.explain_json import json_lines
from streams.evaluation.plot import demand_matplotlib, form_of, write_plot
from streams.pipeline.emitted import Emitted
from streams.pipeline.process import Tally
from streams.pipeline.shard import Shard


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("entity", type=with_reason(entity_named), metavar="ENTITY", help=f"such as {EXAMPLES}")
    add_files(parser).nargs = "*"
    parser.add_argument("--as-is", action="store_true", help="do not sort files that are not in order of time")
    parser.add_argument("--feed", help="only this feed (default: every feed that measures the entity)")
    at = "time in UTC (default: the newest outage, else the end)"
    parser.add_argument("--at", type=with_reason(time_named), metavar="TIME", help=at)
    parser.add_argument("--bins", type=natural, default=12, metavar="N", help="bins before and after (default: 12)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the bins into FILE.svg or FILE.png")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--live", action="store_true", help="ask the worker of the settings")
    parser.add_argument("--worker", metavar="URL", help="ask the worker there, such as http://127.0.0.1:6066")


def run(arguments: Namespace) -> None:
    """Print the bins and what explains them from files, or the outages and incidents that a running worker has."""
    question = Question(arguments.entity, arguments.feed, arguments.at, arguments.bins)
    is_live = arguments.live or arguments.worker
    if is_live and not (arguments.files or arguments.plot):
        _explain_worker(arguments, question)
    elif arguments.files and not is_live:
        _explain_files(arguments, question)
    else:
        raise UsageError("explain needs FILE…, or --live or --worker URL without files and without --plot")


def _found_live(arguments: Namespace, question: Question) -> WorkerAnswer:
    settings = settings_of(arguments)
    demand_holidays(settings.holidays.countries)
    url, token = worker_of(arguments)
    return found_in_worker(url, question, token, settings)


def _explain_worker(arguments: Namespace, question: Question) -> None:
    found = _found_live(arguments, question)
    if arguments.json:
        print_rows(found.rows())
    else:
        print_lines(explain_worker(found, question))


def _explain_files(arguments: Namespace, question: Question) -> None:
    if arguments.plot:
        demand_matplotlib()
        form_of(arguments.plot)
    counts: dict[str, int] = {}
    with counter("measurements") as show:

        def tick(tally: Tally) -> None:
            counts.update({"measurements in": tally.received, "dead": tally.dead.total()})
            show(tally.received)

        settings = settings_of(arguments)
        demand_holidays(settings.holidays.countries)

        def read(files: Sequence[str]) -> Iterable[list[bytes]]:
            return in_order(files, settings, arguments.as_is)

        answer = explain(settings, question, arguments.files, time.time, tick, read, partial(_watched, arguments.files))
    if arguments.json:
        print_rows(json_lines(answer, question))
    else:
        print_lines(report(answer, question))
    if arguments.plot:
        write_plot(arguments.plot, answer.views, question.entity, form_of(arguments.plot))
    print_summary(counts)


def _watched(files: Sequence[str], shard: Shard, steps: Iterable[Emitted]) -> Iterator[Emitted]:
    """Yield the steps, then print what was wrong with the files. Raises InputError when nothing was usable."""
    bad = BadInput(files)
    yield from bad.watched(steps)
    bad.say_of(shard)
