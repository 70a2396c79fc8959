"""The contract of all stages: whatever they process, they skip, continue, save and refuse alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import msgspec
import pytest

from schemas import bin_report, incident, outage, partial
from streams.config.errors import StateError
from streams.config.settings import Settings
from streams.pipeline.emitted import Emitted
from streams.pipeline.findings import pieces_of
from streams.state.all_stages import STAGES
from streams.state.area_stage import AreaStage
from streams.state.incident_stage import IncidentStage
from streams.state.measurement_stage import MeasurementStage
from streams.state.row_codec import pack
from streams.state.snapshot_store import Loaded, SnapshotStore
from streams.state.stage import Stage
from tests.streams import divided, finding_helpers, helpers
from tests.streams.helpers import records

Table = dict[bytes, bytes]
Values = Sequence[bytes | None]
SHARDS = 2


class Case(NamedTuple):
    """A stage with messages for its partition 0; `middle`: an offset before and behind which it emits something."""

    stage: type[Stage]
    settings: Settings
    values: Values
    middle: int

    def open(self, table: Table, settings: Settings | None = None) -> Stage:
        """Return the stage as the newest snapshot in a table has it."""
        return self.stage(settings or self.settings, 0, table, 0.0)

    def process(self, stage: Stage, first: int, end: int, size: int = 200) -> list[bytes]:
        """Let a stage process the messages with these offsets, in batches; return all that it emits, in order."""
        cuts = [(at, min(at + size, end)) for at in range(first, end, size)]
        return [text for a, b in cuts for text in texts(stage.process(records(self.values[a:b], a), 0.0))]

    def load(self, table: Table) -> Loaded:
        """Return the newest snapshot in a table."""
        loaded = SnapshotStore(table, 0, self.stage.folder).load()
        assert loaded is not None
        return loaded


def texts(emitted: Emitted) -> list[bytes]:
    """Return all that a stage emits as bytes, in the order in which it is published."""
    pieces = [piece for report in emitted.bin_reports for piece in pieces_of(report)]
    return [
        *(b"%d %b" % (letter.origin.offset, letter.origin.payload) for letter in emitted.dead_letters),
        *map(outage.encode, emitted.outages),
        *map(bin_report.encode, pieces),
        *map(partial.encode, emitted.area_sums),
        *map(incident.encode, emitted.incidents),
    ]


def with_partitions(settings: Settings, partitions: int) -> Settings:
    """Return settings for so many partitions."""
    return msgspec.structs.replace(settings, kafka=msgspec.structs.replace(settings.kafka, partitions=partitions))


@cache
def case(stage: type[Stage]) -> Case:
    """Return messages for a stage among which outages or incidents open and end."""
    return {MeasurementStage: _measurements, AreaStage: _areas, IncidentStage: _incidents}[stage]()


def _measurements() -> Case:
    values = helpers.traffic(5, bins=14)
    return Case(MeasurementStage, divided.settings(SHARDS, helpers.KINDS), values, len(values) // 2)


def _areas() -> Case:
    settings = divided.settings(1, ("gauge", "count"))
    values = [value for _, value in divided.traffic(3, ("gauge", "count"))]
    emitted = MeasurementStage(settings, 0, {}, 0.0).process(records(values), 0.0)
    messages = [partial.encode(piece) for piece in emitted.area_sums]
    return Case(AreaStage, settings, messages, len(messages) // 2)


def _incidents() -> Case:
    settings = with_partitions(finding_helpers.SETTINGS, SHARDS)
    by_shard = finding_helpers.by_shard(settings, finding_helpers.two_feeds(), SHARDS)
    reports = sorted(
        (report for shard in by_shard for report in shard), key=lambda report: (report.end, report.reporter)
    )
    messages = [bin_report.encode(piece) for report in reports for piece in pieces_of(report)]
    return Case(IncidentStage, settings, messages, len(messages) * 2 // 3)


def without_a_feed(settings: Settings) -> tuple[Settings, bytes]:
    """Leave out the last feed; return a part of the names of its rows, too."""
    name = list(settings.feeds)[-1]
    feeds = {feed: feed_settings for feed, feed_settings in settings.feeds.items() if feed != name}
    return msgspec.structs.replace(settings, feeds=feeds), f"/{name}/".encode()


def without_areas(settings: Settings) -> tuple[Settings, bytes]:
    """Leave out the areas of all feeds."""
    feeds = {name: msgspec.structs.replace(feed, areas=()) for name, feed in settings.feeds.items()}
    return msgspec.structs.replace(settings, feeds=feeds), b"/cells/"


def with_one_partition(settings: Settings) -> tuple[Settings, bytes]:
    """Leave one partition."""
    return with_partitions(settings, 1), b"shard/1/"


SHRINKS = (without_a_feed, without_areas, with_one_partition)
each_stage = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.topic)


@each_stage
def test_the_messages_make_the_stage_emit_something(stage: type[Stage]) -> None:
    """Every case emits in both halves, so that the comparisons below compare something."""
    example, middle = case(stage), case(stage).middle
    first = example.open({})
    assert len(example.process(first, 0, middle)) > 0
    assert len(example.process(first, middle, len(example.values))) > 0


@each_stage
def test_what_the_state_includes_is_skipped(stage: type[Stage]) -> None:
    """Offsets up to `applied` emit nothing and change nothing, the rest of a batch is processed as if alone."""
    example, middle = case(stage), case(stage).middle
    plain, repeated = example.open({}), example.open({})
    example.process(plain, 0, middle)
    example.process(repeated, 0, middle)
    assert example.process(repeated, 0, middle // 2) == []
    assert repeated.applied == middle - 1
    assert example.process(repeated, middle // 2, len(example.values), 10_000) == example.process(
        plain, middle, len(example.values), 10_000
    )


@each_stage
@pytest.mark.parametrize("part", [0.0, 0.37, 0.71])
def test_a_restart_emits_the_same_bytes(stage: type[Stage], part: float) -> None:
    """A stage out of a snapshot emits what the first one goes on to emit, and saves the same rows."""
    example = case(stage)
    cut, end = int(len(example.values) * part), len(example.values)
    table: Table = {}
    first = example.open(table)
    example.process(first, 0, cut)
    first.save(0.0)
    copy = dict(table)
    again = example.open(copy)
    assert again.applied == cut - 1
    assert example.process(again, cut, end) == example.process(first, cut, end)
    first.save(1.0)
    again.save(1.0)
    assert example.load(copy).rows == example.load(table).rows
    assert example.load(copy).values == example.load(table).values


@each_stage
def test_unchanged_rows_are_not_written_again(stage: type[Stage]) -> None:
    """After one more message, a snapshot writes the rows that this message has changed, and no other."""
    example, cut = case(stage), case(stage).middle
    table: Table = {}
    opened = example.open(table)
    example.process(opened, 0, cut)
    opened.save(0.0)
    rows, before = example.load(table).rows, dict(opened.store.places)
    example.process(opened, cut, cut + 1)
    opened.save(1.0)
    written = {name for name, place in opened.store.places.items() if before.get(name) != place}
    assert written == {name for name, row in example.load(table).rows.items() if rows.get(name) != row}
    assert len(written) < len(rows)


@each_stage
def test_an_idle_save_writes_nothing_new(stage: type[Stage]) -> None:
    """Without a message since, a snapshot is not due, and one all the same leaves every byte as it was."""
    example = case(stage)
    table: Table = {}
    opened = example.open(table)
    example.process(opened, 0, example.middle)
    opened.save(0.0)
    before = dict(table)
    assert not opened.due(1e9)
    opened.save(1.0)
    assert table == before
    assert example.open(table).applied == opened.applied


@each_stage
def test_a_damaged_row_is_a_state_error(stage: type[Stage]) -> None:
    """Whichever row is cut off: one line, no guess, although the checksum in the head fits."""
    example = case(stage)
    table: Table = {}
    opened = example.open(table)
    example.process(opened, 0, example.middle)
    opened.save(0.0)
    loaded = example.load(table)
    for name, row in loaded.rows.items():
        damaged: Table = {}
        SnapshotStore(damaged, 0, stage.folder).save(loaded.values, {**loaded.rows, name: row[:-9]})
        with pytest.raises(StateError, match="a snapshot row is damaged") as error:
            example.open(damaged)
        assert "\n" not in str(error.value)


@each_stage
@pytest.mark.parametrize("values", [{}, {"offset": 1}, {"offset": 1, "sites": 5, "feeds": 5, "at": 5}])
def test_a_snapshot_of_something_else_is_a_state_error(stage: type[Stage], values: dict[str, int]) -> None:
    """It is whole, and holds something else: the line names topic and partition."""
    table: Table = {}
    SnapshotStore(table, 3, stage.folder).save(values, {"book": pack({}, {}), "running": pack({}, {})})
    with pytest.raises(StateError, match=f"{stage.topic}, partition 3: a snapshot is not one of format") as error:
        stage(finding_helpers.SETTINGS, 3, table, 0.0)
    assert "\n" not in str(error.value)


@each_stage
@pytest.mark.parametrize("shrink", SHRINKS, ids=lambda shrink: shrink.__name__)
def test_settings_that_shrink(stage: type[Stage], shrink: Callable[[Settings], tuple[Settings, bytes]]) -> None:
    """What the settings no longer name leaves the snapshot, nothing of it comes back, and the rest goes on."""
    example, middle = case(stage), case(stage).middle
    table: Table = {}
    opened = example.open(table)
    example.process(opened, 0, middle)
    opened.save(0.0)
    fewer, part = shrink(example.settings)
    smaller = example.open(table, fewer)
    assert smaller.applied == opened.applied
    smaller.save(1.0)
    assert not [key for key in table if part in key]
    example.process(smaller, middle, middle + 100)
    smaller.save(2.0)
    example.process(example.open(table), middle + 100, len(example.values))
