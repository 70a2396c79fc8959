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
    `rewound`: by shard, how often its time has gone back. `ahead`: shards that have not reported since another one went
    back: they are waited for as long as it takes them, `patience` seconds, to go back as well.
    """

    def __init__(self) -> None:
        self.reported: dict[int, int] = {}
        self.empty: dict[int, int] = {}
        self.waiting: dict[int, dict[int, dict[int, bytes]]] = {}
        self.changed: set[int] = set()
        self.rewound: dict[int, int] = {}
        self.ahead: set[int] = set()
        self.patience = 0.0

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
            self.ahead.discard(shard)
            self.reported[shard] = max(start, self.reported.get(shard, start))
        return not (late and piece.entities and start <= self.empty.get(shard, -1))

    def go_back(self, piece: AreaSumPart) -> bool:
        """Return whether the time of this message's shard has gone back since its last one, and forget what it said."""
        shard, count = piece.shard, piece.rewound or 0
        if count <= self.rewound.get(shard, 0):
            return False
        self.rewound[shard] = count
        self.reported.pop(shard, None)
        self.empty.pop(shard, None)
        self.ahead.discard(shard)
        for start in [start for start, shards in self.waiting.items() if shard in shards]:
            del self.waiting[start][shard]
            self.changed.add(start)
            if not self.waiting[start]:
                del self.waiting[start]
                self.changed.discard(start)
        return True

    def begin_anew(self, start: int, patience: float) -> None:
        """Wait for all shards anew from the bin of this start on, for those ahead no longer than `patience` (s)."""
        self.ahead = {shard for shard, reported in self.reported.items() if reported >= start}
        self.patience = patience
        self.waiting.clear()
        self.changed.clear()

    def is_void(self, piece: AreaSumPart) -> bool:
        """Return whether the shard of this message has gone back since it was made."""
        return (piece.rewound or 0) < self.rewound.get(piece.shard, 0)

    def ready(self, shards: Iterable[int]) -> list[int]:
        """Return the starts of the bins that all these shards have reported, oldest first."""
        newest = max((start for shard, start in self.reported.items() if shard not in self.ahead), default=-1)
        waited = dict.fromkeys(self.ahead, newest - self.patience)
        until = min((waited.get(shard, self.reported.get(shard, -1)) for shard in shards), default=-1)
        return [start for start in sorted(self.waiting) if start <= until]

    def pop(self, start: int) -> list[Partial]:
        """Remove and return the partials of a bin, in order of the shards."""
        self.changed.discard(start)
        shards = sorted(self.waiting.pop(start).items())
        return [partial_of([decode_partial(message) for _, message in sorted(pieces.items())]) for _, pieces in shards]
