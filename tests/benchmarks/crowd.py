"""A crowd of series, for the size of a worker: many ASNs, each seen by several signals, once an hour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from detectors.types import Floats, Ints
from schemas.measurement import COUNTRIES
from streams.config.settings import Duration, FeedSettings, Settings, WorkerSettings
from streams.ingest.batch import Batch
from streams.ingest.columns import Columns
from streams.ingest.series_index import SeriesIndex
from streams.state.measurement_stage import MeasurementStage
from tests.benchmarks.messages import FIRST_ASN, START
from tests.streams.helpers import records

HOUR = 3600
AT_ONCE = 500  # measurements in a message
DAYS, NIGHT = 24, 0.4
IRAN = COUNTRIES.index("IR")
ALL = 4e9  # a time of receipt that no event time is ahead of


class Crowd(NamedTuple):
    """How many series: ASNs, each seen by so many signals, spread over partitions of the topic."""

    asns: int = 80_000
    signals: int = 5
    partitions: int = 4
    countries: int = 1

    @property
    def series(self) -> int:
        """Series in all."""
        return self.asns * self.signals

    def country(self, asn: int) -> bytes:
        """Return where a network is: Iran, if there is one country only."""
        return COUNTRIES[(IRAN + asn % self.countries) % len(COUNTRIES)].encode()

    def home(self, partition: int) -> list[int]:
        """Return the ASNs of a partition."""
        return list(range(FIRST_ASN + partition, FIRST_ASN + self.asns, self.partitions))


def feeds(crowd: Crowd) -> dict[str, FeedSettings]:
    """Return the settings of the signals."""
    return {
        f"signal{number}": FeedSettings(signal=f"signal{number}", kind="count", bin=Duration(HOUR))
        for number in range(crowd.signals)
    }


def feeds_text(crowd: Crowd) -> str:
    """Return the settings of the signals as they stand in a file."""
    return "".join(
        f'[feeds.{name}]\nsignal = "{feed.signal}"\nkind = "count"\nbin = "1h"\n' for name, feed in feeds(crowd).items()
    )


def values(crowd: Crowd, partition: int, hour: int) -> Floats:
    """Return what the series of a partition are measured in an hour: a level each, by day more than by night."""
    chance = np.random.default_rng((partition, 0))
    count = len(crowd.home(partition)) * crowd.signals
    level = 10 ** chance.uniform(1, 4, count)
    season = 1 - NIGHT * np.cos(2 * np.pi * (hour % DAYS + chance.uniform(0, 4, count)) / DAYS)
    return np.random.default_rng((partition, 1, hour)).poisson(level * season).astype(np.float64)


def measured(crowd: Crowd, partition: int, hour: int) -> list[bytes]:
    """Return the measurements of one hour, each series once."""
    asns = crowd.home(partition)
    who = [(b"signal%d" % number, asn) for number in range(crowd.signals) for asn in asns]
    return [
        b'{"feed":"%b","ts":%d,"asn":%d,"country":"%b","value":%d}'
        % (name, START + hour * HOUR + at % HOUR, asn, crowd.country(asn), value)
        for at, ((name, asn), value) in enumerate(zip(who, values(crowd, partition, hour).tolist(), strict=True))
    ]


def arrays(measurements: list[bytes], each: int = AT_ONCE) -> Iterator[bytes]:
    """Yield measurements as messages of so many."""
    for at in range(0, len(measurements), each):
        yield b"[%b]" % b",".join(measurements[at : at + each])


def learn(partition: MeasurementStage, crowd: Crowd, hours: int) -> None:
    """Let a new partition live through some hours, the first as messages with offsets from 0.

    The other hours come as columns, since what they are decoded from says nothing new.
    """
    first = list(arrays(measured(crowd, partition.number, 0)))
    partition.process(records(first, 0, ALL), 0.0)
    shard = partition.shard
    feed_codes: Mapping[str, int] = shard.reader.feeds
    numbers = np.repeat([feed_codes[name] for name in feeds(crowd)], len(crowd.home(partition.number)))
    codes = np.concatenate([_by_row(shard.feeds[name].index) for name in feeds(crowd)])
    for hour in range(1, hours):
        ts = (START + hour * HOUR + np.arange(len(codes)) % HOUR).astype(np.float64)
        shard.apply(
            Batch([], range(0), [], [], ALL, Columns(ts, values(crowd, partition.number, hour), numbers, codes))
        )


def _by_row(index: SeriesIndex) -> Ints:
    """Return the code of each row."""
    return index.codes.codes[np.argsort(index.codes.rows)]


def learnt(crowd: Crowd, **worker: float) -> Settings:
    """Return settings for a partition of the crowd outside a worker; durations in seconds."""
    return Settings(feeds=feeds(crowd), worker=msgspec.structs.replace(WorkerSettings(), **worker))
