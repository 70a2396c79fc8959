"""The input of the drill: measurements of many ASNs with known outages, the same bytes for the same load.

Five feeds of half-hour bins: counts and gauges of every ASN, one measurement a bin, the members of one ASN in five,
gauges of some whose countries are summed, of which one loses most for two hours, and gauges that stop for good after a
third of the time; one partition has nothing of the summed ones.
Messages come in order of arrival: mostly that of event time, some delayed within lateness, a few beyond it, a few of no
use. The last bin is a tail, which carries the clock of every partition past the bin before and is not closed itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from detectors.types import Flags, Floats
from tests.drill.known import left

WIDTH = 1800
LATENESS = 60
START = 1_704_214_800  # 2 January 2024, 17:00 UTC: midnight falls into all but the shortest runs
PARTITIONS = 4
MEMBERS = 12
WITH_MEMBERS = 5  # one ASN in so many has members
FIRST_ASN = 64_512
COUNTRIES = ("IR", "KZ", "AZ", "VE", "UA")
WITH_AREAS = 5  # one ASN in so many, but none of the last partition, is in the feed with areas
STOPS = 3  # a feed stops after this part of the time
DARK = "VE"  # the country that has an outage, at half of the time
FEEDS = "".join(
    f'[feeds.{name}]\nsignal = "{signal}"\nkind = "{kind}"\nbin = "30m"\nlateness = "1m"\nareas = [{areas}]\n\n'
    for name, signal, kind, areas in (
        ("hits", "traffic", "count", ""),
        ("level", "bgp", "gauge", ""),
        ("probes", "ripe-atlas", "presence", ""),
        ("places", "telescope", "gauge", '"country"'),
        ("scans", "active-probing", "gauge", ""),
    )
)


class Load(NamedTuple):
    """How much is measured, of how many ASNs, and the seed of all chance in it."""

    measurements: int
    series: int
    seed: int

    @property
    def bins(self) -> int:
        """Bins that are closed in the end; with those of the tail there are `measurements` or more."""
        return math.ceil(self.measurements / (2 * self.series))


class Message(NamedTuple):
    """A message: its partition, the number of the bin in which it arrives, its value and its key."""

    partition: int
    bin: int
    value: bytes
    key: bytes = b"unknown"


Sent = tuple[float, int, bytes]  # time of arrival, ASN from 0, value


def messages(load: Load) -> Iterator[Message]:
    """Yield all messages in order of arrival."""
    chance = np.random.default_rng(load.seed)
    share = left(load.series, load.bins, chance)
    waiting: list[Sent] = []
    down = np.zeros((load.series, MEMBERS), dtype=np.bool_)
    for number in range(load.bins + 1):
        start = START + number * WIDTH
        waiting += _hits(chance, start, share[:, number])
        waiting += _level(chance, start, share[:, number])
        waiting += _probes(chance, start, share[:, number], down, first=number == 0)
        waiting += _places(chance, start, share[:, number], dark=0 <= number - load.bins // 2 < 4)
        waiting += _useless(chance, start, load.series)
        if number < load.bins // STOPS:
            waiting += _scans(np.random.default_rng([load.seed, number]), start, share[:, number])
        waiting.sort()
        arrived = [waiting_message for waiting_message in waiting if waiting_message[0] < start + WIDTH]
        for _, asn, value in arrived:
            yield Message(asn % PARTITIONS, number, value, b"asn/%d" % (FIRST_ASN + asn))
        waiting = waiting[len(arrived) :]


def struck(load: Load) -> set[str]:
    """Return the entities that have an outage in the input."""
    share = left(load.series, load.bins, np.random.default_rng(load.seed))
    return {f"asn/{FIRST_ASN + asn}" for asn in np.flatnonzero(share.min(axis=1) < 1).tolist()}


def _times(chance: Generator, start: int, count: int) -> tuple[list[float], list[float]]:
    """Return event times in a bin, and when each arrives: one in ten is delayed, within lateness."""
    ts = start + np.round(chance.random(count) * WIDTH, 3)
    delay = np.where(chance.random(count) < 0.1, chance.random(count) * 0.9 * LATENESS, 0.0)
    return ts.tolist(), (ts + delay).tolist()


def _hits(chance: Generator, start: int, share: Floats) -> Iterator[Sent]:
    """Counts around a mean of the ASN's own; none from one that is dark; one in 250 comes again, mostly too late."""
    value = chance.poisson(20.0 * (1 + np.arange(len(share)) % 37) * share)
    seen = np.flatnonzero(value)
    ts, arrival = _times(chance, start, len(seen))
    delay = np.where(chance.random(len(seen)) < 0.004, chance.random(len(seen)) * 4 * WIDTH, 0).tolist()
    for asn, number, at, come, later in zip(seen.tolist(), value[seen].tolist(), ts, arrival, delay, strict=True):
        sent = come, asn, b'{"feed":"hits","ts":%.3f,%b,"value":%d}' % (at, _who(asn), number)
        yield sent
        if later > 2 * WIDTH + LATENESS or 0 < later < LATENESS:
            yield come + later, asn, sent[2]


def _level(chance: Generator, start: int, share: Floats) -> Iterator[Sent]:
    """Levels that stray by a hundredth."""
    asns = np.arange(len(share))
    value = np.maximum((100.0 + asns % 997) * share * (1 + 0.01 * chance.standard_normal(len(share))), 0)
    for asn, number, at, come in zip(asns.tolist(), value.tolist(), *_times(chance, start, len(asns)), strict=True):
        yield come, asn, b'{"feed":"level","ts":%.3f,%b,"value":%.2f}' % (at, _who(asn), number)


def _probes(chance: Generator, start: int, share: Floats, down: Flags, *, first: bool) -> Iterator[Sent]:
    """Members that come and go: all in the first bin, as many as the ASN has lost, and one in a hundred by chance."""
    want = np.arange(MEMBERS) >= np.round(share * MEMBERS)[:, None]
    want ^= chance.random(want.shape) < 0.01
    moved = want != down
    moved |= first
    moved[np.arange(len(share)) // PARTITIONS % WITH_MEMBERS > 0] = False
    rows, members = np.nonzero(moved)
    down[:] = want
    ts, arrival = _times(chance, start, len(rows))
    for asn, member, at, come in zip(rows.tolist(), members.tolist(), ts, arrival, strict=True):
        up = b"false" if want[asn, member] else b"true"
        yield come, asn, b'{"feed":"probes","ts":%.3f,%b,"member":"p%d","up":%b}' % (at, _who(asn), member, up)


def _places(chance: Generator, start: int, share: Floats, *, dark: bool) -> Iterator[Sent]:
    """Levels of some ASNs, of which those of one country may have lost most."""
    asns = np.flatnonzero((np.arange(len(share)) // PARTITIONS % WITH_AREAS == 0) & (np.arange(len(share)) % 4 < 3))
    there = np.array([COUNTRIES[asn // 7 % len(COUNTRIES)] == DARK for asn in asns.tolist()])
    value = (50.0 + asns % 313) * share[asns] * np.where(there & dark, 0.3, 1.0)
    value = np.maximum(value * (1 + 0.01 * chance.standard_normal(len(asns))), 0)
    for asn, number, at, come in zip(asns.tolist(), value.tolist(), *_times(chance, start, len(asns)), strict=True):
        yield come, asn, b'{"feed":"places","ts":%.3f,%b,"value":%.2f}' % (at, _who(asn), number)


def _scans(chance: Generator, start: int, share: Floats) -> Iterator[Sent]:
    """Levels of the ASNs that have members, in the feed that stops."""
    asns = np.flatnonzero(np.arange(len(share)) // PARTITIONS % WITH_MEMBERS == 0)
    value = np.maximum(200.0 * share[asns] * (1 + 0.01 * chance.standard_normal(len(asns))), 0)
    for asn, number, at, come in zip(asns.tolist(), value.tolist(), *_times(chance, start, len(asns)), strict=True):
        yield come, asn, b'{"feed":"scans","ts":%.3f,%b,"value":%.2f}' % (at, _who(asn), number)


def _useless(chance: Generator, start: int, series: int) -> Iterator[Sent]:
    """Dead letters: no JSON, an unknown feed, a time hours ahead of all others."""
    for asn in chance.choice(series, max(1, series // 2000), replace=False).tolist():
        at = start + chance.random() * WIDTH
        yield at, asn, b'{"feed":"hits","ts":'
        yield at, asn, b'{"feed":"nobody","ts":%.3f,%b}' % (at, _who(asn))
        yield at, asn, b'{"feed":"hits","ts":%.3f,%b,"value":1}' % (at + 5 * 3600, _who(asn))


def _who(asn: int) -> bytes:
    return b'"asn":%d,"country":"%b"' % (FIRST_ASN + asn, COUNTRIES[asn // 7 % len(COUNTRIES)].encode())
