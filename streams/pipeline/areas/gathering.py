"""Partials of one combination of a feed that wait until all shards have reported their bin."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.partial import AreaSumPart, decode_partial
from streams.pipeline.areas.cells import Partial
from streams.pipeline.areas.partials import partial_of


class Gathering:
    """Partials by shard. Pieces of a partial arrive in order; a repeated piece replaces itself.

    `reported`: by shard, the newest bin whose last piece has arrived. `empty`: by shard, the newest bin in which it has
    no data. `waiting`: messages by start, shard and number of the piece. `changed`: starts with a new message.
    """

    def __init__(self) -> None:
        self.reported: dict[int, int] = {}
        self.empty: dict[int, int] = {}
        self.waiting: dict[int, dict[int, dict[int, bytes]]] = {}
        self.changed: set[int] = set()

    def put(self, piece: AreaSumPart, message: bytes, closed: int | None) -> bool:
        """Add a message; return False when its bin has `closed` because the shard had reported it empty."""
        shard, start = piece.shard, piece.start
        late = closed is not None and start <= closed
        if piece.weight is None:
            self.empty[shard] = max(start, self.empty.get(shard, start))
        elif not late:
            self.waiting.setdefault(start, {}).setdefault(shard, {})[piece.piece] = message
            self.changed.add(start)
        if piece.is_last:
            self.reported[shard] = max(start, self.reported.get(shard, start))
        return not (late and piece.entities and start <= self.empty.get(shard, -1))

    def ready(self, shards: Iterable[int]) -> list[int]:
        """Return the starts of the bins that all these shards have reported, oldest first."""
        until = min((self.reported.get(shard, -1) for shard in shards), default=-1)
        return [start for start in sorted(self.waiting) if start <= until]

    def pop(self, start: int) -> list[Partial]:
        """Remove and return the partials of a bin, in order of the shards."""
        self.changed.discard(start)
        shards = sorted(self.waiting.pop(start).items())
        return [partial_of([decode_partial(message) for _, message in sorted(pieces.items())]) for _, pieces in shards]
