"""The store: a crash between any two writes leaves a whole snapshot, and rows that do not fit it are refused."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping

import orjson
import pytest

from schemas.outage import encode
from streams.config.errors import StateError
from streams.config.settings import Settings
from streams.state.measurement_stage import MeasurementStage
from streams.state.row_codec import pack, unpack
from streams.state.snapshot_store import PIECE, SnapshotStore
from tests.streams import helpers
from tests.streams.helpers import START, records, run, traffic

Values = list[bytes | None]


class Journal(MutableMapping[bytes, bytes]):
    """A table that remembers each write, so that it can be had as it was after any of them."""

    def __init__(self) -> None:
        self.now: dict[bytes, bytes] = {}
        self.writes: list[tuple[bytes, bytes | None]] = []

    def __getitem__(self, key: bytes) -> bytes:
        return self.now[key]

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.writes.append((key, value))
        self.now[key] = value

    def __delitem__(self, key: bytes) -> None:
        del self.now[key]
        self.writes.append((key, None))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.now)

    def __len__(self) -> int:
        return len(self.now)

    def after(self, count: int) -> dict[bytes, bytes]:
        """The table after the first `count` writes."""
        last = dict(self.writes[:count])
        return {key: value for key, value in last.items() if value is not None}


def read(partition: MeasurementStage, values: Values, every: int = 200) -> list[bytes]:
    """Let a partition read the whole log, saving after each batch; what its state includes is skipped."""
    outages = []
    for at in range(0, len(values), every):
        emitted = partition.process(records(values[at : at + every], at), 0.0)
        outages += [encode(outage) for outage in emitted.outages]
        partition.save(0.0)
    return outages


def test_a_crash_between_any_two_writes_loses_and_doubles_nothing() -> None:
    """The table as it was after each write loads, and reading the log again ends in the same revisions."""
    settings, values, journal = helpers.settings(), traffic(5, bins=12, dark=range(7, 10)), Journal()
    whole = read(MeasurementStage(settings, 0, journal, 0.0), values)
    assert len(whole) > 5
    for count in range(0, len(journal.writes), 9):
        partition = MeasurementStage(settings, 0, journal.after(count), 0.0)
        again = read(partition, values, 1000)
        assert again == whole[len(whole) - len(again) :]
        assert set(whole[: len(whole) - len(again)]) <= set(sent_before(whole, partition, len(again)))
        assert partition.tally.received == run(settings, values).tally.received


def sent_before(whole: list[bytes], partition: MeasurementStage, again: int) -> list[bytes]:
    """What was sent before the snapshot was: nothing that is missing may have come after it."""
    assert partition.tally.skipped > 0 or again == len(whole)
    return whole[: len(whole) - again]


def test_every_prefix_of_two_saves_loads_as_the_one_or_the_other() -> None:
    """Rows that change, come and go: each prefix of the writes is the first snapshot or the second, whole."""
    journal = Journal()
    store = SnapshotStore(journal, 3)
    store.save({"n": 1}, {"a": b"1", "b": bytes(2 * PIECE), "old": b"o"})
    first = len(journal.writes)
    store.save({"n": 2}, {"a": b"2", "b": b"2", "new": b"n"}, frozenset({"old"}))
    rows = {"a": b"1", "b": bytes(2 * PIECE), "old": b"o"}
    two = {"a": b"2", "b": b"2", "new": b"n"}
    seen = []
    for count in range(first, len(journal.writes) + 1):
        loaded = SnapshotStore(journal.after(count), 3).load()
        assert loaded is not None
        assert loaded.rows == {1: rows, 2: two}[loaded.values["n"]]
        seen.append(loaded.values["n"])
    assert seen == sorted(seen)
    assert set(seen) == {1, 2}
    assert all(SnapshotStore(journal.after(count), 3).load() is None for count in range(first))


def test_saving_goes_on_after_a_crash_without_touching_what_is_valid() -> None:
    """The writes after a torn save again leave the first snapshot whole until the head is written."""
    journal = Journal()
    SnapshotStore(journal, 0).save({"n": 1}, {"a": b"1", "b": b"1"})
    torn = journal.after(len(journal.writes)) | {b"0/a/B": b"torn"}
    journal = Journal()
    journal.now.update(torn)
    store = SnapshotStore(journal, 0)
    store.load()
    store.save({"n": 2}, {"a": b"2", "b": b"1"})
    assert [key for key, _ in journal.writes] == [b"0/a/B", b"0/head/"]
    loaded = SnapshotStore(journal, 0).load()
    assert loaded is not None
    assert loaded.rows == {"a": b"2", "b": b"1"}


def test_long_rows_are_stored_in_pieces_and_leave_none_behind() -> None:
    """No record is longer than a piece; when a row shrinks, the pieces that it needs no more are removed."""
    table: dict[bytes, bytes] = {}
    store = SnapshotStore(table, 0)
    long = bytes(range(256)) * (3 * PIECE // 256 + 1)
    for row in (long, long[1:], b"short", b"shorter"):
        store.save({}, {"a": row})
        loaded = SnapshotStore(table, 0).load()
        assert loaded is not None
        assert loaded.rows == {"a": row}
        assert max(map(len, table.values())) <= PIECE
    assert sorted(table) == [b"0/a/A", b"0/a/B", b"0/head/"]


def test_partitions_share_a_table() -> None:
    """Each sees its own snapshots only."""
    table: dict[bytes, bytes] = {}
    SnapshotStore(table, 1).save({"n": 1}, {"a": b"1"})
    SnapshotStore(table, 11).save({"n": 11}, {"a": b"11"})
    assert SnapshotStore(table, 0).load() is None
    assert [loaded.values["n"] for n in (1, 11) if (loaded := SnapshotStore(table, n).load())] == [1, 11]


@pytest.mark.parametrize("spoilt", [b"", b"other", None])
def test_a_row_that_somebody_else_wrote_is_refused(spoilt: bytes | None) -> None:
    """The head names the checksum of each row: another one, or none, is a StateError that names it."""
    table: dict[bytes, bytes] = {}
    SnapshotStore(table, 0).save({}, {"x/hot/0": b"mine"})
    if spoilt is None:
        del table[b"0/x/hot/0/A"]
    else:
        table[b"0/x/hot/0/A"] = spoilt
    with pytest.raises(StateError, match="partition 0: snapshot row x/hot/0 is not"):
        SnapshotStore(table, 0).load()


@pytest.mark.parametrize("spoil", [lambda row: row[:4] + b"\x02" + row[5:], lambda row: b"XXXX", lambda row: row[:-9]])
def test_a_head_of_another_format_or_damaged_is_refused(spoil: object) -> None:
    """Unknown format, foreign bytes, cut bytes: one StateError, no guess."""
    table: dict[bytes, bytes] = {}
    SnapshotStore(table, 0).save({"n": 1}, {})
    assert callable(spoil)
    table[b"0/head/"] = spoil(table[b"0/head/"])
    with pytest.raises(StateError, match="snapshot row"):
        SnapshotStore(table, 0).load()


def test_equal_content_is_equal_bytes() -> None:
    """Keys are sorted; what went in comes out."""
    assert pack({"b": 1, "a": [2]}, {}) == pack({"a": [2], "b": 1}, {})
    assert unpack(pack({"a": orjson.loads(b"[1.5,null]")}, {})).values == {"a": [1.5, None]}


@pytest.mark.parametrize("width", [1800.0, 7200.0])
def test_a_feed_whose_bins_changed_starts_anew_and_its_old_rows_go(width: float) -> None:
    """State of bins of another width means nothing: it is dropped, and nothing of it comes back later."""
    table: dict[bytes, bytes] = {}
    values = traffic(5, bins=12)
    read(MeasurementStage(helpers.settings(), 0, table, 0.0), values)
    other = helpers.settings(width=width)
    assert everything(reopened(other, table, values)) == everything(reopened(other, {}, values))


def test_a_feed_that_was_taken_out_and_put_back_starts_anew() -> None:
    """Rows of a feed that the settings do not name are dropped with the next snapshot."""
    table: dict[bytes, bytes] = {}
    values = traffic(5, bins=12)
    read(MeasurementStage(helpers.settings(), 0, table, 0.0), values)
    without = MeasurementStage(helpers.settings(("count", "gauge")), 0, table, 0.0)
    without.save(0.0)
    assert not [key for key in table if b"/presence/" in key]
    back = MeasurementStage(helpers.settings(), 0, table, 0.0)
    assert len(back.shard.feeds["presence"].index) == 0
    assert len(back.shard.feeds["count"].index) == 6


def reopened(settings: Settings, table: MutableMapping[bytes, bytes], values: Values) -> MeasurementStage:
    """A partition that took traffic after that of its snapshot, saved, and was opened again."""
    partition = MeasurementStage(settings, 0, table, 0.0)
    more = [None] * len(values) + values[: len(values) // 2]
    read(partition, more)
    return MeasurementStage(settings, 0, table, 0.0)


def everything(partition: MeasurementStage) -> tuple[object, ...]:
    """Newest event time and series of each feed."""
    feeds = [(name, feed.watermark, feed.index.rows) for name, feed in partition.shard.feeds.items()]
    return feeds, partition.open_outages


def test_start_of_traffic_is_where_the_tests_say() -> None:
    """The made-up traffic begins on an hour, on which the widths above agree."""
    assert START % 7200 == 0
