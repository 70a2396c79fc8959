"""The shipped recording in two parts, cut in the middle of its outage."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from tests.ebbtide import MEASUREMENTS

CUT = 1_466_092_800  # 16:00


def halves(directory: Path) -> tuple[Path, Path]:
    """Write both parts into a folder and return their files."""
    lines = gzip.decompress(MEASUREMENTS.read_bytes()).splitlines(keepends=True)
    early = [line for line in lines if json.loads(line)["ts"] < CUT]
    parts = directory / "head.jsonl", directory / "tail.jsonl"
    parts[0].write_bytes(b"".join(early))
    parts[1].write_bytes(b"".join(lines[len(early) :]))
    return parts
