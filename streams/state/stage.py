"""The recoverable state of one partition of a topic: applies each message once and writes snapshots."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import MutableMapping
from typing import Any, ClassVar

from schemas.rejections import one_line
from streams.config.errors import StateError
from streams.config.reference_data import ReferenceData
from streams.config.settings import KafkaSettings, Settings
from streams.ingest.record_run import Run
from streams.pipeline.emitted import Emitted
from streams.state.row_codec import FORMAT
from streams.state.snapshot_store import Loaded, SnapshotStore

SETTLE = 1.0  # seconds between the close of a bin and its snapshot: other partitions close theirs in this time


class Stage(ABC):
    """State of one partition of a topic. It reads no clock and sends nothing; the caller passes wall time as `now`.

    A subclass

    - names in `topic` the settings key of its topic, which has as many partitions as the measurements,
    - names in `folder` the prefix of its rows in the table, which ends in a colon, and is listed in `all_stages`,
    - implements `process`, which begins with `_fresh`,
    - sets up its empty state in `_begin`, gives the content of a snapshot in `_head`, `_rows` and `_gone`, and takes it
      back in `_restore`.

    `worker.stage_runner.StageRunner` runs a stage: it publishes what the stage emits, waits for the deliveries, saves
    and acknowledges. After a crash the messages behind the snapshot are read again and emit the same again.

    Attributes:
        name: The stage's name among all stages of a worker.
        applied: The newest offset in the state; -1 when there is none.
        topic_id: The id of the topic whose offsets these are; empty when it is unknown.
        closed_at: Time since when bins have closed that no snapshot includes (s); None when there are none.
        unsaved: Whether the state has changed since the last snapshot.
        runs_in_thread: Whether `process` may take seconds, in which the event loop must go on.
    """

    topic: ClassVar[str]
    folder: ClassVar[str]
    runs_in_thread: ClassVar[bool] = False

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
        self.name = f"{self.folder}{number}"
        self.store = SnapshotStore(table, number, self.folder)
        self.applied = -1
        self.topic_id = ""
        self.last_saved = now
        self.closed_at: float | None = None
        self.unsaved = False
        self._begin(reference or ReferenceData())
        self._load()

    def due(self, now: float) -> bool:
        """Return whether to write a snapshot: something changed, and bins closed or `snapshot_every` has passed."""
        closed = self.closed_at is not None and now - self.closed_at >= SETTLE
        return self.unsaved and (closed or now - self.last_saved >= self.settings.worker.snapshot_every)

    def save(self, now: float) -> int:
        """Write a snapshot of all messages up to `applied` and return the bytes written."""
        before = self.store.bytes_written
        rows = self._rows()
        topic = {"topic": self.topic_id} if self.topic_id else {}
        self.store.save({"offset": self.applied, **topic, **self._head()}, rows, self._gone())
        self.last_saved, self.unsaved, self.closed_at = now, False, None
        return self.store.bytes_written - before

    def _load(self) -> None:
        """Restore the newest snapshot, if there is one. Raises StateError when it cannot be read."""
        loaded = self.store.load()
        if loaded is None:
            return
        try:
            self.applied = loaded.values["offset"]
            self.topic_id = loaded.values.get("topic", "")
            self._restore(loaded)
        except (LookupError, AttributeError, TypeError, ValueError) as error:
            reason = f"{type(error).__name__}: {one_line(str(error))}"
            raise StateError(
                f"{self.topic}, partition {self.number}: a snapshot is not one of format {FORMAT}: {reason}"
            ) from None

    def note_gap(self) -> None:  # noqa: B027 - a stage that waits for what is missing has nothing to note
        """Take note that messages behind `applied` are gone: what they would have said is unknown."""

    def _fresh(self, records: Run) -> Run:
        """Return the records that the state lacks; from here on it includes them all."""
        fresh = records.since(self.applied + 1)
        self.unsaved = True
        self.applied = max(self.applied, records.offset)
        return fresh

    @abstractmethod
    def process(self, records: Run, now: float) -> Emitted:
        """Apply records, in order of offsets, and return what came of them; those in the state are skipped.

        `now`: wall time since any fixed instant (s).
        """

    @abstractmethod
    def _begin(self, reference: ReferenceData) -> None:
        """Set up the state as it is before any message."""

    @abstractmethod
    def _head(self) -> dict[str, Any]:
        """Return small values, which change with every message."""

    @abstractmethod
    def _rows(self) -> dict[str, bytes]:
        """Return by name the rows that may have changed since the last call, as `row_codec.pack` encodes them."""

    @abstractmethod
    def _gone(self) -> frozenset[str]:
        """Return the names of rows in the snapshot that are no longer needed."""

    @abstractmethod
    def _restore(self, loaded: Loaded) -> None:
        """Take the state from a snapshot."""


def refusal(number: int, offset: int, thing: str, error: Exception) -> str:
    """Return the line on a message of a partition that is not what the topic is for; its writer may be newer."""
    newer = ": a newer version wrote it, run that one everywhere" if "unknown field" in str(error) else ""
    return f"partition {number}, offset {offset}: not a {thing}: {one_line(str(error))}{newer}"
