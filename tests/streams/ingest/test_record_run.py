"""Runs: columns of what was fetched, with aiokafka's own rules for what is skipped, on real batches of the log."""

from __future__ import annotations

import gc
import struct
import weakref
from collections.abc import Sequence

import numpy as np
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from streams.broker.faust_fetching import Log, NamedRecords, RunRecords
from streams.ingest import record_run as runs_module
from streams.ingest.record_run import Run, joined

NOW_MS = 1_577_232_000_000
PLAIN, GZIP = 0, 1
CRC, ATTRIBUTES = 17, 21  # where a batch's checksum stands, and what it covers begins
CONTROL = 0x20
ABORT = struct.pack(">HH", 0, 0)


def stored(base: int, *offsets: int, codec: int = PLAIN, producer: int = -1, control: bool = False) -> bytes:
    """Return one batch of the log; it begins at `base`, whether that record is still there or not."""
    builder = DefaultRecordBatchBuilder(2, codec, int(producer >= 0), producer, 0, -1, 1 << 20)
    for offset in offsets:
        key = ABORT if control else None if offset % 3 == 2 else b"key-%d" % offset
        value = None if offset % 5 == 4 else b"v" * offset
        builder.append(offset - base, NOW_MS - 10 * offset, key, value, [])
    batch = bytearray(builder.build())
    struct.pack_into(">q", batch, 0, base)
    if control:
        batch[ATTRIBUTES + 1] |= CONTROL
        struct.pack_into(">I", batch, CRC, calc_crc32c(bytes(batch[ATTRIBUTES:])))
    return bytes(batch)


def fetched(
    log: bytes, start: int = 0, isolation: int = READ_UNCOMMITTED, aborted: Sequence[tuple[int, int]] = ()
) -> NamedRecords:
    """Return what aiokafka makes of bytes that were fetched from an offset on."""
    tp = TopicPartition("measurements", 0)
    return NamedRecords(tp, Log(log), list(aborted), start, None, None, True, isolation)


def columns(run: Run) -> list[list[object]]:
    """Return the columns of a run as lists."""
    return [list(run.offsets), run.timestamps.tolist(), run.keys, run.values]


LOGS = {
    "whole batches": (stored(0, 0, 1, 2) + stored(3, 3, 4), 0),
    "compressed": (stored(0, 0, 1, 2, codec=GZIP) + stored(3, 3, 4, 5, codec=GZIP), 0),
    "a start within a batch": (stored(0, 0, 1, 2, 3, 4) + stored(5, 5), 3),
    "a start behind a whole batch": (stored(0, 0, 1) + stored(2, 2, 3), 2),
    "holes in a batch and between two": (stored(0, 0, 2, 5) + stored(9, 10, 11), 0),
    "a start in a hole": (stored(0, 0, 2, 5) + stored(9, 10, 11), 3),
    "a marker between batches": (
        stored(0, 0, 1, producer=7) + stored(2, 2, producer=7, control=True) + stored(3, 3),
        0,
    ),
    "a batch cut short at the end": ((stored(0, 0, 1) + stored(2, 2, 3))[:-5], 0),
}


@pytest.mark.parametrize("name", LOGS)
def test_runs_hold_what_single_records_hold(name: str) -> None:
    """The same records, by column, and the same place to read on from."""
    log, start = LOGS[name]
    single, runs = fetched(log, start), fetched(log, start)
    RunRecords.adopt(runs)
    expected, found = list(single), joined(list(runs))
    assert columns(found) == columns(Run.of(expected))
    assert runs.next_fetch_offset == single.next_fetch_offset


def test_what_a_transaction_took_back_is_left_out() -> None:
    """Readers of committed records get neither the batches of an aborted transaction nor its marker."""
    log = stored(0, 0, 1, producer=7) + stored(2, 2, producer=8) + stored(3, 3, producer=7, control=True)
    log += stored(4, 4, producer=7)
    runs = fetched(log, 0, READ_COMMITTED, [(7, 0)])
    RunRecords.adopt(runs)
    assert list(joined(list(runs)).offsets) == [2, 4]
    assert runs.next_fetch_offset == 5


def test_log_with_no_record_left_moves_on() -> None:
    """A marker alone, or what lies below the start, gives no run and still moves the place to read on from."""
    for log, start, end in ((stored(2, 2, producer=7, control=True), 2, 3), (stored(0, 0, 1), 2, 2)):
        runs = fetched(log, start)
        RunRecords.adopt(runs)
        assert list(runs) == []
        assert runs.next_fetch_offset == end


@pytest.mark.parametrize("in_c", [runs_module.CRC_IN_C, False])
def test_damaged_batch_is_an_error(in_c: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checksum that does not fit is found as before, also where there is no quick way to take it."""
    monkeypatch.setattr(runs_module, "CRC_IN_C", in_c)
    runs = fetched(stored(0, 0, 1)[:-1] + b"x")
    RunRecords.adopt(runs)
    with pytest.raises(CorruptRecordException):
        list(runs)


def test_adopted_twice_is_adopted_once_and_freed_without_the_collector() -> None:
    """The hook sees what is still waiting again; a megabyte that was read must not wait for garbage collection."""
    runs = fetched(stored(0, 0, 1))
    RunRecords.adopt(runs)
    RunRecords.adopt(runs)
    assert [list(run.offsets) for run in runs] == [[0, 1]]
    gc.disable()
    try:
        gone = weakref.ref(runs)
        del runs
        assert gone() is None
    finally:
        gc.enable()


def test_single_records_among_runs_are_joined_too() -> None:
    """What was fetched before the hook was in place comes record by record."""
    record = ConsumerRecord("measurements", 0, 6, NOW_MS, 0, b"k", b"v", None, 1, 1, ())
    runs = fetched(stored(3, 3, 4))
    RunRecords.adopt(runs)
    found = joined([*runs, record])
    assert (list(found.offsets), found.values, found.timestamps.tolist()[-1]) == (
        [3, 4, 6],
        [b"vvv", None, b"v"],
        NOW_MS,
    )
    assert joined([record]).offsets == range(6, 7)


def test_offsets_without_holes_are_a_range() -> None:
    """Nobody looks at each of them."""
    runs = fetched(stored(0, 0, 1) + stored(2, 2, 3))
    RunRecords.adopt(runs)
    found = joined(list(runs))
    assert found.offsets == range(4)
    assert found.cut(1, 3).offsets == range(1, 3)
    assert found.since(3).values == [b"vvv"]


def test_no_producer_has_a_record_received_ahead_of_now() -> None:
    """The broker's time is believed; one that a producer set is bounded by the clock of this machine."""
    run = Run(range(3), np.array([1000, 5000, 9000]), [None] * 3, [b""] * 3)
    assert run.received_by(6.0).timestamps.tolist() == [1000, 5000, 6000]
    assert run._replace(timestamp_type=1).received_by(6.0).timestamps.tolist() == [1000, 5000, 9000]
