"""The measurements of the benchmark: traffic of many networks, each message about 200 bytes, the same every time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

FEED: Final = "flows"
WIDTH: Final = 300
START: Final = 1_577_232_000  # 25 December 2019, 00:00 UTC
FIRST_ASN: Final = 200_000
JITTER_MS: Final = 5_000
LEVEL: Final = 15_000.0
_PLACES: Final = (
    ("IR", "IR-Sistan-Baluchestan"),
    ("KZ", "KZ-Almaty-Oblysy"),
    ("AZ", "AZ-Absheron-Khizi"),
    ("VE", "VE-Distrito-Capital"),
)
_ACCESS: Final = ("mobile", "fixed")
_DIRECTIONS: Final = ("domestic", "international")
_SERVICES: Final = ("video-messaging", "video-streaming")


class Load(NamedTuple):
    """How much is measured: messages in all, different ASNs, and bins (of `width` seconds) that they spread over."""

    measurements: int = 1_000_000
    asns: int = 20_000
    bins: int = 24
    width: int = WIDTH


class Message(NamedTuple):
    """One message of the topic: the entity, and one measurement as JSON."""

    key: bytes
    value: bytes


def messages(load: Load, seed: int = 1) -> Iterator[Message]:
    """Yield the messages in order of sending: round after round each ASN once, every time in another order.

    Event times advance evenly over the bins, each up to `JITTER_MS` older than its turn.
    """
    chance = np.random.default_rng(seed)
    heads = [_fixed_fields(asn) for asn in range(load.asns)]
    step_ms = load.bins * load.width * 1000 / load.measurements
    for first in range(0, load.measurements, load.asns):
        turns = np.arange(first, min(first + load.asns, load.measurements))
        asns = chance.permutation(load.asns)[: len(turns)]
        times = (
            START * 1000 + JITTER_MS + (turns * step_ms).astype(np.int64) - chance.integers(0, JITTER_MS, len(turns))
        )
        values = chance.poisson(LEVEL, len(turns))
        for asn, ms, value in zip(asns.tolist(), times.tolist(), values.tolist(), strict=True):
            key, fields = heads[asn]
            yield Message(key, b'{"feed": "flows", "ts": %.3f, %b, "value": %d}' % (ms / 1000, fields, value))


def _fixed_fields(asn: int) -> tuple[bytes, bytes]:
    """Return the key of an ASN (counted from 0) and the fields that are the same in all of its messages."""
    country, region = _PLACES[asn % 4]
    fields = (
        f'"asn": {FIRST_ASN + asn}, "country": "{country}", "region": "{region}", "access": "{_ACCESS[asn // 4 % 2]}",'
        f' "direction": "{_DIRECTIONS[asn // 8 % 2]}", "service": "{_SERVICES[asn // 16 % 2]}"'
    )
    return f"asn/{FIRST_ASN + asn}".encode(), fields.encode()
