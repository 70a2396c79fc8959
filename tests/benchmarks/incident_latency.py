"""`python -m tests.benchmarks.incident_latency`: from the last outage that makes an incident to the incident's message.

Measurements of one feed come at a steady rate, in bins that go by faster than they would outside; every other bin some
networks of a country fall silent for a bin. A second feed, of wide bins and long lateness, stops early (`--second`).
All times are those at which the broker appended a record, so that there is one clock. The exit code is 1 when the 99th
percentile is above a second. At the default size it takes about six minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from streams.broker import topics
from streams.cli.child_process import child
from streams.config.ports import free_port
from tests.benchmarks.contestants import ENVIRONMENT, PARTITIONS, TOPIC, kafka_of, settings_text, wait_ready
from tests.benchmarks.latency import HOUR, send
from tests.benchmarks.messages import FIRST_ASN, Load, Message, messages
from tests.benchmarks.records import Record, records
from tests.kafka import ApacheKafka, installed

GROUP = "incidents"
WARM = 14  # bins before networks fall silent
STOPS = 2  # the bin in which the second feed stops
LIMIT_MS = 1000  # that the 99th percentile must not exceed
DARK = 41  # networks of a country that fall at once
IDLE_AFTER = 5  # seconds; in the first of them, once, incidents wait for the feed that has stopped
SECOND = '[feeds.levels]\nsignal = "bgp"\nkind = "gauge"\nbin = "2h"\nlateness = "30m"\n'


def main(argv: Sequence[str] | None = None) -> int:
    """Run it and print the quantiles; 1 when they are too large, or when Apache Kafka cannot be run here."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.incident_latency", description=__doc__)
    parser.add_argument("--rate", type=int, default=4_000, help="measurements a second")
    parser.add_argument("--asns", type=int, default=2_000, help="networks, each measured twice in a bin")
    parser.add_argument("--bins", type=int, default=WARM + 300, help=f"bins, {WARM} of them without outages")
    parser.add_argument("--second", choices=("stops", "goes-on", "none"), default="stops", help="the second feed")
    arguments = parser.parse_args(argv)
    if not installed("this"):
        return 1
    with tempfile.TemporaryDirectory(prefix="ebbtide-incidents-") as directory, ApacheKafka() as kafka:
        delays = _run(kafka, Path(directory), arguments)
    return _print(delays, arguments.second)


def _run(kafka: ApacheKafka, directory: Path, arguments: argparse.Namespace) -> list[int]:
    load = Load(2 * arguments.asns * arguments.bins, arguments.asns, arguments.bins, HOUR)
    settings, port = kafka_of(kafka.address, GROUP), free_port()
    for name in (TOPIC, settings.outages, settings.incidents):
        kafka.create_topic(name, PARTITIONS, message_timestamp_type="LogAppendTime")
    topics.create(settings)
    text = settings_text(kafka.address, GROUP, port, TOPIC, HOUR)
    text = text.replace("[worker]\n", f'[worker]\nidle_after = "{IDLE_AFTER}s"\n')
    (directory / "settings.toml").write_text(text + ("" if arguments.second == "none" else SECOND))
    command = [sys.executable, "-m", "streams.cli", "worker", "--settings", str(directory / "settings.toml")]
    with child(command, directory, GROUP, ENVIRONMENT) as process:
        wait_ready(process, port)
        send(kafka.address, _stream(load, arguments.second), arguments.rate)
        time.sleep(5)
    return _delays(kafka.address, settings.outages, settings.incidents)


def _stream(load: Load, second: str) -> Iterator[tuple[int, Message]]:
    """Yield the messages with their partitions: of networks that are not silent, and some of the second feed."""
    per_bin = load.measurements // load.bins
    for number, message in enumerate(messages(load)):
        asn, place = int(message.key[4:]) - FIRST_ASN, number // per_bin
        partition = asn // PARTITIONS % PARTITIONS  # a country is in all partitions
        if not _is_dark(asn, place):
            yield partition, message
        if second == "goes-on" or (second == "stops" and place < STOPS):
            yield partition, message._replace(value=message.value.replace(b'"flows"', b'"levels"'))


def _is_dark(asn: int, place: int) -> bool:
    """Whether a network is silent in a bin: every other bin, another country."""
    country, since = asn % 4, place - WARM
    return since >= 0 and since % 2 == 0 and since // 2 % 4 == country and asn // 4 < DARK


def _delays(address: str, outages: str, incidents: str) -> list[int]:
    """Return how long each revision of an incident took, in ms, since the last of the outages that it came of."""
    sent: dict[tuple[str, str], int] = {}
    for record, fields in _all(address, outages):
        key = fields["outage_id"], fields["updated_at"]
        sent[key] = max(record.ms, sent.get(key, 0))
    delays = []
    for record, fields in _all(address, incidents):
        causes = [sent[key] for name in fields["outage_ids"] if (key := (name, fields["updated_at"])) in sent]
        delays += [record.ms - max(causes)] if causes else []
    return delays


def _all(address: str, topic: str) -> Iterator[tuple[Record, dict[str, Any]]]:
    for number in range(PARTITIONS):
        for record in records(address, topic, number):
            yield record, orjson.loads(record.value)


def _print(delays: list[int], second: str) -> int:
    """Print the quantiles and return the exit code."""
    p50, p90, p99 = np.percentile(delays, (50, 90, 99))
    late = sum(delay > LIMIT_MS for delay in delays)
    sys.stdout.write(
        f"second feed: {second}; {len(delays):,} revisions of incidents: p50 {p50:.0f} ms, p90 {p90:.0f} ms, "
        f"p99 {p99:.0f} ms, at most {max(delays):.0f} ms; {late:,} above {LIMIT_MS} ms\n"
    )
    return int(p99 > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
