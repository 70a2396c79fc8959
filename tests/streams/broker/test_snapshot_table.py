"""The table of the snapshots sends a head only once the broker has its rows, and deletes only once it has the head."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any
from unittest.mock import patch

import faust
import pytest
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from streams.broker.snapshot_table import SnapshotTable
from streams.config.errors import StateError
from streams.state.snapshot_store import SnapshotStore, is_head


class Changelog:
    """A changelog whose broker refuses the records of some keys, each with an error."""

    def __init__(self, refused: dict[bytes, KafkaError]) -> None:
        self.refused, self.rows, self.sent = refused, dict[bytes, bytes](), list[bytes]()

    async def send(self, *, key: bytes, value: bytes | None, **_: object) -> asyncio.Future[None]:
        """Answer later, as a broker does."""
        answer = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(self._answer, answer, key, value)
        self.sent.append(key)
        return answer

    def _answer(self, answer: asyncio.Future[None], key: bytes, value: bytes | None) -> None:
        if key in self.refused:
            answer.set_exception(self.refused[key])
            return
        self.rows.pop(key, None)
        if value is not None:
            self.rows[key] = value
        answer.set_result(None)


def saved(
    changelog: Changelog, versions: Collection[dict[str, bytes]], is_ours: Callable[[], bool] = lambda: True
) -> bool:
    """Save snapshots one after another by a table with this changelog; return what the last delivery returned."""
    app = faust.App("snapshots-test", store="memory://", Table=SnapshotTable, autodiscover=False)
    table: Any = app.Table("snapshots", partitions=1, key_type=bytes, value_type=bytes)
    table.is_head = is_head

    async def run() -> bool:
        store, result = SnapshotStore(table, 0), False
        for offset, rows in enumerate(versions):
            gone = frozenset(store.places.keys() - rows.keys())
            store.save({"offset": offset}, rows, gone)
            result = await table.deliver(is_ours)
        return result

    with (
        patch.object(table, "partition_for_key", lambda _: 0),
        patch.object(SnapshotTable, "changelog_topic", changelog),
    ):
        return asyncio.run(run())


FIRST, SECOND = {"a": b"1", "b": b"2"}, {"a": b"3"}
ROW, HEAD = b"0/a/B", b"0/head/"


@pytest.mark.parametrize("error", [MessageSizeTooLargeError(), KafkaTimeoutError()])
@pytest.mark.parametrize("key", [ROW, HEAD])
def test_a_refused_record_leaves_the_snapshot_before(key: bytes, error: KafkaError) -> None:
    """Whether a row or the head is refused or not answered: a start reads the snapshot before, whole."""
    changelog = Changelog({})
    assert saved(changelog, [FIRST])
    changelog.refused = {key: error}
    with pytest.raises(type(error)):
        saved(changelog, [FIRST, SECOND])
    loaded = SnapshotStore(changelog.rows, 0).load()
    assert loaded is not None and (loaded.values, loaded.rows) == ({"offset": 0}, FIRST)


def test_order() -> None:
    """Rows come before their head, deletions after it; then a start reads the new snapshot."""
    changelog = Changelog({})
    assert saved(changelog, [FIRST, SECOND])
    assert changelog.sent == [b"0/a/A", b"0/b/A", HEAD, ROW, HEAD, b"0/b/A"]
    loaded = SnapshotStore(changelog.rows, 0).load()
    assert loaded is not None and (loaded.values, loaded.rows) == ({"offset": 1}, SECOND)


def test_a_head_is_not_sent_for_another() -> None:
    """A partition that is taken away while the rows are on their way: the head of the new owner stays."""
    changelog, answers = Changelog({}), iter([True, False])
    assert not saved(changelog, [FIRST], lambda: next(answers))
    assert changelog.sent == [b"0/a/A", b"0/b/A"]


def test_a_torn_snapshot_is_named() -> None:
    """A head without its row, as versions before could leave it, is not read as if it were whole."""
    rows: dict[bytes, bytes] = {}
    SnapshotStore(rows, 0).save({"offset": 0}, FIRST)
    del rows[b"0/a/A"]
    with pytest.raises(StateError, match="snapshot row a is not the one that its head names"):
        SnapshotStore(rows, 0).load()
