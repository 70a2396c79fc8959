"""Two partitions that read the feeds of `finding_helpers`: a country has networks in both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.ebbtide import Cluster
from tests.kafka import ApacheKafka
from tests.streams.finding_helpers import DARK, FEEDS, HOUR, START, two_feeds

Message = tuple[int, bytes, bytes]
MIDDLE = START + (max(DARK.values()) + 3) * HOUR  # while all that fall are dark


@contextmanager
def two_partitions(kafka: ApacheKafka, name: str, directory: Path) -> Iterator[Cluster]:
    """Yield a cluster with topics of this name."""
    feeds = directory / "feeds.toml"
    feeds.write_text(FEEDS)
    more = {"EBBTIDE_WORKER_SNAPSHOT_EVERY": "1s", "EBBTIDE_WORKER_MAX_RECORDS": "100"}
    with closing(Cluster(kafka.address, name, directory, feeds, EBBTIDE_KAFKA_PARTITIONS="2", **more)) as made:
        yield made


def messages() -> tuple[list[Message], list[Message]]:
    """Return the measurements up to the middle, and the rest."""
    made = [(json.loads(value)["ts"], (asn % 2, b"asn/%d" % asn, value)) for asn, value in two_feeds()]
    return [record for ts, record in made if ts < MIDDLE], [record for ts, record in made if ts >= MIDDLE]
