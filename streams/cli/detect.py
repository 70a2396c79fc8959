"""`ebbtide detect`: the pipeline on files of measurements, without Kafka."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from streams.cli.bad_input import BadInput
from streams.cli.common import add_files, counter, first_settings_of, print_summary
from streams.config.line_files import read_chunks
from streams.config.metadata import Register
from streams.config.reference_data import reference_data_of
from streams.config.settings import Settings
from streams.evaluation.detect import detect_chunks, incident_lines, outage_lines
from streams.evaluation.time_order import ENOUGH, late_share, sorted_chunks
from streams.pipeline.process import Tally
from streams.pipeline.shard import Shard
from streams.sources.lines import encoded, file_measurements, summary_of
from streams.sources.stage import SourceStage


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    files = add_files(parser)
    files.help = f"{files.help}; with --source, of the form that it describes"
    parser.add_argument(
        "--source", metavar="NAME", help="a source of the settings, by whose mapping the files are read"
    )
    parser.add_argument("--as-is", action="store_true", help="do not sort files that are not in order of time")
    parser.add_argument("--incidents", action="store_true", help="print revisions of incidents instead of outages")
    text = "names, countries, operators and weights (default: metadata.file of the settings)"
    parser.add_argument("--metadata", "--names", type=Path, metavar="FILE.csv", help=text)


def run(arguments: Namespace) -> None:
    """Print every revision of every outage, or incident, as a JSON object a line; a summary on standard error."""
    settings = first_settings_of(arguments, arguments.files == ["-"] and arguments.source is None)
    reference = reference_data_of(settings)
    if arguments.metadata:
        reference = replace(reference, register=Register(arguments.metadata))
    stage, messages = _messages(settings, arguments)
    shard, tally, revisions = Shard(settings, reference=reference), Tally(), 0
    bad = BadInput(arguments.files)
    with counter("measurements") as show:
        found = bad.watched(detect_chunks(shard, tally, messages, time.time))
        for lines in incident_lines(shard, found) if arguments.incidents else map(outage_lines, found):
            sys.stdout.buffer.writelines(lines)
            if lines:
                sys.stdout.flush()  # whoever writes the input may go on for days
            revisions += len(lines)
            show(tally.received)
    print_summary({**(summary_of([stage]) if stage else {}), **_counts(shard, tally, revisions)})
    bad.say_of(shard)


def _messages(settings: Settings, arguments: Namespace) -> tuple[SourceStage | None, Iterable[list[bytes]]]:
    """Return the messages of the files in lists, and the source that makes them."""
    if arguments.source is None:
        return None, in_order(arguments.files, settings, arguments.as_is)
    stage, found = file_measurements(settings, arguments.source, arguments.files)
    return stage, (encoded(due.measurements) for due in found if due.measurements)


def in_order(files: Sequence[str], settings: Settings, as_is: bool) -> Iterable[list[bytes]]:
    """Return the lines of files in lists: by event time where too much would be late, unless `as_is`."""
    share = 0.0 if as_is else late_share(files, settings)
    if share < ENOUGH:
        return read_chunks(files)
    BadInput(files).say_order(share, "they are sorted (--as-is: not)")
    return sorted_chunks(files)


def _counts(shard: Shard, tally: Tally, revisions: int) -> dict[str, int]:
    counts = shard.counts.values()
    return {
        "measurements in": tally.received,
        "binned": sum(count.binned for count in counts),
        "late": sum(count.late for count in counts),
        "held": shard.pending(),
        **{f"dead ({reason})": number for reason, number in sorted(tally.dead.items())},
        "outages": sum(count.outages for count in counts),
        "revisions": revisions,
    }
