"""`ebbtide dead`: dead letters of the topic: shown, counted by reason, or sent again."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple, get_args

from schemas.decode import decode
from schemas.rejections import Reason, one_line
from streams.broker.clients import sending
from streams.broker.topic_reader import read_records
from streams.cli.common import print_lines, print_summary, settings_of
from streams.cli.replay import key_and_time, placing
from streams.config.errors import UsageError
from streams.config.settings import KafkaSettings

SHOWN = 80  # bytes of a message


class DeadLetter(NamedTuple):
    """A dead letter: its bytes and its headers."""

    payload: bytes
    headers: dict[str, str]

    @property
    def reason(self) -> str:
        """Why it was rejected."""
        return self.headers.get("reason", "unknown")

    def line(self) -> str:
        """Return a line with the reason, the place of the message, what is wrong, and its beginning."""
        place = "/".join(self.headers.get(name, "?") for name in ("topic", "partition", "offset"))
        shown = one_line(self.payload[:SHOWN].decode(errors="replace"))
        return f"{self.reason:15}  {place}  {self.headers.get('detail', '')}  {shown}"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--reason", action="append", default=[], choices=get_args(Reason), help="only of this reason")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--count", action="store_true", help="print how many there are by reason")
    either.add_argument("--send", action="store_true", help="send again what is usable now; needs --reason")


def run(arguments: Namespace) -> None:
    """Print dead letters to the present end of their topic, count them, or send them again."""
    kafka = settings_of(arguments).kafka
    if arguments.send and not arguments.reason:
        raise UsageError("dead --send needs --reason: each dead letter stays in its topic and would be sent each time")
    letters = (letter for letter in _letters(kafka) if not arguments.reason or letter.reason in arguments.reason)
    if arguments.count:
        counts = Counter(letter.reason for letter in letters)
        print_lines(f"{number:10,}  {reason}" for reason, number in sorted(counts.items()))
    elif arguments.send:
        print_summary(_sent(kafka, letters))
    else:
        print_lines(letter.line() for letter in letters)


def _letters(kafka: KafkaSettings) -> Iterator[DeadLetter]:
    with closing(read_records(kafka, [kafka.dead])) as records:
        for record in records:
            headers = {name: value.decode(errors="replace") for name, value in record.headers if value is not None}
            yield DeadLetter(record.value or b"", headers)


def _sent(kafka: KafkaSettings, letters: Iterator[DeadLetter]) -> dict[str, int]:
    """Send each letter that is a whole measurement, keyed by its entity, and return how many were and were not."""
    place, counts = placing(kafka), {"sent again": 0, "still unusable": 0}
    with sending(kafka, kafka.measurements) as send:
        for letter in letters:
            key, ts = key_and_time(decode([letter.payload]))
            usable = ts is not None and "sha256" not in letter.headers and "source" not in letter.headers
            if usable:
                send(key, letter.payload, place(key))
            counts["sent again" if usable else "still unusable"] += 1
    return counts
