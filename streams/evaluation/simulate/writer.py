"""Write a scenario as a folder like that of a recording, with the truth beside it."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import orjson

from schemas.times import format_time
from streams.config.errors import UsageError
from streams.evaluation.cases import FEEDS, LABELS, MEASUREMENTS, TRUTH
from streams.evaluation.simulate.stream import measurements
from streams.evaluation.simulate.truth import labels, truth
from streams.evaluation.simulate.world import Scenario, SimulatedFeed

COLUMNS = ("entity", "start", "end", "kind", "feed", "confidence")


def write(scenario: Scenario, seed: int, folder: Path) -> int:
    """Write measurements, feeds, truth and labels; return how many measurements. Raises UsageError."""
    lines = measurements(scenario, seed)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MEASUREMENTS).write_bytes(gzip.compress("".join(lines).encode(), compresslevel=6, mtime=0))
        (folder / FEEDS).write_text("\n".join(map(_settings, scenario.feeds)), encoding="utf-8")
        (folder / TRUTH).write_bytes(b"".join(orjson.dumps(happening) + b"\n" for happening in truth(scenario)))
        _write_labels(scenario, folder / LABELS)
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: cannot be written: {error.strerror}") from None
    return len(lines)


def _settings(feed: SimulatedFeed) -> str:
    absent = 'absent = "zero"\n' if feed.kind in ("count", "distinct") else ""
    areas = f"areas = {json.dumps(feed.areas)}\n" if feed.areas else ""
    return (
        f'[feeds.{feed.name}]\nsignal = "{feed.signal}"\nkind = "{feed.kind}"\n'
        f'bin = "{feed.width}s"\nlateness = "{feed.lateness}s"\n{absent}{areas}'
    )


def _write_labels(scenario: Scenario, file: Path) -> None:
    rows = [
        (
            label.entity,
            format_time(label.start),
            format_time(label.end),
            scenario.name,
            label.feeds[0] if len(label.feeds) == 1 else "*",
            "published-truth",
        )
        for label in labels(scenario)
    ]
    with file.open("w", encoding="utf-8", newline="") as table:
        csv.writer(table, lineterminator="\n").writerows([COLUMNS, *rows])
