"""Measurements as JSON lines, the form that `ebbtide detect` and `ebbtide replay` read."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import msgspec

from schemas.measurement import Measurement
from streams.config.errors import StateError, UsageError
from streams.config.meant import meant
from streams.config.ris_source import RisSource
from streams.config.route_sources import MrtSource
from streams.config.settings import Settings
from streams.config.sources import FilesSource, SourceSettings
from streams.sources.coverage import CoverageRule, ExporterCoverage
from streams.sources.decoders import ROUTES, decoder_of
from streams.sources.enrichment import Enrichment, enrichment_of
from streams.sources.files import format_of, matching, read_files
from streams.sources.gather import Gather, GatherRule
from streams.sources.mrt_files import read_mrt
from streams.sources.part_clock import Position
from streams.sources.positions import SavedSource
from streams.sources.records import Decoder, RecordChunk
from streams.sources.route_bins import BinRule, RouteBins
from streams.sources.stage import Due, SourceStage

RouteSources = MrtSource | RisSource
_ENCODER = msgspec.json.Encoder()


def encoded(measurements: Iterable[Measurement]) -> list[bytes]:
    """Return measurements as JSON, without line ends."""
    return list(map(_ENCODER.encode, measurements))


def source_named(settings: Settings, name: str) -> SourceSettings:
    """Return the settings of a source. Raises UsageError when there is none of that name."""
    if name not in settings.sources:
        there = f"there are {', '.join(settings.sources)}" if settings.sources else "the settings name no sources"
        raise UsageError(f"no source {name!r}: {there}{meant(name, settings.sources)}")
    return settings.sources[name]


def stage_of(
    settings: Settings,
    name: str,
    decoder: Decoder,
    saved: SavedSource = SavedSource(),  # noqa: B008 (frozen)
) -> SourceStage:
    """Return the stage of a source where it goes on, by default at its beginning. Raises StateError."""
    source = source_named(settings, name)
    feed = settings.feeds[source.feed]
    rule = GatherRule(source.feed, feed.kind, int(feed.bin), source.waits)
    coverage = _coverage(settings, name, saved.coverage) if source.says_zero(feed.kind) else None
    gather = Gather(rule, saved.positions, coverage=coverage)
    return SourceStage(name, decoder, gather, is_proved=any(position.sent for position in saved.positions.values()))


def _coverage(settings: Settings, name: str, saved: Mapping[str, bytes]) -> ExporterCoverage:
    source = settings.sources[name]
    feed, most = settings.feeds[source.feed], settings.limits(source.feed).series
    forget = float(settings.worker.forget_after), float(source.forget_exporter_after)
    try:
        return ExporterCoverage.restored(CoverageRule(source.feed, int(feed.bin), most, *forget), saved)
    except msgspec.DecodeError as error:
        raise StateError(f"topic {settings.kafka.sources_state}, source {name}: no coverage: {error}") from None


class FileInput(NamedTuple):
    """The files of a source, their decoder, and whether they are tables."""

    names: list[str]
    decoder: Decoder
    has_header: bool


def file_input(
    source: SourceSettings, name: str, files: Sequence[str] = (), enrichment: Enrichment | None = None
) -> FileInput:
    """Return what reads files, by default those of the settings. Raises an EbbtideError."""
    names = matching(files or (source.paths if isinstance(source, FilesSource | MrtSource) else ()))
    if not names:
        raise UsageError(f"sources.{name}.paths: names no files")
    if isinstance(source, RouteSources):
        return FileInput(names, decoder_of(name, source, ROUTES, enrichment), False)
    form = (source.format if isinstance(source, FilesSource) else None) or format_of(names)
    return FileInput(names, decoder_of(name, source, form, enrichment), form == "csv")


def file_chunks(
    settings: Settings,
    name: str,
    found: FileInput,
    now: float,
    positions: Mapping[str, Position] | None = None,
    routes: RouteBins | None = None,
) -> Iterator[RecordChunk]:
    """Return the records of files from their positions. Raises InputError, which names the file.

    `now`: wall time (Unix seconds). `routes`: of a source of routes, what is remembered; by default nothing.
    """
    if (bins := routes or route_bins_of(settings, name)) is not None:
        return read_mrt(found.names, bins, positions, now)
    return read_files(found.names, found.has_header, positions)


def route_bins_of(settings: Settings, name: str) -> RouteBins | None:
    """Return an empty table of routes; None for a source that reads none."""
    source = source_named(settings, name)
    if not isinstance(source, RouteSources):
        return None
    return RouteBins(source.routes, BinRule(int(settings.feeds[source.feed].bin), float(settings.worker.forget_after)))


def measured(stage: SourceStage, chunks: Iterable[RecordChunk]) -> Iterator[Due]:
    """Yield the measurements of a source that ends, as they fall due, then the rest."""
    for chunk in chunks:
        stage.process(chunk)
        yield stage.due()
    yield stage.rest()


def file_measurements(settings: Settings, name: str, files: Sequence[str]) -> tuple[SourceStage, Iterator[Due]]:
    """Return the stage of a source of files, and its measurements as they fall due. Raises an EbbtideError."""
    found = file_input(source_named(settings, name), name, files, enrichment_of(settings, name))
    stage = stage_of(settings, name, found.decoder)
    return stage, measured(stage, file_chunks(settings, name, found, time.time()))


def summary_of(stages: Iterable[SourceStage]) -> dict[str, int]:
    """Return the counts of sources, by what they count."""
    tallies = [stage.tally for stage in stages]
    counts = {
        "records": sum(tally.records for tally in tallies),
        "measurements": sum(tally.measurements for tally in tallies),
        "left out": sum(tally.left_out for tally in tallies),
        "bad networks": sum(tally.bad_networks for tally in tallies),
    }
    more = {
        "zero": sum(tally.zeros for tally in tallies),
        "not measured": sum(tally.unmeasured for tally in tallies),
        "unknown": sum(tally.unknown for tally in tallies),
        "duplicates": sum(tally.duplicates for tally in tallies),
        "s of gaps": sum(tally.gap_seconds for tally in tallies),
    }
    routes = Counter[str]()
    for tally in tallies:
        routes.update(tally.routes)
    reasons = sorted(set(chain.from_iterable(tally.rejected for tally in tallies)))
    return {
        **counts,
        **{name: number for name, number in more.items() if number},
        **{f"routes ({event})": number for event, number in sorted(routes.items()) if number},
        **{f"rejected ({reason})": sum(tally.rejected[reason] for tally in tallies) for reason in reasons},
    }
