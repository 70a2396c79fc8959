"""Findings of shards that read simulated measurements, for the tests of what is made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from schemas.bin_report import BinReport
from schemas.incident import encode
from streams.config.metadata import Register
from streams.config.settings import Settings, from_builtins
from streams.pipeline.findings import SHARD
from streams.pipeline.incidents.grouping import Grouping, expected_reporters
from streams.pipeline.process import Tally, process
from streams.pipeline.shard import Shard
from tests.streams.helpers import LATER

HOUR = 3600
START = 1_577_836_800  # 2020-01-01
DARK = {1: 60, 2: 60, 3: 61, 4: 61, 5: 62}  # the hour at which each network falls, for ten hours
FEEDS = """[feeds.ping]
signal = "active-probing"
kind = "count"
bin = "1h"
lateness = "0s"
[feeds.routes]
signal = "bgp"
kind = "gauge"
bin = "20m"
lateness = "5m"
"""
SETTINGS = from_builtins(
    {
        "feeds": {
            "ping": {"signal": "active-probing", "kind": "count", "bin": "1h", "lateness": "0s"},
            "routes": {"signal": "bgp", "kind": "gauge", "bin": "20m", "lateness": "5m"},
        }
    }
)


def two_feeds() -> list[tuple[int, bytes]]:
    """Return measurements of ten networks of one country by ASN; five of them fall, of which one keeps its routes."""
    lines: list[tuple[float, int, dict[str, object]]] = []
    for hour in range(96):
        for asn in range(1, 11):
            is_dark = DARK.get(asn, 999) <= hour < DARK.get(asn, 999) + 10
            fields_of_asn, at = {"asn": asn, "country": "AZ"}, START + hour * HOUR + asn
            if not is_dark:
                lines.append((at, asn, {"feed": "ping", "ts": at, **fields_of_asn, "value": 400 + hour * 7 % 5}))
            value = 0 if is_dark and asn != 5 else 50
            times = (at, at + 1200, at + 2400)
            lines += [(t, asn, {"feed": "routes", "ts": t, **fields_of_asn, "value": value}) for t in times]
    return [(asn, orjson.dumps(fields)) for _, asn, fields in sorted(lines, key=lambda line: line[0])]


def findings(settings: Settings, number: int, values: Sequence[bytes], cut: int = 1 << 60) -> list[BinReport]:
    """Return what a shard finds in messages, taken in batches of `cut`."""
    shard, tally, found = Shard(settings, reporter=SHARD.format(number)), Tally(), list[BinReport]()
    shard.report_levels()
    for at in range(0, len(values), cut):
        part = values[at : at + cut]
        found += process(shard, tally, part, range(at, at + len(part)), LATER).bin_reports
    return found


def by_shard(settings: Settings, measured: Iterable[tuple[int, bytes]], shards: int) -> list[list[BinReport]]:
    """Return what each of some shards finds, when each has the networks that it would have in Kafka."""
    parts: list[list[bytes]] = [[] for _ in range(shards)]
    for asn, value in measured:
        parts[asn % shards].append(value)
    return [findings(settings, number, part) for number, part in enumerate(parts)]


def grouping(settings: Settings, shards: int) -> Grouping:
    """Return a grouping without findings."""
    return Grouping(settings, Register(), expected_reporters(settings, shards))


def incidents(settings: Settings, shards: int, reports: Iterable[BinReport]) -> list[bytes]:
    """Return the incidents of findings, settled after each of them."""
    group, found = grouping(settings, shards), []
    for finding in reports:
        group.add(finding)
        found += group.settle()
    return [encode(incident) for incident in [*found, *group.finish()]]
