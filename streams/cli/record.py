"""`ebbtide record`: the measurements of the topic to a file, in order of time, for `explain` and `detect`."""

from __future__ import annotations

import gzip
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from schemas.times import time_named
from streams.broker.topic_reader import read_records
from streams.cli.common import counter, print_summary, settings_of, with_reason
from streams.config.errors import InputError, UsageError
from streams.config.line_files import LINES
from streams.config.settings import KafkaSettings
from streams.evaluation.time_order import sorted_lines


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("file", type=Path, metavar="FILE", help="file to write, compressed when its name ends with .gz")
    text = "only what was received at this time or later"
    parser.add_argument("--since", type=with_reason(time_named), default=0.0, metavar="TIME", help=text)
    parser.add_argument("--force", action="store_true", help="overwrite the file")


def run(arguments: Namespace) -> None:
    """Write the messages to the present end of the topic, one a line, by event time. Raises an EbbtideError."""
    file: Path = arguments.file
    if file.exists() and not arguments.force:
        raise UsageError(f"{file} is there already: --force overwrites it")
    chunks, written = sorted_lines(_messages(settings_of(arguments).kafka, arguments.since)), 0
    try:
        with gzip.open(file, "wb") if file.suffix == ".gz" else file.open("wb") as output, counter("messages") as show:
            for lines in chunks:
                output.writelines(line + b"\n" for line in lines)
                written += len(lines)
                show(written)
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}") from None
    print_summary({f"messages in {file}": written})


def _messages(kafka: KafkaSettings, since: float) -> Iterator[list[bytes]]:
    """Yield the values of the topic in lists. Line ends in JSON are white space, so blanks stand for them."""
    records = read_records(kafka, [kafka.measurements], since)
    values = (record.value.replace(b"\n", b" ").replace(b"\r", b" ") for record in records if record.value)
    while chunk := list(islice(values, LINES)):
        yield chunk
