"""The incidents that the drill's input ends in, when nothing happens to those who make them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from schemas.bin_report import BinReport
from schemas.incident import encode
from schemas.partial import AreaSumPart
from schemas.partial import encode as encode_partial
from streams.config.loader import load
from streams.config.metadata import Register
from streams.config.settings import Settings
from streams.pipeline.areas.partials import nothing
from streams.pipeline.emitted import Emitted
from streams.pipeline.incidents.grouping import Grouping, expected_reporters
from streams.state.area_stage import AreaStage
from streams.state.measurement_stage import MeasurementStage
from tests.drill.verdict import Key, key_of
from tests.streams.helpers import records

BATCH = 4000
LATER = 4e9  # a time of receipt after which no measurement lies


def incidents(feeds: Path, parts: Sequence[Path]) -> dict[Key, bytes]:
    """Return the revisions of incidents that come of what is found in each of these files, by id and number."""
    settings = load(feeds, {})
    kafka = msgspec.structs.replace(settings.kafka, partitions=len(parts))
    settings = msgspec.structs.replace(settings, kafka=kafka)
    grouping = Grouping(settings, Register(), expected_reporters(settings, len(parts), summed=True))
    partitions = [MeasurementStage(settings, number, {}, 0.0) for number in range(len(parts))]
    pieces: list[AreaSumPart] = []
    for partition, part in zip(partitions, parts, strict=True):
        for emitted in _read(partition, part.read_bytes().splitlines()):
            pieces += emitted.area_sums
            for report in emitted.bin_reports:
                grouping.add(report)
    for report in _areas(settings, partitions, pieces):
        grouping.add(report)
    return {key_of(value): value for value in map(encode, grouping.finish())}


def _read(partition: MeasurementStage, lines: Sequence[bytes]) -> Iterator[Emitted]:
    for at in range(0, len(lines), BATCH):
        yield partition.process(records(lines[at : at + BATCH], at, LATER), 0.0)


def _areas(
    settings: Settings, partitions: Sequence[MeasurementStage], pieces: Sequence[AreaSumPart]
) -> Iterator[BinReport]:
    """Yield what the areas find in all partitions; one that has nothing of a feed says so."""
    messages = [*map(encode_partial, pieces), *map(encode_partial, _nothing(partitions, pieces))]
    for number in range(len(partitions)):
        stage = AreaStage(settings, number, {}, 0.0)
        yield from stage.process(records(messages), 0.0).bin_reports


def _nothing(partitions: Sequence[MeasurementStage], pieces: Sequence[AreaSumPart]) -> Iterator[AreaSumPart]:
    last = {(piece.feed, piece.areas): piece.start for piece in sorted(pieces, key=lambda part: part.start)}
    reported = {(piece.feed, piece.areas, piece.shard) for piece in pieces}
    for partition in partitions:
        for (feed, areas), start in last.items():
            if (feed, areas, partition.number) not in reported:
                yield from nothing(partition.source(feed), [areas], start)
