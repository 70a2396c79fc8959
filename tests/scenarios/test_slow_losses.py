"""A country's mobile networks lose a little each week, for good: one incident, from measurements to its headline."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
import pytest

from schemas.incident import Incident, decode_incident
from schemas.times import parse_time
from streams.config.loader import load
from streams.evaluation.detect import detect, incident_lines
from streams.pipeline.process import Tally
from streams.pipeline.shard import Shard

START = 1_600_300_800  # a Thursday, 00:00 UTC
DAY = 86_400
NETWORKS = (("mobile", 8000), ("mobile", 6500), ("mobile", 4500), ("fixed", 11_000), ("fixed", 4000))
SETTINGS = """
[feeds.traffic]
signal = "traffic"
kind = "count"
bin = "1h"
lateness = "0s"
absent = "zero"
areas = ["country", "country+access"]
"""


def measured(seed: int, days: int, lost: dict[str, tuple[float, ...]]) -> Iterator[bytes]:
    """Yield hourly counts of five networks; `lost`: by access, the share lost from day 28, 35 and 42 on."""
    rng = np.random.default_rng(seed)
    for hour in range(24 * days):
        day = hour // 24
        usual = (0.94 if day % 7 in (5, 6) else 1) * (0.8 + 0.2 * math.sin(2 * math.pi * (hour % 24 - 9) / 24))
        for number, (access, size) in enumerate(NETWORKS):
            gone = (0.0, *lost[access])[sum(day >= 28 + 7 * step for step in range(3))]
            value = int(rng.poisson(size * usual * (1 - gone) * rng.normal(1, 0.012)))
            place = {"asn": 64_611 + number, "country": "KZ", "access": access}
            yield orjson.dumps({"feed": "traffic", "ts": START + 3600 * hour + 10, **place, "value": value})


def incidents(tmp_path: Path, lines: Iterator[bytes]) -> list[Incident]:
    """Return all revisions of the incidents of these measurements that are confirmed."""
    (tmp_path / "feeds.toml").write_text(SETTINGS)
    (tmp_path / "measured.jsonl").write_bytes(b"\n".join(lines))
    shard = Shard(load(tmp_path / "feeds.toml", {}))
    steps = detect(shard, Tally(), [str(tmp_path / "measured.jsonl")], lambda: START + 365.0 * DAY)
    revisions = [decode_incident(line) for step in incident_lines(shard, steps) for line in step]
    sure = [revision for revision in revisions if "may " not in revision.headline]
    assert all(revision.state != "suspected" for revision in sure)
    return sure


@pytest.mark.parametrize("seed", [1, 2])
def test_steps_of_the_mobile_networks_are_one_partial_incident(seed: int, tmp_path: Path) -> None:
    """4, 9 and 15 % in weekly steps: found within two days of the second, dated to the first."""
    found = incidents(tmp_path, measured(seed, 46, {"mobile": (0.04, 0.09, 0.15), "fixed": (0, 0, 0)}))
    assert len({incident.incident_id for incident in found}) == 1
    assert parse_time(found[0].updated_at) <= START + 37 * DAY
    assert abs(parse_time(found[-1].started_at) - (START + 28 * DAY)) <= DAY
    assert (found[-1].kinds, found[-1].severity) == (["mobile-only", "partial"], "partial")
    assert set(found[-1].scope.asns) <= {64_611, 64_612, 64_613}


def test_what_all_networks_lose_slowly_is_no_outage(tmp_path: Path) -> None:
    """The same steps in all of the country's networks are a change of the country, and nothing is reported."""
    steps = (0.04, 0.09, 0.13)
    assert incidents(tmp_path, measured(3, 46, {"mobile": steps, "fixed": steps})) == []
