"""Partials of one combination of a feed that wait until all shards have told of their bin."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.partial import AreaSumPart, decode_partial
from streams.pipeline.areas.cells import Partial
from streams.pipeline.areas.partials import partial_of


class Gathering:
    """What shards have told. Pieces of a partial come in order; a repeated one replaces itself.

    `heard`: the newest bin that each shard has told of, all of it. `empty`: the newest of which each has told that it
    has nothing. `waiting`: messages by start, shard and number of the piece. `changed`: starts of which one has come.
    """

    def __init__(self) -> None:
        self.heard: dict[int, int] = {}
        self.empty: dict[int, int] = {}
        self.waiting: dict[int, dict[int, dict[int, bytes]]] = {}
        self.changed: set[int] = set()

    def put(self, piece: AreaSumPart, message: bytes, closed: int | None) -> bool:
        """Take a message; False when its bin has `closed`, since the shard had said that it has nothing there."""
        shard, start = piece.shard, piece.start
        late = closed is not None and start <= closed
        if piece.weight is None:
            self.empty[shard] = max(start, self.empty.get(shard, start))
        elif not late:
            self.waiting.setdefault(start, {}).setdefault(shard, {})[piece.piece] = message
            self.changed.add(start)
        if piece.is_last:
            self.heard[shard] = max(start, self.heard.get(shard, start))
        return not (late and piece.entities and start <= self.empty.get(shard, -1))

    def ready(self, shards: Iterable[int]) -> list[int]:
        """Return the starts of the bins that all these shards have told of, or of later ones, oldest first."""
        until = min((self.heard.get(shard, -1) for shard in shards), default=-1)
        return [start for start in sorted(self.waiting) if start <= until]

    def pop(self, start: int) -> list[Partial]:
        """Return the partials of a bin, in order of the shards, which wait no longer."""
        self.changed.discard(start)
        shards = sorted(self.waiting.pop(start).items())
        return [partial_of([decode_partial(one) for _, one in sorted(pieces.items())]) for _, pieces in shards]
