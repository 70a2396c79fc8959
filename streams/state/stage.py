"""What has state in a worker: a partition of a topic, each message taken once, kept in snapshots. Knows no Faust."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import MutableMapping, Sequence
from typing import Any, ClassVar

from schemas.rejections import one_line
from streams.config.errors import StateError
from streams.config.reference_data import ReferenceData
from streams.config.settings import KafkaSettings, Settings
from streams.state.row_codec import FORMAT
from streams.state.snapshot_store import Loaded, SnapshotStore

SETTLE = 1.0  # seconds from bins that close to their snapshot: other partitions close theirs now, and tell of it first


class Stage(ABC):
    """State of one partition of a topic. `now` is wall time in seconds of any steady origin, told by the caller.

    `applied`: the newest offset that the state includes, -1 when there is none. `closed_at`: since when a snapshot
    lacks bins that have closed. What is derived from this

    - names the key of its topic in the settings, `topic`, which has as many partitions as the measurements,
    - has a `folder` of its own for its rows in the table, which ends in a colon; and stands in `all_stages`,
    - begins to take messages with `_skip`, returns what is to be sent, and does nothing else: no clock, no sending,
    - says what it consists of before any message (`_begin`), what of that goes into a snapshot (`_head`, `_rows`,
      `_gone`), and how it comes back (`_fill`).

    `stage_runner.StageRunner` runs it on a batch topic: it sends what came of a batch, waits for the deliveries, saves,
    acknowledges. After a crash the messages behind the snapshot come again, and the same is sent again.
    """

    topic: ClassVar[str]
    folder: ClassVar[str]

    @classmethod
    def topic_of(cls, kafka: KafkaSettings) -> str:
        """Return the name of its topic."""
        name: str = getattr(kafka, cls.topic)
        return name

    def __init__(
        self,
        settings: Settings,
        number: int,
        table: MutableMapping[bytes, bytes],
        now: float,
        reference: ReferenceData | None = None,
    ) -> None:
        self.settings, self.number = settings, number
        self.store = SnapshotStore(table, number, self.folder)
        self.applied = -1
        self.last_saved = now
        self.closed_at: float | None = None
        self.unsaved = False
        self._begin(reference or ReferenceData())
        self._load()

    @property
    def name(self) -> str:
        """What tells it from all other stages."""
        return f"{self.folder}{self.number}"

    def due(self, now: float) -> bool:
        """Whether a snapshot should be written: bins closed, or `snapshot_every` is over and there is news."""
        closed = self.closed_at is not None and now - self.closed_at >= SETTLE
        return self.unsaved and (closed or now - self.last_saved >= self.settings.worker.snapshot_every)

    def save(self, now: float) -> int:
        """Write a snapshot of everything up to `applied` and return the bytes written."""
        before = self.store.bytes_written
        rows = self._rows()
        self.store.save({"offset": self.applied, **self._head()}, rows, self._gone())
        self.last_saved, self.unsaved, self.closed_at = now, False, None
        return self.store.bytes_written - before

    def _load(self) -> None:
        """Continue from the newest snapshot, if there is one. Raises StateError when it cannot be read."""
        loaded = self.store.load()
        if loaded is None:
            return
        try:
            self.applied = loaded.values["offset"]
            self._fill(loaded)
        except (LookupError, AttributeError, TypeError, ValueError) as error:
            what = f"{type(error).__name__}: {one_line(str(error))}"
            raise StateError(
                f"{self.topic}, partition {self.number}: a snapshot is not one of format {FORMAT}: {what}"
            ) from None

    def _skip(self, offsets: Sequence[int]) -> int:
        """Return how many of these messages, in order, the state includes already; from here on it includes all."""
        self.unsaved = True
        skip = sum(offset <= self.applied for offset in offsets) if offsets[0] <= self.applied else 0
        self.applied = max(self.applied, offsets[-1])
        return skip

    @abstractmethod
    def _begin(self, reference: ReferenceData) -> None:
        """Set up the state before any message."""

    @abstractmethod
    def _head(self) -> dict[str, Any]:
        """Return small values, which change with every message."""

    @abstractmethod
    def _rows(self) -> dict[str, bytes]:
        """Return the rows that may have changed since the last call, by name (`streams.state.row_codec` makes them)."""

    @abstractmethod
    def _gone(self) -> frozenset[str]:
        """Return the names of rows in the snapshot that are not needed any more."""

    @abstractmethod
    def _fill(self, loaded: Loaded) -> None:
        """Take over what a snapshot holds."""
