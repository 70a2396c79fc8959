"""What commands on files say about messages that were not used: the first one with file and line, and a wrong order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from schemas.rejections import one_line
from streams.cli.common import print_note
from streams.config.errors import InputError
from streams.config.line_files import place_of
from streams.evaluation.time_order import ENOUGH
from streams.pipeline.emitted import Emitted
from streams.pipeline.shard import Shard

NOT_IN_ORDER = "{}: {:.0%} late: the files are not in order of time; {}"


SORTED = "without --as-is they are sorted"


class Unusable(Protocol):
    """A measurement or message that cannot be used, and why."""

    @property
    def payload(self) -> bytes:
        """Its bytes as they came."""

    @property
    def reason(self) -> str:
        """The reason of its dead letter."""

    @property
    def detail(self) -> str:
        """What is wrong with it."""


class BadInput:
    """Notes the first dead letter of a run over files, or is given it as `first`."""

    def __init__(self, files: Sequence[str], first: Unusable | None = None) -> None:
        self.files, self.first = files, first

    def watched(self, steps: Iterable[Emitted]) -> Iterator[Emitted]:
        """Yield the steps, and keep their first dead letter."""
        for emitted in steps:
            self.first = self.first or next(iter(emitted.dead_letters), None)
            yield emitted

    def say_of(self, shard: Shard, remedy: str = SORTED) -> None:
        """Print what was wrong with files that a shard has processed. Raises InputError as `say` does."""
        counts = shard.counts.values()
        late, usable = sum(count.late for count in counts), sum(count.binned for count in counts) + shard.pending()
        if late + usable and late / (late + usable) >= ENOUGH and usable:
            self.say_order(late / (late + usable), remedy)
        self.say(usable, late)

    def say(self, usable: int, others: int = 0) -> None:
        """Print the first message that was not used. Raises InputError when the files are not empty and none was.

        `others`: messages that are neither usable nor dead letters.
        """
        if self.first is not None:
            place = place_of(self.files, self.first.payload) or ", ".join(self.files)
            print_note(f"{place}: {self.first.reason}: {one_line(self.first.detail)}")
        if not usable and (others or self.first is not None):
            raise InputError(f"{', '.join(self.files)}: no measurement was usable")

    def say_order(self, share: float, remedy: str) -> None:
        """Print that the files are not in order of time, and what is or can be done about it."""
        print_note(NOT_IN_ORDER.format(", ".join(self.files), share, remedy))
