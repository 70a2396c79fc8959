"""Files of state, without Kafka: read as written, damage always told, and an import that may stop anywhere."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.broker.changelog import Changelog
from streams.cli.main import main
from streams.cli.state_transfer import _replace
from streams.config.errors import InputError, StateError
from streams.state.measurement_stage import MeasurementStage
from streams.state.row_codec import FORMAT, pack
from streams.state.snapshot_store import SnapshotStore
from streams.state.state_file import HEAD, Header, State, parse, read, write
from tests.streams.helpers import START, records, settings, traffic

GOLDEN = Path(__file__).parents[2] / "data" / "state-1.state"
Table = dict[bytes, bytes]


def snapshot(bins: int, seed: int = 1) -> dict[str, bytes]:
    """Return the rows of a partition that took some traffic."""
    table: Table = {}
    partition = MeasurementStage(settings(), 0, table, 0.0)
    values = traffic(seed, bins)
    partition.process(records(values), 0.0)
    partition.save(0.0)
    loaded = SnapshotStore(table, 0).load()
    assert loaded is not None
    return {**loaded.rows, HEAD: pack(loaded.values, {})}


def state(rows: dict[str, bytes]) -> State:
    """Return a state of one partition."""
    return State(Header("app", "measurements", 1, "0"), {0: rows})


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    """The same rows; the same state gives the same bytes; nobody else may read it, and nothing else is left behind."""
    original = state(snapshot(4))
    size = write(tmp_path / "a", original)
    write(tmp_path / "b", read(tmp_path / "a"))
    assert read(tmp_path / "a") == original
    content = (tmp_path / "a").read_bytes()
    assert content == (tmp_path / "b").read_bytes()
    assert len(content) == size
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@given(st.data())
def test_any_damage_is_told(data: st.DataObject) -> None:
    """One byte changed, or the end cut off: an error of ours, never a state."""
    at = data.draw(st.integers(0, len(WHOLE) - 1))
    spoilt = bytearray(WHOLE)
    spoilt[at] ^= data.draw(st.integers(1, 255))
    for content in (bytes(spoilt), WHOLE[:at]):
        with pytest.raises(StateError):
            parse(io.BytesIO(content))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b"EBBTIDE-STATE 1\n", b"EBBTIDE-STATE 2\n", "has format '2', this version reads 1"),
        (b'"partitions":1', b'"partitions":0', "is of no partition"),
        (b'"partition":0', b'"partition":1', "has a row that cannot be"),
        (b'"name":"head"', b'"name":"seat"', "lacks a head"),
        (b'"size":', b'"size":9999999', "has a row that cannot be"),
        (b'"app_id":"app"', b'"app_id":[' + b"[" * 9000, "has a line that is none of its format"),
    ],
)
def test_a_right_checksum_does_not_excuse_a_wrong_content(old: bytes, new: bytes, fault: str) -> None:
    """Another version, or somebody's own work: one line that says what is wrong."""
    assert old in WHOLE
    with pytest.raises(StateError, match=fault):
        parse(io.BytesIO(signed(WHOLE[:-65].replace(old, new, 1))))


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["reset"], "add --yes to confirm"),
        (["reset", "a.state", "--yes"], "state reset takes no file"),
        (["export"], "state export takes a FILE"),
        (["expire"], "state expire ends all outages and incidents that go on: add --yes to confirm"),
        (["expire", "a.state", "--yes"], "state expire takes no file"),
        (
            ["import", "a.state", "--yes"],
            "--force goes with state import, --yes with state reset and expire, --feed with reset",
        ),
        (
            ["export", "a.state", "--force"],
            "--force goes with state import, --yes with state reset and expire, --feed with reset",
        ),
        (["expire", "--yes", "--feed", "a"], "--feed with reset"),
    ],
)
def test_wrong_use_is_told_before_any_broker_is_asked(
    arguments: list[str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is deleted by a slip."""
    assert main(["state", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert fault in line


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    """The file is named."""
    with pytest.raises(InputError, match="none: cannot be read: No such file"):
        read(tmp_path / "none")
    with pytest.raises(InputError, match="cannot be written: No such file"):
        write(tmp_path / "none" / "a", state(snapshot(1)))
    with pytest.raises(StateError, match=r"test_state_file\.py: is not a file of state"):
        read(Path(__file__))


def test_rows_that_decompress_without_end_are_refused(tmp_path: Path) -> None:
    """Ten rows of 1.2 MB in all would be 1.3 GB: the file is refused before any of them is kept."""
    bomb = pack({}, {"zeros": np.zeros(1 << 24)})
    rows = {f"zeros/{number}": bomb for number in range(10)}
    write(tmp_path / "bomb", state({HEAD: pack({}, {}), **rows}))
    tracemalloc.start()
    with pytest.raises(StateError, match=r"decompresses to more than [0-9]+ MiB, which no state of its size does"):
        read(tmp_path / "bomb")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 24


@pytest.mark.parametrize("damaged", [False, True])
def test_an_import_may_stop_between_any_two_writes(damaged: bool) -> None:
    """What a worker then finds is the old snapshot or the new one, whole; or, once unreadable, an error or new."""
    old, new = snapshot(9, seed=2), snapshot(4)
    table: Table = {}
    _replace(Changelog(table, lambda *_: None), 0, old)
    if damaged:
        table[b"0/head/"] = b"EBBT" + (FORMAT + 1).to_bytes(2, "little") + b"\0" * 4
    now = dict(table)
    found = [content(now)]

    def send(key: bytes, row: bytes | None) -> None:
        if row is None:
            now.pop(key, None)
        else:
            now[key] = row
        found.append(content(now))

    _replace(Changelog(table, send), 0, new)
    assert now == table
    turn = found.index(content(now))
    assert all(state_ == found[0] for state_ in found[:turn])
    assert all(state_ == content(now) for state_ in found[turn:])
    assert content(now) == {name: row for name, row in new.items() if name != HEAD}
    _replace(Changelog(table, lambda *_: None), 0, None)
    assert table == {}


def content(table: Table) -> dict[str, bytes] | str:
    """Return the rows of the snapshot in a table, or the words with which it is refused."""
    try:
        loaded = SnapshotStore(dict(table), 0).load()
    except StateError as error:
        return str(error)
    assert loaded is not None
    return loaded.rows


def test_state_of_format_1_is_read() -> None:
    """A file of the first version: this one takes it up where it stood. When this fails, the format has changed."""
    rows = read(GOLDEN).partitions[0]
    table: Table = {}
    _replace(Changelog(table, lambda *_: None), 0, rows)
    partition = MeasurementStage(settings(), 0, table, 0.0)
    assert partition.applied == len(traffic(1, 12)) - 1
    assert {name: len(feed.index) for name, feed in partition.shard.feeds.items()} == dict.fromkeys(settings().feeds, 6)
    assert partition.unusable == frozenset()
    assert partition.shard.newest()["gauge"] > START
    partition.save(0.0)


def signed(text: bytes) -> bytes:
    """Return a file with its checksum."""
    return text + hashlib.sha256(text).hexdigest().encode() + b"\n"


def _whole() -> bytes:
    from streams.state.state_file import _parts

    return signed(b"".join(_parts(state(snapshot(1)))))


WHOLE = _whole()
if __name__ == "__main__":
    write(GOLDEN, state(snapshot(12)))
