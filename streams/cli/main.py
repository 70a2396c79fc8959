"""The command line: `ebbtide COMMAND`. Exit codes: 0 done, 1 failed, 2 wrong use."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from schemas.measurement import entity_named
from schemas.times import time_named
from streams.cli import alerts as alerts
from streams.cli import calendar, commands, incidents
from streams.cli import state as state
from streams.config.errors import EbbtideError
from streams.evaluation.score import SLACK
from streams.evaluation.simulate.situations import SCENARIOS

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; what goes wrong is one line on standard error."""
    arguments = parser().parse_args(argv)
    try:
        arguments.command(arguments)
    except EbbtideError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has left; without this the interpreter complains once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _fail(text: str, code: int) -> int:
    sys.stderr.write(f"ebbtide: {text}\n")
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    whole = argparse.ArgumentParser(prog="ebbtide", description="Says which networks have gone dark, and since when.")
    whole.add_argument("--version", action="version", version=f"ebbtide {version('ebbtide')}")
    kinds = whole.add_subparsers(required=True, metavar="COMMAND")
    for name, (run, text, add) in _COMMANDS.items():
        one = kinds.add_parser(name, help=text, description=text)
        one.set_defaults(command=run)
        one.add_argument("--settings", type=Path, metavar="FILE", help="settings file (default: ./ebbtide.toml)")
        add(one)
    return whole


def _files(one: argparse.ArgumentParser) -> argparse.Action:
    return one.add_argument("files", nargs="+", metavar="FILE", help="JSON lines, plain or gzip; - is standard input")


def _detect(one: argparse.ArgumentParser) -> None:
    _files(one)
    one.add_argument("--incidents", action="store_true", help="revisions of incidents in place of those of outages")
    text = "names, countries, operators and weights (default: metadata.file of the settings)"
    one.add_argument("--metadata", "--names", type=Path, metavar="FILE.csv", help=text)


def _demo(one: argparse.ArgumentParser) -> None:
    one.add_argument("--file", metavar="FILE", help="another recording, with --settings for its feeds")
    one.add_argument("--scenario", choices=tuple(SCENARIOS), metavar="NAME", help="a situation; see simulate --list")
    one.add_argument("--broker", metavar="HOST:PORT", help="a real Kafka in place of the embedded broker")
    one.add_argument("--keep", action="store_true", help="stay up when the recording is over")


def _worker(one: argparse.ArgumentParser) -> None:
    levels = ("debug", "info", "warning", "error")
    one.add_argument("--log-level", choices=levels, default="warning", help="what is logged (default: warning)")


def _replay(one: argparse.ArgumentParser) -> None:
    _files(one)
    one.add_argument("--speed", type=_speed, metavar="N", help="N times the recorded time (default: full speed)")


def _outages(one: argparse.ArgumentParser) -> None:
    one.add_argument("--worker", metavar="URL", help="the worker's web server (default: as in the settings)")
    one.add_argument("--all", action="store_true", help="those that have ended lately too")
    one.add_argument("--json", action="store_true", help="one JSON object a line")


def _score(one: argparse.ArgumentParser) -> None:
    one.add_argument("case", nargs="?", type=Path, metavar="CASE", help="folder of a recording and its labels.csv")
    one.add_argument("events", nargs="?", metavar="EVENTS", help="outages as JSON lines; - is standard input")
    one.add_argument("--cases", type=Path, metavar="FOLDER", help="run the pipeline on each case in this folder")
    one.add_argument("--incidents", action="store_true", help="EVENTS are incidents; compare with the case's truth")
    one.add_argument("--slack", type=_slack, default=SLACK, metavar="S", help="seconds around a label (default: 900)")


def _simulate(one: argparse.ArgumentParser) -> None:
    one.add_argument("scenario", nargs="?", choices=tuple(SCENARIOS), metavar="SCENARIO", help="its name; see --list")
    one.add_argument("--list", action="store_true", help="name the scenarios and say what happens in each")
    one.add_argument("--seed", type=_natural, default=1, metavar="N", help="another draw of the same (default: 1)")
    one.add_argument("--output", type=Path, metavar="DIR", help="folder to write (default: the scenario's name)")
    one.add_argument("--kafka", action="store_true", help="send the measurements to Kafka, too")
    one.add_argument("--speed", type=_speed, metavar="N", help="to Kafka: N times its time (default: full speed)")


def _explain(one: argparse.ArgumentParser) -> None:
    one.add_argument("entity", type=entity_named, metavar="ENTITY", help="such as asn/43754 (or AS43754) or country/IR")
    _files(one).required = False  # a worker is asked without files
    one.add_argument("--feed", help="this feed only (default: all that measure the entity)")
    one.add_argument("--at", type=_time, metavar="TIME", help="time in UTC (default: the newest outage, else the end)")
    one.add_argument("--bins", type=_natural, default=12, metavar="N", help="bins before and after (default: 12)")
    one.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw the bins as well (needs matplotlib)")
    one.add_argument("--worker", metavar="URL", help="what the worker there knows, such as http://127.0.0.1:6066")


def _topics(one: argparse.ArgumentParser) -> None:
    one.add_argument("--check", action="store_true", help="create nothing, fail when one is missing")


def _settings(one: argparse.ArgumentParser) -> None:
    one.add_argument("what", choices=("check", "reference"), help="say whether they are right; print what there is")


def _state(one: argparse.ArgumentParser) -> None:
    one.add_argument("what", choices=("export", "import", "reset"), help="to a file, from a file, or away")
    one.add_argument("file", nargs="?", type=Path, metavar="FILE", help="of export and import")
    one.add_argument("--force", action="store_true", help="import: replace the state that is there")
    one.add_argument("--yes", action="store_true", help="reset: delete all that the group has learnt")


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed < float("inf"):
        raise ValueError(text)
    return speed


def _slack(text: str) -> float:
    slack = float(text)
    if not 0 <= slack < float("inf"):
        raise ValueError(text)
    return slack


def _natural(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _time(text: str) -> float:
    try:
        return time_named(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


_COMMANDS = {
    "demo": (commands.demo, "Run a broker, a worker and a recorded day, and print the outages in it.", _demo),
    "worker": (commands.worker, "Read measurements from Kafka and send outages, until told to stop.", _worker),
    "alerts": (alerts.alerts, "Tell people and programs of incidents, until told to stop.", alerts.add_arguments),
    "replay": (commands.replay_files, "Send files of measurements to Kafka.", _replay),
    "detect": (commands.detect_files, "Run the pipeline on files, without Kafka; outages as JSON lines.", _detect),
    "outages": (commands.outages, "Print what is going on now, as a running worker says.", _outages),
    "incidents": (
        incidents.incidents,
        "Print the incidents that are going on, as a running worker says.",
        _outages,
    ),
    "score": (commands.score, "Compare outages with what is known of a recording.", _score),
    "simulate": (commands.simulate, "Write measurements of a situation, and what must come out of them.", _simulate),
    "explain": (commands.explain_, "Say bin by bin why an entity was told to be down, or was not.", _explain),
    "topics": (commands.topics_, "Create the topics that are missing, or check them.", _topics),
    "state": (state.state, "Export, import or reset what a group of workers has learnt.", _state),
    "calendar": (
        calendar.calendar,
        "What is expected: add, list, remove or import.",
        calendar.arguments,
    ),
    "settings": (commands.settings, "Check the settings.", _settings),
}
