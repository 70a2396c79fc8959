"""A minority of wrong clocks, drawn from a seed: others are binned, and no false outage of them is reported."""

from __future__ import annotations

import random

import numpy as np

from streams.config.settings import Duration, FeedSettings, KafkaSettings, Settings
from streams.ingest.record_run import Run
from streams.state.measurement_stage import MeasurementStage
from tests.streams.helpers import START, message

NETWORKS, WIDTH, EVERY, MINUTES = 9, 300, 60, 240
CREATE_TIME, LOG_APPEND_TIME = 0, 1
OFFSETS = (-1e8, -86_400, -3600, -500, -150, 150, 300, 500, 3600, 86_400, 1e8)  # seconds


def check(seed: int) -> None:
    """Measure networks once a minute, up to four of nine by wrong clocks. Raises AssertionError."""
    rng = random.Random(seed)
    wrong = {asn: rng.choice(OFFSETS) * rng.uniform(0.8, 1.2) for asn in rng.sample(range(1, 10), rng.randrange(5))}
    feed = FeedSettings(signal="test", kind=rng.choice(("count", "gauge")), bin=Duration(WIDTH))
    settings = Settings(feeds={"feed": feed}, kafka=KafkaSettings(partitions=1))
    timestamps = rng.choice((CREATE_TIME, LOG_APPEND_TIME))
    stage, outages, honest = MeasurementStage(settings, 0, {}, 0.0), set[str](), 0
    for minute in range(0, MINUTES, 5):
        values, times = _minutes(rng, minute, wrong)
        honest += 5 * (NETWORKS - len(wrong))
        offsets = range(stage.applied + 1, stage.applied + 1 + len(values))
        run = Run(offsets, np.array(times, dtype=np.int64), [b"asn/1"] * len(values), values, timestamps)
        outages |= {outage.entity for outage in stage.process(run, 0.0).outages}
    outages |= {outage.entity for outage in stage.follow_clock(0, 1e6).outages}
    counts = stage.shard.counts["feed"]
    assert counts.binned >= honest, (seed, wrong, counts)
    assert not outages & {f"asn/{asn}" for asn in range(1, 10) if asn not in wrong}, (seed, wrong, outages)
    newest = stage.shard.newest()["feed"]
    assert newest >= START + 60 * (MINUTES - 10), (seed, wrong, newest)


def _minutes(rng: random.Random, first: int, wrong: dict[int, float]) -> tuple[list[bytes | None], list[int]]:
    """Return the messages of five minutes and their times of receipt (ms)."""
    values: list[bytes | None] = []
    times = []
    for at in range(START + first * EVERY, START + (first + 5) * EVERY, EVERY):
        for asn in rng.sample(range(1, NETWORKS + 1), NETWORKS):
            values.append(message("feed", at + wrong.get(asn, 0.0), asn, value=20 + rng.randrange(3)))
            times.append(1000 * (at + 1))
    return values, times
