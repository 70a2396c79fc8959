#!/usr/bin/env python3
"""Sends measurements of three networks to Kafka: two days of the past, then what is measured each minute.

`python3 examples/producer.py` and, to switch a network off for the last ten minutes and from then on:
`python3 examples/producer.py --dark 64501`. The networks have numbers for documentation (RFC 5398).
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

NETWORKS = (64500, 64501, 64502)
PROBES = 60
DARK_MINUTES = 10


def measurement(asn: int, minute: int, is_dark: bool) -> dict[str, Any]:
    """Return how many of a network's probes answered in a minute; the same for the same minute."""
    answered = 0 if is_dark else PROBES - random.Random(f"{asn} {minute}").randrange(4)
    return {"feed": "reach", "ts": 60 * minute, "asn": asn, "country": "NO", "value": answered, "of": PROBES}


def minutes(now: float, past_days: int) -> Iterator[int]:
    """Yield each minute of the past days, then each further one when it is over, without an end."""
    last = int(now) // 60
    yield from range(last - past_days * 1440, last)
    while True:
        time.sleep(max(0.0, 60 * (last + 1) - time.time()))
        yield last
        last += 1


def main() -> None:
    """Send until interrupted. Each message waits for the broker's acknowledgement, and repeats are left out."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--broker", default="127.0.0.1:9092", help="address of Kafka (default: %(default)s)")
    parser.add_argument("--dark", type=int, choices=NETWORKS, help="network that is off since ten minutes ago")
    parser.add_argument(
        "--past", type=int, default=2, metavar="DAYS", help="days to send at once (default: %(default)s)"
    )
    arguments = parser.parse_args()
    try:
        send(arguments)
    except KafkaError as error:
        sys.exit(f"producer.py: {arguments.broker}: {error}. Does Kafka run there, and did `ebbtide topics` end well?")


def send(arguments: argparse.Namespace) -> None:
    """Send until interrupted. Raises KafkaError."""
    producer = KafkaProducer(bootstrap_servers=arguments.broker, acks="all", enable_idempotence=True)
    began = time.time()
    with suppress(KeyboardInterrupt):
        for minute in minutes(began, arguments.past):
            for asn in NETWORKS:
                is_dark = asn == arguments.dark and 60 * minute >= began - 60 * DARK_MINUTES
                value = json.dumps(measurement(asn, minute, is_dark)).encode()
                producer.send("measurements", key=f"asn/{asn}".encode(), value=value)
            if 60 * minute >= began - 60:
                producer.flush()
    producer.close()


if __name__ == "__main__":
    main()
