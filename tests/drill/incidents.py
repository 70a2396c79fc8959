"""The incidents that the drill's input ends in, when nothing happens to those who make them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from schemas.incident import encode
from streams.findings import SHARD, finding_of
from streams.grouping import Grouping, expected_of
from streams.intake import Tally, take
from streams.metadata import Register
from streams.settings_file import load
from streams.shard import Shard
from tests.drill.verdict import Key, key_of

BATCH = 4000
LATER = 4e9  # a time of receipt after which no measurement lies


def incidents(feeds: Path, parts: Sequence[Path]) -> dict[Key, bytes]:
    """Return the revisions of incidents that come of what a shard finds in each of these files, by id and number."""
    settings = load(feeds, {})
    grouping = Grouping(settings, Register(), expected_of(settings, len(parts)))
    for number, part in enumerate(parts):
        shard, tally, lines = Shard(settings), Tally(), part.read_bytes().splitlines()
        shard.tell_levels()
        for at in range(0, len(lines), BATCH):
            some = lines[at : at + BATCH]
            for closed in take(shard, tally, some, range(at, at + len(some)), LATER).closed:
                grouping.hear(finding_of(SHARD.format(number), closed))
    return {key_of(value): value for value in map(encode, grouping.settle())}
