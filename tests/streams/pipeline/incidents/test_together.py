"""An outage that several feeds show together, from measurements to the incident: in one process, and in shards."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import orjson
import pytest
from msgspec.structs import replace

from detectors.incidents.doubts import Source
from schemas.bin_report import BinReport
from schemas.bin_report import encode as encode_bin_report
from schemas.incident import encode
from streams.config.settings import from_builtins
from streams.pipeline.findings import pieces_of
from streams.pipeline.incidents.grouping import Grouping
from streams.state.incident_stage import IncidentStage
from tests.streams.finding_helpers import by_shard, grouping, incidents
from tests.streams.helpers import records

START, HOUR = 1_600_041_600, 3600
NETWORKS, DOWN, DAYS = 9, 3, 22
FALL = range(20 * 24 + 9, 20 * 24 + 21)
FEEDS = {"one": 200, "two": 300, "three": 150}  # expected values
SHARDS = 2
SEED = 1
SETTINGS = from_builtins(
    {
        "kafka": {"partitions": SHARDS},
        "feeds": {
            name: {"signal": "traffic", "kind": "count", "bin": "1h", "lateness": "0s", "absent": "zero"}
            for name in FEEDS
        },
    }
)


def measured(seed: int, depth: float) -> list[tuple[int, bytes]]:
    """Return hourly counts of three feeds by network; one network loses a part of its own for half a day."""
    rng, found = np.random.default_rng(seed), list[tuple[int, bytes]]()
    for hour in range(24 * DAYS):
        season = 0.8 + 0.2 * math.sin(2 * math.pi * (hour % 24 - 9) / 24)
        for number in range(NETWORKS):
            left = 1 - depth if number == DOWN and hour in FALL else 1.0
            at = {"ts": START + hour * HOUR + 10, "asn": 64_600 + number, "country": ("KZ", "KG", "UZ")[number % 3]}
            for feed, size in FEEDS.items():
                value = round(rng.poisson(size * season * left) * rng.normal(1, 0.03))
                found.append((number, orjson.dumps({"feed": feed, **at, "value": max(value, 0)})))
    return found


@pytest.fixture(scope="module")
def reports() -> list[BinReport]:
    """What two shards report, in between each other."""
    by_reporter = by_shard(SETTINGS, measured(SEED, 0.2), SHARDS)
    return sorted(
        (report for course in by_reporter for report in course), key=lambda found: (found.end, found.reporter)
    )


def test_several_feeds_open_an_incident_and_say_what_each_gives(reports: list[BinReport]) -> None:
    """A loss of a fifth: opened by three feeds before any of them opens it, in one process as in shards."""
    found = incidents(SETTINGS, SHARDS, reports)
    whole = by_shard(SETTINGS, [(0, value) for _, value in measured(SEED, 0.2)], 1)
    assert found == incidents(SETTINGS, 1, whole[0])
    mine = [incident for incident in map(orjson.loads, found) if incident["scope"]["asns"] == [64_600 + DOWN]]
    sure = next(incident for incident in mine if incident["state"] == "ongoing")
    shares = sure["confidence"]["by_feed"]
    assert set(shares) == set(sure["confidence"]["for"]) == set(FEEDS)
    assert max(shares.values()) < sum(shares.values())
    assert all(nats > 0 for nats in shares.values())
    assert sure["confidence"]["note"].startswith(f"together: {max(shares, key=shares.__getitem__)} ")
    assert mine[-1]["state"] == "ended"
    assert all(len(outage_id) == 16 for outage_id in mine[-1]["outage_ids"])


def test_a_restart_changes_nothing(reports: list[BinReport]) -> None:
    """A stage that goes on from a snapshot within the outage, or before it, sends what an undisturbed one sends."""
    pieces = [encode_bin_report(piece) for report in reports for piece in pieces_of(report)]
    after = [len(pieces) * (FALL.start + hours) // (24 * DAYS) for hours in (-100, 3, 8)]
    sent = []
    for cuts in ([0, len(pieces)], [0, *after, len(pieces)]):
        table: dict[bytes, bytes] = {}
        lines: list[bytes] = []
        for first, end in pairwise(cuts):
            stage = IncidentStage(SETTINGS, 0, table, 0.0)
            lines += map(encode, stage.process(records(pieces[first:end], first), 0.0).incidents)
            stage.save(0.0)
        sent.append(lines)
    assert sent[0] == sent[1] != []


def test_a_feed_that_is_deleted_says_nothing_any_more(reports: list[BinReport]) -> None:
    """Its doubts are forgotten with it, those of the others stay."""
    group = grouping(SETTINGS, SHARDS)
    for report in reports:
        if report.end <= START + (FALL.start + 3) * HOUR:
            group.add(report)
            group.settle()
    before = _sources(group)
    assert {"one", "two"} <= {feed for _, feed in before}
    group.forget("one")
    assert _sources(group) == {source for source in before if source[1] != "one"}


def test_empty_bins_of_a_feed_do_not_count(reports: list[BinReport]) -> None:
    """They tell nothing of how rare its doubts are: of two days one feed sends nothing for ten hours."""
    day = 12 * 24  # no series is in doubt: nothing has been learnt since the start
    silent = range(START + day * HOUR, START + (day + 10) * HOUR)
    group = grouping(SETTINGS, SHARDS)
    for report in reports:
        if report.end <= START + 13 * 24 * HOUR:
            empty = report.feed == "two" and report.end in silent
            group.add(replace(report, empty=empty, doubts=[]))
            group.settle()
    group.finish()
    assert group.doubts.closed == {"one": 13 * 24, "two": 13 * 24 - 10, "three": 13 * 24}


def _sources(group: Grouping) -> set[Source]:
    return {source for sources in group.doubts.doubts.values() for source in sources}
