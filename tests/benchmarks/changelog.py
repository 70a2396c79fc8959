"""What a worker writes of its state when time runs as it does outside: no Kafka, a clock that follows event time."""

from __future__ import annotations

from itertools import islice

from streams.config.settings import Duration, FeedSettings, Settings
from streams.state.measurement_stage import MeasurementStage
from tests.benchmarks.messages import FEED, START, WIDTH, Load, messages
from tests.streams.helpers import records

SERIES = 5_000
BINS = 36
WARM = 12
EACH = 500


def bytes_per_series_and_bin() -> float:
    """Return the bytes that one partition writes, once its series are known, for each of them and each bin."""
    load = Load(2 * SERIES * BINS, SERIES, BINS)
    settings = Settings(feeds={FEED: FeedSettings(signal="traffic", kind="count", bin=Duration(WIDTH))})
    partition = MeasurementStage(settings, 0, {}, float(START))
    stream, before = messages(load), 0
    for first in range(0, load.measurements, EACH):
        now = START + first / load.measurements * BINS * WIDTH
        values = [message.value for message in islice(stream, EACH)]
        partition.process(records(values, first, now), now)
        if partition.due(now):
            partition.save(now)
        if now <= START + WARM * WIDTH:
            before = partition.store.bytes_written
    return (partition.store.bytes_written - before) / (SERIES * (BINS - WARM))
