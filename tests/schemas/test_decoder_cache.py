"""Decoding of what is familiar: the same as judging each value, or nothing said."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import example, given

from schemas import decoder_cache
from schemas.decoder_cache import DecoderCache
from schemas.measurement import Measurement
from schemas.validate import MAX_BYTES, MAX_ELEMENTS, validate
from tests.schemas.examples import MEASUREMENTS, VALUES, message

GOOD = MEASUREMENTS[2]


def taught(*values: bytes | None) -> DecoderCache:
    """Return one that has failed at these values and learnt the names of all that is good in them."""
    cache = DecoderCache()
    assert cache.decode(values) is None
    cache.learn([validate(value)[0] for value in values])
    while cache._left:
        assert cache.decode(values) is None
    return cache


def flat(found: list[Measurement | list[Measurement]] | None) -> list[Measurement]:
    """Return the measurements of all values."""
    assert found is not None
    return list(chain.from_iterable(cache if isinstance(cache, list) else [cache] for cache in found))


@given(VALUES)
@example(message(value=3, of=2))
@example(message(feed="", region="IR-30"))
@example(message(asn=None, country="IR"))
@example(message(asn=True))
@example(message(ts="2019-12-25T06:05:00Z"))
@example(message(more=[[]]))
@example(b'{"feed": null, "ts": 1, "asn": 1}')
@example(b'{"feed": "bgp", "ts": 1, "asn": 1, "of": 1e999}')
@example(b'{"feed": "bgp", "ts": 1, "asn": 1, "member": "\xed\xa0\x80"}')
@example(b'{"feed": "bgp", "ts": 1, "asn": 1, "feed": "b\\u0067p"}')
@example(message() + b" " * MAX_BYTES)
@example(b"[%b]" % b",".join([message()] * (MAX_ELEMENTS + 1)))
def test_what_is_said_is_what_judging_says(value: bytes | None) -> None:
    """Nothing is said of a value with anything bad in it, whatever names are known."""
    good, bad = validate(value)
    found = taught(value, message()).decode([value])
    assert found is None or (flat(found) == good and not bad)


@pytest.mark.parametrize("value", [GOOD, b"[%b, %b]" % (GOOD, message(region="VE-Anzo\u00e1tegui")), b"[]", message()])
def test_known_names_are_decoded(value: bytes) -> None:
    """Alone and in arrays, with all fields as they were measured."""
    assert flat(taught(GOOD, message(region="VE-Anzo\u00e1tegui")).decode([value, value])) == validate(value)[0] * 2


@pytest.mark.parametrize("field", ["feed", "region", "service"])
def test_unknown_names_are_not(field: str) -> None:
    """One value with a name not seen before, and nothing is said of the run."""
    assert taught(GOOD).decode([GOOD, message(**{field: "IR-16"})]) is None


def test_it_is_tried_ever_less_where_it_fails() -> None:
    """So what is never familiar costs nothing; one success, and it is tried each time."""
    cache, odd = taught(GOOD), [message(ts="2019-12-25T06:05:00Z")]
    assert flat(cache.decode([GOOD]))
    for pause in (1, 3, 7):
        assert cache.decode(odd) is None
        assert [cache.decode([GOOD]) for _ in range(pause)] == [None] * pause
    assert flat(cache.decode([GOOD])) == flat(cache.decode([GOOD])) == validate(GOOD)[0]


def test_names_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """With that many known, no more are learnt."""
    monkeypatch.setattr(decoder_cache, "_MAX_NAMES", 4)
    cache = taught(*[message(service=f"s{number}") for number in range(4)])
    assert flat(cache.decode([message(service="s1")]))
    assert cache.decode([message(service="new")]) is None
    cache.learn([validate(message(service="new"))[0]])
    assert cache.decode([message(service="s1")]) is None
    assert flat(cache.decode([message(service="s1")]))
    assert cache.decode([message(service="new")]) is None
