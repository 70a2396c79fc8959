"""Cases to score against: a folder with a recording, the settings of its feeds, and its labels."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from detectors.evaluation.scoring import Label
from schemas.decode import RejectedValue, decode
from schemas.measurement import entity_of
from schemas.times import parse_time
from streams.config.errors import InputError
from streams.config.line_files import read_chunks

MEASUREMENTS, LABELS, FEEDS, TRUTH = "measurements.jsonl.gz", "labels.csv", "feeds.toml", "truth.jsonl"
COLUMNS = ("entity", "start", "end", "confidence")


class Case(NamedTuple):
    """One recording: its labels, the first and last measurement of each entity (Unix seconds), and the first value
    in it that is no measurement.
    """

    name: str
    folder: Path
    labels: list[Label]
    spans: Mapping[str, tuple[float, float]]
    first_unusable: RejectedValue | None = None


def find(folder: Path) -> list[Path]:
    """Return the cases in a folder, or the folder itself when it is one. Raises InputError when there is none."""
    found = sorted(file.parent for pattern in (LABELS, f"*/{LABELS}") for file in folder.glob(pattern))
    if not found:
        raise InputError(f"{folder}: no case here: no {LABELS} in it or in a folder of it")
    return found


def read(folder: Path) -> Case:
    """Return a case. Raises InputError, which names file, line and column."""
    return Case(folder.resolve().name, folder, _labels(folder / LABELS), *_spans(folder / MEASUREMENTS))


def _labels(file: Path) -> list[Label]:
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            return [_label(file, number, row) for number, row in enumerate(csv.DictReader(lines), start=2)]
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: is not a table: {error}") from None


def _label(file: Path, line: int, row: Mapping[str, str | None]) -> Label:
    entity, start, end, confidence = (_cell(file, line, row, column) for column in COLUMNS)
    starts, ends = _time(file, line, "start", start), _time(file, line, "end", end)
    return Label(entity, starts, ends, confidence.startswith("published"))


def _cell(file: Path, line: int, row: Mapping[str, str | None], column: str) -> str:
    text = row.get(column)
    if text is None:
        raise InputError(f"{file}:{line}: {column}: is missing")
    return text


def _time(file: Path, line: int, column: str, text: str) -> float:
    try:
        return parse_time(text)
    except ValueError as error:
        raise InputError(f"{file}:{line}: {column}: {error}") from None


def _spans(file: Path) -> tuple[dict[str, tuple[float, float]], RejectedValue | None]:
    spans: dict[str, tuple[float, float]] = {}
    unusable: RejectedValue | None = None
    for chunk in read_chunks([str(file)]):
        found = decode(chunk)
        unusable = unusable or next(iter(found.dead), None)
        for measurement in found.measurements:
            entity, at = entity_of(measurement), float(measurement.ts)
            first, last = spans.get(entity, (at, at))
            spans[entity] = (min(first, at), max(last, at))
    return spans, unusable
