"""Two of four services fail in a country of three networks: a block of services, and never the Internet."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from schemas.incident import decode_incident
from streams.config.loader import load
from streams.evaluation.detect import detect, incident_lines
from streams.pipeline.process import Tally
from streams.pipeline.shard import Shard

START = 1_600_041_600
HOUR = 3600
FAILED = ("calls-a", "calls-b")
SETTINGS = """
[feeds.service]
signal = "service"
kind = "ratio"
bin = "1h"
lateness = "1h"
areas = ["country", {area}]

[feeds.reach]
signal = "active-probing"
kind = "ratio"
bin = "1h"
lateness = "1h"
areas = ["country"]
"""


def measured(seed: int) -> Iterator[bytes]:
    """Yield ten days of a few trials an hour; two services fail for three of them."""
    rng = random.Random(seed)
    for hour in range(24 * 10):
        for asn in (64601, 64602, 64603):
            at = {"ts": START + HOUR * hour + 60, "asn": asn, "country": "AZ"}
            for service in (*FAILED, "chat", "web"):
                works = 0.05 if service in FAILED and 126 <= hour < 200 else 0.94
                value = sum(rng.random() < works for _ in range(3))
                yield orjson.dumps({"feed": "service", "service": service, **at, "value": value, "of": 3})
            yield orjson.dumps({"feed": "reach", **at, "value": sum(rng.random() < 0.95 for _ in range(15)), "of": 15})


@pytest.mark.parametrize("area", ['"country+service"', '"asn"'])
def test_two_of_four_services(tmp_path: Path, area: str) -> None:
    """In no revision is the Internet down, whatever is summed; both services are in one incident, with all sums."""
    (tmp_path / "feeds.toml").write_text(SETTINGS.format(area=area))
    (tmp_path / "m.jsonl").write_bytes(b"\n".join(measured(1)))
    shard = Shard(load(tmp_path / "feeds.toml", {}))
    steps = detect(shard, Tally(), [str(tmp_path / "m.jsonl")], lambda: START + 1e7)
    found = [decode_incident(line) for step in incident_lines(shard, steps) for line in step]
    assert not [incident.headline for incident in found if not incident.headline.startswith("Access to ")]
    last = {incident.incident_id: incident for incident in found}.values()
    (incident,) = (incident for incident in last if incident.confirmed_at and not incident.merged_into)
    assert incident.headline.startswith("Access to calls-a and calls-b was down in Azerbaijan")
