"""What commands on files say about messages that were not used: the first one with file and line, and a wrong order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from schemas.rejections import one_line
from streams.cli.common import print_note
from streams.config.errors import InputError
from streams.config.line_files import place_of
from streams.evaluation.time_order import ENOUGH
from streams.ingest.batch import Rejected
from streams.pipeline.emitted import Emitted

NOT_IN_ORDER = "{}: {:.0%} late: the files are not in order of time; {}"


class BadInput:
    """Notes the first dead letter of a run over files."""

    def __init__(self, files: Sequence[str]) -> None:
        self.files = files
        self.first: Rejected | None = None

    def watched(self, steps: Iterable[Emitted]) -> Iterator[Emitted]:
        """Yield the steps, and keep their first dead letter."""
        for emitted in steps:
            self.first = self.first or next(iter(emitted.dead_letters), None)
            yield emitted

    def say(self, late: int, usable: int) -> None:
        """Print what was wrong with the files. Raises InputError when nothing in them was usable."""
        if self.first is not None:
            place = place_of(self.files, self.first.origin.payload) or ", ".join(self.files)
            print_note(f"{place}: {self.first.reason}: {one_line(self.first.detail)}")
        if usable and late / (late + usable) >= ENOUGH:
            self.say_order(late / (late + usable), "without --as-is they are sorted")
        if not usable:
            raise InputError(f"{', '.join(self.files)}: no measurement was usable")

    def say_order(self, share: float, remedy: str) -> None:
        """Print that the files are not in order of time, and what is or can be done about it."""
        print_note(NOT_IN_ORDER.format(", ".join(self.files), share, remedy))
