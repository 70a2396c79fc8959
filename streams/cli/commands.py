"""What each command does, once its arguments are known."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from schemas.outage import RUNNING, encode
from streams.broker import topics
from streams.cli.demo import Demo, run_demo
from streams.cli.explain_worker import explain_worker
from streams.cli.replay import Pace, replay
from streams.cli.tables import HEADER, line, summary
from streams.cli.worker_client import known_outages
from streams.config.errors import UsageError
from streams.config.loader import DEFAULT_SETTINGS, load, load_or_default
from streams.config.metadata import Register
from streams.config.reference import reference
from streams.config.reference_data import known_of
from streams.config.settings import Settings
from streams.evaluation import cases
from streams.evaluation import score as scoring
from streams.evaluation.detect import detect, incident_lines, outage_lines
from streams.evaluation.explain import Question, explain, report
from streams.evaluation.plot import demand_matplotlib, write_svg
from streams.evaluation.score_incidents import as_json, score_incidents
from streams.evaluation.simulate.situations import SCENARIOS
from streams.evaluation.simulate.writer import write
from streams.pipeline.process import Tally
from streams.pipeline.shard import Shard
from streams.worker.run import run_worker
from streams.worker.web.access import token_of

RECORDING = Path("atlas-2016-06-16")


def demo(arguments: Namespace) -> None:
    """Run the demo on the shipped recording, on another with its own settings, or on a simulated situation."""
    if arguments.scenario and (arguments.file or arguments.settings):
        raise UsageError("demo --scenario has a file and settings of its own")
    with TemporaryDirectory(prefix="ebbtide-") as scratch:
        folder = _recording()
        if arguments.scenario:
            folder = Path(scratch)
            write(SCENARIOS[arguments.scenario], 1, folder)
        file = arguments.settings or (DEFAULT_SETTINGS if arguments.file else folder / cases.FEEDS)
        recording = arguments.file or str(folder / cases.MEASUREMENTS)
        run_demo(Demo(load(file, os.environ), file, recording, arguments.broker, arguments.keep), Console())


def worker(arguments: Namespace) -> None:
    """Run a worker."""
    run_worker(settings_of(arguments), arguments.log_level.upper())


def replay_files(arguments: Namespace) -> None:
    """Send files to Kafka."""
    kafka = settings_of(arguments).kafka
    topics.check(kafka)
    with spinner() as progress:
        task = progress.add_task("measurements sent", total=None)
        for replayed in replay(kafka, arguments.files, Pace(arguments.speed, time.time, time.sleep)):
            progress.update(task, completed=replayed.sent)
    _say(summary({"messages sent": replayed.sent}))


def simulate(arguments: Namespace) -> None:
    """Write a scenario's measurements and truth to a folder and, if told so, send the measurements to Kafka."""
    if arguments.list:
        sys.stdout.writelines(f"{one.name:23} {one.text}\n" for one in SCENARIOS.values())
        return
    if arguments.scenario is None or (arguments.speed and not arguments.kafka):
        raise UsageError("simulate needs SCENARIO, or --list; --speed needs --kafka")
    folder = arguments.output or Path(arguments.scenario)
    _say(summary({f"measurements in {folder}": write(SCENARIOS[arguments.scenario], arguments.seed, folder)}))
    if arguments.kafka:
        replay_files(Namespace(**vars(arguments), files=[str(folder / cases.MEASUREMENTS)]))


def detect_files(arguments: Namespace) -> None:
    """Write every revision of every outage, or incident, as a JSON object a line; a summary on standard error."""
    settings = settings_of(arguments)
    if not settings.feeds:
        raise UsageError("the settings name no feeds: give --settings FILE.toml")
    known = known_of(settings)
    if arguments.metadata:
        known = replace(known, register=Register(arguments.metadata))
    shard, tally, revisions = Shard(settings, known=known), Tally(), 0
    with spinner() as progress:
        task = progress.add_task("measurements", total=None)
        found = detect(shard, tally, arguments.files, time.time)
        for lines in incident_lines(shard, found) if arguments.incidents else map(outage_lines, found):
            sys.stdout.buffer.writelines(lines)
            revisions += len(lines)
            progress.update(task, completed=tally.received)
    sys.stdout.flush()
    _say(_detect_summary(shard, tally, revisions))


def _detect_summary(shard: Shard, tally: Tally, revisions: int) -> str:
    counts = shard.counts.values()
    return summary(
        {
            "measurements in": tally.received,
            "binned": sum(count.binned for count in counts),
            "late": sum(count.late for count in counts),
            "held": shard.held(),
            **{f"dead ({reason})": number for reason, number in sorted(tally.dead.items())},
            "outages": sum(count.outages for count in counts),
            "revisions": revisions,
        }
    )


def outages(arguments: Namespace) -> None:
    """Print the outages that a running worker knows of: those that are going on, or all."""
    web = settings_of(arguments).web
    known = known_outages(arguments.worker or f"http://{web.bind}:{web.port}", token_of(web))
    shown = [outage for outage in known if arguments.all or outage.state in RUNNING]
    if arguments.json:
        sys.stdout.buffer.writelines(encode(outage) + b"\n" for outage in shown)
        return
    sys.stdout.writelines(text + "\n" for text in [HEADER, *map(line, shown)])


def score(arguments: Namespace) -> None:
    """Print how outages match the labels of a case, or incidents its truth, or how the pipeline does on each case."""
    if arguments.incidents and arguments.cases is None and arguments.events is not None:
        figures = score_incidents(arguments.case, arguments.events, arguments.slack)
        sys.stdout.buffer.write(as_json(arguments.case, figures) + b"\n")
    elif arguments.incidents:
        raise UsageError("score --incidents needs CASE and EVENTS")
    elif arguments.cases is not None and arguments.case is None:
        sys.stdout.write(scoring.table(list(_run_cases(arguments))))
    elif arguments.cases is None and arguments.events is not None:
        alarms = scoring.read_events(arguments.events)
        row = scoring.judge(cases.read(arguments.case), "events", alarms, arguments.slack)
        sys.stdout.buffer.write(scoring.as_json(row) + b"\n")
    else:
        raise UsageError("score needs CASE and EVENTS, or --cases FOLDER")


def _run_cases(arguments: Namespace) -> Iterator[scoring.Row]:
    with spinner() as progress:
        task = progress.add_task("cases", total=None)
        for case in map(cases.read, cases.find(arguments.cases)):
            shard = scoring.pipeline(case, os.environ, arguments.settings)
            yield scoring.judge(case, "ebbtide", scoring.run(shard, case), arguments.slack)
            progress.update(task, advance=1)


def explain_(arguments: Namespace) -> None:
    """Say what fired or what kept it from firing: bin by bin on files, or what a running worker knows."""
    question = Question(arguments.entity, arguments.feed, arguments.at, arguments.bins)
    if arguments.worker and not (arguments.files or arguments.plot):
        answer = explain_worker(arguments.worker, question, token_of(settings_of(arguments).web))
        sys.stdout.writelines(text + "\n" for text in answer)
    elif arguments.files and not arguments.worker:
        _explain_files(arguments, question)
    else:
        raise UsageError("explain needs FILE…, or --worker URL without files and without --plot")


def _explain_files(arguments: Namespace, question: Question) -> None:
    if arguments.plot:
        demand_matplotlib()
    counts: dict[str, int] = {}
    with spinner() as progress:
        task = progress.add_task("measurements", total=None)

        def tick(tally: Tally) -> None:
            counts.update({"measurements in": tally.received, "dead": tally.dead.total()})
            progress.update(task, completed=tally.received)

        views = explain(settings_of(arguments), question, arguments.files, time.time, tick)
    sys.stdout.writelines(text + "\n" for text in report(views, question))
    if arguments.plot:
        write_svg(arguments.plot, views, question.entity)
    _say(summary(counts))


def topics_(arguments: Namespace) -> None:
    """Create or check the topics."""
    kafka = settings_of(arguments).kafka
    made = [] if arguments.check else topics.create(kafka)
    topics.demand(kafka, topics.all_of(kafka))
    partitions = topics.check(kafka)
    sys.stdout.writelines(f"created {name}\n" for name in made)
    sys.stdout.write(f"all topics are there, {partitions} partitions of {kafka.measurements}\n")


def settings(arguments: Namespace) -> None:
    """Say that the settings are right, and which feeds they name; or print the reference of all settings."""
    if arguments.what == "reference":
        sys.stdout.write(reference())
        return
    feeds = settings_of(arguments).feeds
    count = f"{len(feeds)} feed{'' if len(feeds) == 1 else 's'}"
    sys.stdout.write(f"settings are right: {count}{': ' if feeds else ''}{', '.join(feeds)}\n")


def settings_of(arguments: Namespace) -> Settings:
    """Return the settings that a command was given, or those of the default file."""
    return load_or_default(arguments.settings, os.environ)


def _recording() -> Path:
    """Return the folder of the shipped recording: beside this module when installed, else in the checkout."""
    here = Path(__file__).parents[1]
    installed = here / "recording" / RECORDING
    return installed if installed.exists() else here.parent / "tests" / "data" / RECORDING


def spinner() -> Progress:
    """Return a line on standard error that counts, while somebody looks at it."""
    console = Console(stderr=True)
    parts = (SpinnerColumn(), TextColumn("{task.completed:,.0f} {task.description}"), TimeElapsedColumn())
    return Progress(*parts, console=console, transient=True, disable=not console.is_terminal)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
