"""Export, import and reset the snapshots of a group of workers. docs/state.md says when to use which."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from kafka import TopicPartition
from kafka.errors import NoError
from kafka.structs import OffsetAndMetadata
from msgspec.structs import replace

from streams.broker import topics
from streams.broker.changelog import Changelog, Tables, read, writing
from streams.broker.clients import reading
from streams.cli.state_expiry import expire_outages_of
from streams.config.errors import BrokerError, StateError, UsageError
from streams.config.settings import KafkaSettings, Settings
from streams.state import state_file
from streams.state.all_stages import STAGES
from streams.state.incident_stage import IncidentStage
from streams.state.row_codec import pack, unpack
from streams.state.snapshot_store import SnapshotStore
from streams.state.state_file import HEAD, Header, State, by_folder

TRIES = 3
Tick = Callable[[int], None]


def export(kafka: KafkaSettings, path: Path, tick: Tick) -> State:
    """Write the newest snapshot of each partition to a file; workers may run meanwhile. Raises EbbtideError."""
    partitions = topics.check(kafka)
    header = Header(kafka.app_id, kafka.measurements, partitions, version("ebbtide"))
    state = State(header, _collect(kafka, partitions, tick))
    if not state.partitions:
        raise StateError(f"group {kafka.app_id} has no state")
    state_file.write(path, state)
    return state


def _collect(kafka: KafkaSettings, partitions: int, tick: Tick) -> dict[int, dict[str, bytes]]:
    """Return the snapshots. Reads them again when rows change meanwhile, since a worker may be writing."""
    for left in reversed(range(TRIES)):
        try:
            return dict(_snapshots(read(kafka, partitions, tick)))
        except StateError:
            if not left:
                raise
    raise AssertionError("unreachable")


def _snapshots(tables: Tables) -> list[tuple[int, dict[str, bytes]]]:
    found = [(number, _rows(table, number)) for number, table in tables.items()]
    return [(number, rows) for number, rows in found if rows]


def _rows(table: dict[bytes, bytes], number: int) -> dict[str, bytes]:
    """Return the rows of all stages of a partition; the folder of the stage is part of each name."""
    loaded = [(stage.folder, SnapshotStore(table, number, stage.folder).load()) for stage in STAGES]
    snapshots = [
        (folder, {**snapshot.rows, HEAD: pack(_of_any_topic(snapshot.values), {})})
        for folder, snapshot in loaded
        if snapshot is not None
    ]
    return {f"{folder}{name}": row for folder, rows in snapshots for name, row in rows.items()}


def _of_any_topic(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a head without the id of its topic: in another cluster the same offsets have another."""
    return {name: value for name, value in values.items() if name != "topic"}


def import_(settings: Settings, path: Path, force: bool, tick: Tick) -> State:
    """Replace a group's state, which must be empty unless `force` is set, by that of a file. Raises EbbtideError.

    If it fails or is interrupted, the group has the old state or the new one, and a worker continues from either.
    """
    state = state_file.read(path)
    kafka, partitions = settings.kafka, topics.check(settings.kafka)
    _check_topic(kafka, partitions, state, force)
    _check_rows(settings, state)
    topics.demand_idle(kafka, kafka.app_id)
    # With no offset committed a worker reads from the beginning and skips what its state includes, whichever that is.
    forget = partial(_forget_offsets, kafka, [stage.topic_of(kafka) for stage in STAGES])
    with writing(kafka, partial(read, kafka, partitions, tick), partial(_while_idle, kafka, forget)) as logs:
        if not force and (any(logs.values()) or _committed(kafka)):
            raise StateError(f"group {kafka.app_id} has state already: --force replaces it")
        for number, log in logs.items():
            _replace(log, number, state.partitions.get(number))
    _commit(kafka, _following(kafka, state))
    topics.demand_idle(kafka, kafka.app_id)
    return state


def _while_idle(kafka: KafkaSettings, then: Callable[[], None] = lambda: None) -> None:
    """Do what is last before a change counts. Raises StateInUseError when a worker has started meanwhile."""
    topics.demand_idle(kafka, kafka.app_id)
    then()


def _replace(log: Changelog, number: int, rows: Mapping[str, bytes] | None) -> None:
    """Replace the rows of a partition of the changelog by a snapshot. None deletes them, the head first."""
    kept = set().union(*(_put(_store(log, number, folder), of) for folder, of in by_folder(rows or {}).items()))
    for key in sorted(set(log) - kept, key=lambda key: (b"/head/" not in key, key)):
        del log[key]


def _put(store: SnapshotStore, rows: Mapping[str, bytes]) -> set[bytes]:
    """Save the rows of one stage and return the keys that they have in the table."""
    named = {name: row for name, row in rows.items() if name != HEAD}
    store.save(unpack(rows[HEAD]).values, named, frozenset(store.places))
    return store.keys()


def _store(log: Changelog, number: int, folder: str) -> SnapshotStore:
    """Return the store of a stage; a damaged one counts as empty."""
    store = SnapshotStore(log, number, folder)
    try:
        store.load()
    except StateError:
        store.places = {}
    return store


def reset(kafka: KafkaSettings, tick: Tick) -> int:
    """Delete a group's snapshots and committed offsets; return the number of rows. Raises EbbtideError.

    The next worker skips the internal messages that stages sent each other before.
    """
    partitions = topics.check(kafka)
    topics.demand_idle(kafka, kafka.app_id)
    anew = partial(_while_idle, kafka, partial(_begin_anew, kafka, partitions))
    with writing(kafka, partial(read, kafka, partitions, tick), anew) as logs:
        rows = sum(map(len, logs.values()))
        for number, log in logs.items():
            _replace(log, number, None)
    topics.demand_idle(kafka, kafka.app_id)
    return rows


def _begin_anew(kafka: KafkaSettings, partitions: int) -> None:
    _forget_offsets(kafka, [kafka.clock, kafka.measurements])
    _commit(kafka, _ends(kafka, partitions), topics.RESET)


class ResetFeed(NamedTuple):
    """How many partitions had state of a feed, and how many of its outages were ended."""

    partitions: int
    outages: int


def reset_feed(settings: Settings, feed: str, tick: Tick) -> ResetFeed:
    """Delete the state of one feed and keep all else, offsets too, and end its outages, which nobody continues.

    Raises EbbtideError, before anything is written, if there is no such feed, a worker is alive, or no state.
    """
    if feed not in settings.feeds:
        raise UsageError(f"no feed {feed!r} in the settings: they have {', '.join(sorted(settings.feeds))}")
    kafka, partitions = settings.kafka, topics.check(settings.kafka)
    topics.demand_idle(kafka, kafka.app_id)
    with writing(kafka, partial(read, kafka, partitions, tick), partial(_while_idle, kafka)) as logs:
        if not any(logs.values()):
            raise StateError(f"group {kafka.app_id} has no state")
        had = sum(without_feed(settings, feed, number, log) for number, log in logs.items())
    topics.demand_idle(kafka, kafka.app_id)
    return ResetFeed(had, expire_outages_of(settings, feed, tick))


def without_feed(settings: Settings, feed: str, number: int, table: MutableMapping[bytes, bytes]) -> bool:
    """Delete a feed from the snapshots of a partition; return whether it was there. Raises StateError.

    They are read as under settings that do not name the feed, and saved so.
    """
    others = replace(settings, feeds={name: of for name, of in settings.feeds.items() if name != feed})
    had = any(key.startswith(f"{number}/{feed}/".encode()) for key in table)
    for stage in (kind(others, number, table, 0.0) for kind in STAGES):
        if isinstance(stage, IncidentStage):
            stage.grouping.forget(feed)
        if stage.store.places:
            stage.save(0.0)
    return had


def _ends(kafka: KafkaSettings, partitions: int) -> dict[TopicPartition, int]:
    """Return the end offsets of the internal topics, since stages will send these messages again."""
    names = [stage.topic_of(kafka) for stage in STAGES if stage.topic != "measurements"]
    with reading(kafka) as consumer:
        ends: dict[TopicPartition, int] = consumer.end_offsets(
            [TopicPartition(name, number) for name in names for number in range(partitions)]
        )
    return ends


def _check_rows(settings: Settings, state: State) -> None:
    """Read each snapshot as a worker would. Raises StateError before anything is written."""
    for number, rows in state.partitions.items():
        table: dict[bytes, bytes] = {}
        _replace(Changelog(table, lambda *_: None), number, rows)
        for stage in STAGES:
            stage(settings, number, table, 0.0)


def _check_topic(kafka: KafkaSettings, partitions: int, state: State, force: bool) -> None:
    """Raise StateError when the offsets of a state do not fit the topic as it is now."""
    header = state.header
    if header.partitions != partitions:
        raise StateError(f"the state is of {header.partitions} partitions, {kafka.measurements} has {partitions}")
    if header.measurements != kafka.measurements and not force:
        raise StateError(f"the state is of topic {header.measurements}, not {kafka.measurements}: --force says it fits")
    parts = _following(kafka, state)
    with reading(kafka) as consumer:
        first, ends = consumer.beginning_offsets(list(parts)), consumer.end_offsets(list(parts))
    for tp, following in parts.items():
        where = f"{tp.topic}/{tp.partition}"
        if following > ends[tp]:
            raise StateError(f"the state includes {where} up to {following - 1}, which ends at {ends[tp] - 1}")
        if following < first[tp] and not force:
            raise StateError(
                f"{where} lacks {following} to {first[tp] - 1}, which the state does not include (--force)"
            )


def _following(kafka: KafkaSettings, state: State) -> dict[TopicPartition, int]:
    """Return, for each partition, the first offset that the snapshots do not include."""
    return {
        TopicPartition(stage.topic_of(kafka), number): offset + 1
        for stage in STAGES
        for number, offset in state.offsets(stage.folder).items()
    }


def _committed(kafka: KafkaSettings) -> dict[TopicPartition, Any]:
    with topics.connected(kafka) as client:
        found = topics.committed_offsets(client, kafka.app_id)
    return {tp: at for tp, at in found.items() if at.offset >= 0 and tp.topic == kafka.measurements}


def _forget_offsets(kafka: KafkaSettings, names: Sequence[str]) -> None:
    with topics.connected(kafka) as client:
        committed = topics.committed_offsets(client, kafka.app_id)
        parts = [tp for tp in committed if tp.topic in names]
        if parts:
            _demand_no_error(client.delete_group_offsets(kafka.app_id, parts))


def _commit(kafka: KafkaSettings, following: Mapping[TopicPartition, int], mark: str = "") -> None:
    wanted = {tp: OffsetAndMetadata(offset, mark, -1) for tp, offset in following.items() if offset > 0}
    with topics.connected(kafka) as client:
        if wanted:
            _demand_no_error(client.alter_group_offsets(kafka.app_id, wanted))


def _demand_no_error(results: Mapping[TopicPartition, Any]) -> None:
    for tp, error in results.items():
        if error is not NoError:
            raise BrokerError(f"the offset of {tp.topic}/{tp.partition} was not changed: {error.__name__}")
