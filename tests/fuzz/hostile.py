"""Batches of honest networks among hostile producers, drawn from a seed: the world that the pipeline is fuzzed with."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import orjson

from detectors.types import Kind
from streams.config.limits import LimitsSettings
from streams.config.settings import Duration, FeedSettings, KafkaSettings, Settings, WorkerSettings
from tests.streams.helpers import DAY, HOUR, KINDS, START

HONEST = range(1, 9)  # ASNs
DARK = range(26, 34)  # hours
NAMES = ("ok", "ünï", "a\nb", "\u202eabc", "x" * 64, "x" * 65, "", " ", "\x00", "e\u0301", "<script>", "a/b", '"', "|")
NUMBERS: tuple[object, ...] = (0, 1, -1, 1e308, 1.7e308, 5e-324, 2**63, -0.0, 1e15, "1", None, True, [])
TIMES = (0, -1, 1, 253_402_300_799, 253_402_300_800, 1e300, "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "now", None)
GARBAGE = (None, b"", b" ", b"{", b"\xff", b"7", b"[]", b"[" * 100, b"null", b'{"feed":"count"}', b"[[]]", b"[{}, 7]")
ANY, STRICT = KafkaSettings(partitions=1, partitioner="any"), KafkaSettings(partitions=2, keys="strict")
KEYS = (b"asn/1", b"asn/2", b"", None, b"\xff", b"region/IR-30")


class Message(NamedTuple):
    """A message: its value and key, and when it was received (Unix s)."""

    value: bytes | None
    key: bytes | None
    received: float


def settings_of(rng: random.Random) -> Settings:
    """Return settings with a feed of each kind, small limits, and areas in places."""
    feeds: dict[str, FeedSettings] = {kind: _feed(rng, kind) for kind in KINDS}
    kafka = rng.choice((ANY, ANY, STRICT, KafkaSettings(partitions=2)))
    worker = msgspec.structs.replace(WorkerSettings(), forget_after=Duration(rng.choice((DAY, 3 * DAY))))
    return Settings(feeds=feeds, kafka=kafka, worker=worker)


def _feed(rng: random.Random, kind: Kind) -> FeedSettings:
    limits = LimitsSettings(
        series=rng.randrange(6, 40),
        members=rng.randrange(20, 80),
        services=rng.randrange(1, 6),
        areas=rng.randrange(2, 9),
        idle=Duration(rng.choice((HOUR, 6 * HOUR, DAY))),
    )
    return FeedSettings(
        signal="test",
        kind=kind,
        bin=Duration(rng.choice((600, HOUR, 2 * HOUR))),
        lateness=Duration(rng.choice((0, 120, 600))),
        areas=tuple(rng.sample(("country", "region", "country+service"), rng.randrange(0, 3))),
        limits=limits,
    )


def messages(rng: random.Random, hours: int) -> list[Message]:
    """Return the messages of some hours in order of arrival: honest ones, and a burst of a hostile producer in each.

    In half of the seeds the clocks of the broker and of all producers beside it are wrong for some of these hours.
    """
    found: list[Message] = []
    wrong, first = rng.choice((0, 0, 2 * HOUR, 11 * HOUR, -2 * HOUR)), rng.randrange(hours)
    for hour in range(hours):
        start = START + hour * HOUR + (wrong if first <= hour < first + 6 else 0)
        honest = [m for at in sorted(rng.sample(range(HOUR), 4)) for m in _honest(rng, start + at, hour)]
        hostile = [_hostile(rng, start + rng.randrange(HOUR)) for _ in range(rng.choice((0, 5, 40)))]
        lot = honest + hostile + rng.choices(honest, k=rng.randrange(4))
        found += sorted(lot, key=lambda message: message.received)
    return found


def _honest(rng: random.Random, at: int, hour: int) -> Iterator[Message]:
    """Yield what is measured of the honest networks at a time in all feeds; two are dark for hours."""
    for asn in HONEST:
        dark = asn <= 2 and hour in DARK
        for kind in KINDS if not dark else ("presence", "ratio"):
            content = {**_content(rng, asn, dark), "value": 0 if dark else 8}
            yield _message(rng, {"feed": kind, "ts": at - rng.choice((0, 0, 0, 30, 900)), **content}, at)


def _content(rng: random.Random, asn: int, dark: bool) -> dict[str, object]:
    named = {"member": f"m{rng.randrange(4)}", "up": not dark}
    return {"asn": asn, "country": "IR", "region": f"IR-{asn % 3}", "value": rng.randrange(1, 9), "of": 9, **named}


def _hostile(rng: random.Random, at: int) -> Message:
    """Return a message that is forged, broken, or one of very many."""
    kind = rng.choice((*KINDS, "nobody"))
    forged = {"feed": kind, "ts": at, **_content(rng, rng.choice((1, 2, 10_000 + rng.randrange(10**6))), False)}
    for field, values in rng.sample(sorted(_forgeries(rng, at).items()), rng.randrange(4)):
        forged[field] = rng.choice(values)
        if rng.random() < 0.2:
            del forged[field]
    if rng.random() < 0.1:
        return _with_key(rng, rng.choice(GARBAGE), at)
    if rng.random() < 0.3:
        other = {"feed": rng.choice(KINDS), "ts": at, **_content(rng, rng.randrange(1, 300), rng.random() < 0.5)}
        elements = [rng.choice((forged, other, {**other, "asn": rng.randrange(1, 10**9)}, 7)) for _ in range(9)]
        return _with_key(rng, orjson.dumps(elements, option=orjson.OPT_PASSTHROUGH_DATETIME), at)
    return _message(rng, forged, at)


def _forgeries(rng: random.Random, at: int) -> dict[str, tuple[object, ...]]:
    """Return what may be forged, by field."""
    ahead = tuple(at + rng.choice((-1, 1)) * rng.choice((60, 500, HOUR, DAY, 400 * DAY)) for _ in range(6))
    return {
        "ts": (*ahead, *TIMES),
        "asn": (0, 4_294_967_295, 4_294_967_296, None, "1", *range(20_000, 20_040)),
        "country": ("IR", "KZ", "XX", "ir", None, ""),
        "region": (*(f"KZ-{name}" for name in NAMES), *(f"IR-{n}" for n in range(30)), None),
        "service": (*NAMES, *(f"s{n}" for n in range(20))),
        "member": (*NAMES, *(f"p{n}" for n in range(200))),
        "up": (True, False, None, 1),
        "value": NUMBERS,
        "of": NUMBERS,
        "access": ("mobile", "fixed", "none", None),
    }


def _message(rng: random.Random, content: dict[str, object], at: int) -> Message:
    try:
        value = orjson.dumps(content)
    except TypeError:  # a number beyond 64 bits
        value = msgspec.json.encode(content)
    return Message(value, f"asn/{content.get('asn')}".encode(), at + rng.random())


def _with_key(rng: random.Random, value: bytes | None, at: int) -> Message:
    return Message(value, rng.choice(KEYS), at + rng.random())
