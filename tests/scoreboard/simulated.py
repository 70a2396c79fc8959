"""Simulated cases, of every kind of feed and many sizes, with known truth: the same on every machine."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from detectors.types import DAY
from schemas.times import format_time
from streams.evaluation.cases import FEEDS, LABELS, MEASUREMENTS
from tests.scoreboard.draw import DRAW, HOUR, START, Fall, Feed, Fields, Network, Random

MINUTE = 60
FIRST_ASN = 64_512  # private use
#: Unlabelled: what every network of a feed loses when its collector fails.
COLLECTOR = (Fall(2 * DAY + 7 * HOUR, 40 * MINUTE, 0.9), Fall(3 * DAY + 16 * HOUR, 30 * MINUTE, 0.5))


class Simulated(NamedTuple):
    """One case before it is drawn. `faults`: falls of all networks at once that are no outages of theirs."""

    name: str
    feed: Feed
    networks: tuple[Network, ...]
    faults: tuple[Fall, ...] = ()


def _fall(day: float, hours: float, depth: float) -> Fall:
    """Three minutes past: falls do not wait for the next bin."""
    return Fall(int(day * DAY) + 3 * MINUTE, int(hours * HOUR), depth)


def _nights(first: int, count: int) -> tuple[Fall, ...]:
    """Four dark hours from two in the morning, night after night."""
    return tuple(_fall(first + night + 2 / 24, 4, 1.0) for night in range(count))


def _with_quiet(networks: list[Network], quiet: int) -> tuple[Network, ...]:
    """Each network and so many of its size without a fall."""
    return tuple(member for network in networks for member in [network, *[network._replace(falls=())] * quiet])


def _cases() -> Iterator[Simulated]:
    sizes = [
        Network(2, (_fall(7.4, 12, 1.0),)),
        Network(5, (_fall(6.3, 6, 1.0), _fall(8.1, 12, 0.7))),
        Network(20, (_fall(5.5, 4, 1.0), _fall(8.6, 12, 0.5))),
        Network(100, (_fall(6.8, 2, 1.0), _fall(8.2, 12, 0.3))),
        Network(1_000, (_fall(5.2, 1, 0.9), _fall(7.3, 24, 0.15))),
        Network(10_000, (_fall(6.1, 0.5, 1.0), _fall(7.5, 6, 0.4))),
    ]
    yield Simulated("sim-events", Feed("traffic", "count", 600, 10 * DAY, 0.05), _with_quiet(sizes, 2))
    nights = [Network(1.5, _nights(1, 8), 0.1), Network(12, _nights(1, 8)), Network(400, _nights(1, 8))]
    yield Simulated("sim-curfew", Feed("traffic", "count", 600, 10 * DAY, 0.05), _with_quiet(nights, 1))
    probed = [
        Network(10, (_fall(5.3, 5, 1.0),)),
        Network(60, (_fall(4.7, 3, 0.6), _fall(6.2, 18, 0.3))),
        Network(600, (_fall(5.1, 1, 1.0), _fall(6.4, 20, 0.08))),
    ]
    yield Simulated("sim-probes", Feed("active-probing", "ratio", 600, 8 * DAY, 0.01), _with_quiet(probed, 4))
    levels = [
        Network(10, (_fall(16.3, 60, 0.5),), 0.0),
        Network(100, (_fall(14.2, 12, 0.4), _fall(20.6, 48, 0.1)), 0.0),
        Network(4_000, (_fall(15.5, 48, 0.03), _fall(22.1, 3, 0.6)), 0.0),
    ]
    yield Simulated("sim-routes", Feed("bgp", "gauge", 3600, 28 * DAY, 0.002), _with_quiet(levels, 5))
    members = [
        Network(3, (_fall(1.6, 4, 1.0),)),
        Network(8, (_fall(1.4, 2, 1.0), _fall(2.3, 6, 0.75))),
        Network(25, (_fall(1.3, 1, 0.9), _fall(2.1, 8, 0.4))),
        Network(90, (_fall(1.7, 0.5, 0.5), _fall(2.5, 6, 0.15))),
    ]
    yield Simulated("sim-members", Feed("ripe-atlas", "presence", 300, 3 * DAY, 0.7), _with_quiet(members, 24))
    sources = [Network(4, (_fall(3.2, 8, 1.0),)), Network(25, (_fall(2.6, 3, 1.0), _fall(3.4, 10, 0.6)))]
    yield Simulated("sim-sources", Feed("telescope", "distinct", 600, 4 * DAY, 0.1), _with_quiet(sources, 1))
    quiet = _with_quiet([Network(level) for level in (1, 5, 20, 100, 1_000, 10_000)], 7)
    yield Simulated("sim-quiet", Feed("traffic", "count", 3600, 28 * DAY, 0.06), quiet)
    broken = _with_quiet([Network(80, (_fall(3.2, 3, 0.7),))], 24)
    yield Simulated("sim-collector", Feed("active-probing", "ratio", 600, 4 * DAY, 0.01), broken, COLLECTOR)


SIMULATED = {case.name: case for case in _cases()}


def write(case: Simulated, folder: Path) -> Path:
    """Write a case as a folder like those of the recordings, and return it."""
    into = folder / case.name
    into.mkdir(parents=True, exist_ok=True)
    with gzip.open(into / MEASUREMENTS, "wt", compresslevel=1) as file:
        file.writelines(json.dumps(measurement) + "\n" for measurement in _measurements(case))
    with (into / LABELS).open("w", newline="") as file:
        csv.writer(file).writerows([["entity", "start", "end", "kind", "feed", "confidence"], *_labels(case)])
    feed = case.feed
    text = f'[feeds.{feed.kind}]\nsignal = "{feed.signal}"\nkind = "{feed.kind}"\nbin = {feed.width}\nlateness = "0s"\n'
    (into / FEEDS).write_text(text)
    return into


def _measurements(case: Simulated) -> list[Fields]:
    """All measurements, by event time."""
    drawn = [
        {"feed": case.feed.kind, "ts": START + at, "asn": FIRST_ASN + number, **fields}
        for number, network in enumerate(case.networks)
        for at, fields in _draw(case, number, network)
    ]
    return sorted(drawn, key=lambda measurement: int(measurement["ts"]))


def _draw(case: Simulated, number: int, network: Network) -> Iterator[tuple[int, Fields]]:
    """Draw one network, each from its own seed: a case may grow without changing the others in it."""
    whole = network._replace(falls=network.falls + case.faults)
    return DRAW[case.feed.kind](case.feed, whole, Random(number))


def _labels(case: Simulated) -> Iterator[list[str]]:
    for number, network in enumerate(case.networks):
        for start, length, _ in network.falls:
            edges = [format_time(START + start), format_time(START + start + length)]
            yield [f"asn/{FIRST_ASN + number}", *edges, "simulated", "*", "published-truth"]
