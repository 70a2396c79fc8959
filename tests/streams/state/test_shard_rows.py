"""Snapshots continue exactly, whenever they are taken, and stay small."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.types import Kind
from streams.config.errors import StateError
from streams.pipeline.shard import Shard
from streams.state.row_codec import pack
from streams.state.shard_restore import restore
from streams.state.shard_rows import dump, gone, heads
from streams.state.snapshot_store import SnapshotStore
from tests.streams import helpers
from tests.streams.helpers import DAY, HOUR, KINDS, START, Run, interrupted, message, run, same, taken_over, traffic

SERIES = 50_000
WIDTH = 300


@settings(max_examples=12)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 1500), min_size=1, max_size=6), st.sampled_from([0, 2 * HOUR]))
def test_a_snapshot_at_any_point_continues_with_the_same_bytes(seed: int, cuts: list[int], forget: int) -> None:
    """Rows are gathered as a worker does, changed ones only; after each cut a new shard takes over."""
    chosen = helpers.settings(forget_after=forget) if forget else helpers.settings()
    feeds = ("count", "presence", "distinct") if forget else KINDS
    values = traffic(seed, bins=28 if forget else 16, feeds=feeds)
    whole = run(chosen, values)
    outages, shard = interrupted(chosen, values, cuts)
    assert outages == whole.outages
    assert same(shard, whole.shard)


def test_rows_that_did_not_change_are_not_written_again() -> None:
    """Without a bin that closed only what changes with each measurement is dumped."""
    running = run(helpers.settings(("count",)), traffic(1, feeds=("count",)))
    dump(running.shard)
    assert not [name for name in dump(running.shard) if name.split("/")[1] in ("hot", "slot", "series", "free")]


def test_a_profile_of_a_forgotten_row_is_not_restored_for_its_heir() -> None:
    """A row that is given to another series starts anew after a restart too."""
    settings = helpers.settings(("gauge",), forget_after=DAY)
    hours = range(START, START + 9 * DAY, HOUR)
    first = {t: 1 if t < START + 4 * DAY else 2 for t in hours if not START + 4 * DAY <= t < START + 7 * DAY}
    values = [message("gauge", t, asn, value=5) for t in hours for asn in (3, first.get(t)) if asn]
    running, rows = Run(Shard(settings)), dict[str, bytes]()
    for start in range(0, len(values), 31):
        running.take(values[start : start + 31])
        rows |= dump(running.shard)
        rows = {name: row for name, row in rows.items() if name not in gone(running.shard, rows)}
        assert dump(taken_over(running, rows).shard, whole=True) == dump(running.shard, whole=True)
    assert [series.entity for series in running.shard.feeds["gauge"].index.rows if series] == ["asn/3", "asn/2"]


def test_countries_keep_their_groups() -> None:
    """Which series belong to one country is the same after a restart."""
    values = [message("count", START, asn, country=country) for asn, country in enumerate(["IR", "KZ", "IR"], 1)]
    done = run(helpers.settings(("count",)), values)
    again = taken_over(done, dump(done.shard, whole=True))
    group = again.shard.feeds["count"].index.group[:3].tolist()
    assert group == done.shard.feeds["count"].index.group[:3].tolist()
    assert group[0] == group[2] != group[1]


def crowd(kind: Kind, bins: int = 2) -> Shard:
    """A shard with 50,000 series of a kind, a bin closed and one open, 4 members each where members are told."""
    shard, start = Shard(helpers.settings((kind,), WIDTH, 0)), START
    members = 4 if kind in ("distinct", "presence") else 1
    running = Run(shard)
    for at in range(start, start + bins * WIDTH, WIDTH):
        for asn in range(0, SERIES, 2000):
            changes = (
                b'{"feed":"%s","ts":%d,"asn":%d,"value":%d,"of":5e3,"member":"probe-%d","up":true}'
                % (kind.encode(), at + n % WIDTH, n + 1, n * 7919 % 4093, zlib.crc32(b"%d-%d" % (n, m)))
                for n in range(asn, asn + 2000)
                for m in range(members)
            )
            running.take([b"[" + b",".join(changes) + b"]"])
    assert not running.dead
    return shard


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_a_crowd_stay_below_the_limit_of_a_message(kind: Kind, capsys: pytest.CaptureFixture[str]) -> None:
    """No record of 50,000 series is above 900 kB, and what is written comes back; the bytes are shown."""
    shard = crowd(kind)
    table: dict[bytes, bytes] = {}
    store = SnapshotStore(table, 0)
    store.save(heads(shard), dump(shard))
    first, largest = store.bytes_written, max(map(len, table.values()))
    running = Run(shard)
    running.take([message(kind, START + 2 * WIDTH, 1, member="probe", up=True)])
    store.save(heads(shard), dump(shard), gone(shard, store.places))
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{kind}: {first / SERIES:.0f} B a series at first, {(store.bytes_written - first) / SERIES:.0f} B at "
            f"the next bin, largest record {largest / 1000:.0f} kB"
        )
    assert max(largest, *map(len, table.values())) < 900_000
    loaded, again = SnapshotStore(table, 0).load(), Shard(shard.settings)
    assert loaded is not None
    restore(again, loaded.values, loaded.rows)
    assert same(again, shard)


def test_rows_of_an_unknown_format_are_refused() -> None:
    """A row that a later version wrote is a StateError, not a guess."""
    done = run(helpers.settings(("count",)), [message("count", START)])
    rows = dump(done.shard)
    rows["count/series/0"] = rows["count/series/0"][:4] + b"\x63" + rows["count/series/0"][5:]
    with pytest.raises(StateError, match="format 99"):
        taken_over(done, rows)


def test_feeds_that_are_not_in_a_snapshot_start_anew() -> None:
    """A feed that was added to the settings has no state, the others keep theirs."""
    done = run(helpers.settings(("count",)), traffic(1, feeds=("count",)))
    shard = Shard(helpers.settings(("count", "gauge")))
    restore(shard, heads(done.shard), dump(done.shard, whole=True) | {"other/head": pack({}, {})})
    assert len(shard.feeds["count"].index) == len(done.shard.feeds["count"].index)
    assert len(shard.feeds["gauge"].index) == 0
