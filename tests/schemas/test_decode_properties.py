"""Decoding many values is decoding each, whatever they hold."""

from __future__ import annotations

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.decode import Decoded, RejectedValue, decode
from schemas.rejections import REASONS
from tests.schemas.examples import MEASUREMENTS, RUNS, VALUES, message

GOOD = MEASUREMENTS[0]


def one_by_one(values: list[bytes | None]) -> Decoded:
    """The values decoded in calls of their own, put together."""
    out = Decoded([], [], [])
    source: list[int] = []
    for index, value in enumerate(values):
        alone = decode([value])
        out.measurements.extend(alone.measurements)
        source.extend([index] * len(alone.measurements))
        out.dead.extend(RejectedValue(index, dead.payload, dead.reason, dead.detail) for dead in alone.dead)
    return Decoded(out.measurements, source, out.dead)


@given(RUNS)
@example([GOOD + b"," + GOOD, b'{"feed":"a",', b'"ts":1,"asn":1}'])
@example([GOOD + GOOD, b'{"feed":"a","ts":1,', b'"asn":1}'])
@example([b'{"feed":"a","ts":1,"asn":1,"x":[{}', b"{}]}", GOOD])
@example([b'{"feed":"a","ts":1,"asn":1,"x":"', b'"}', GOOD])
@example([b'{"feed":"a","ts":1,"asn":1,"x":"\xe2\x80', b'\xa8"}', GOOD + b"\n" + GOOD])
@example([b"", GOOD + b"\n" + GOOD])
def test_a_run_is_its_values(values: list[bytes | None]) -> None:
    """No value is read into its neighbour, or changes what becomes of it."""
    together, apart = decode(values), one_by_one(values)
    assert together.measurements == apart.measurements
    assert list(together.source) == apart.source
    assert together.dead == apart.dead


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from([GOOD, message(), b"x", None, b"[1]", b"[]", message(asn=None)]), min_size=1, max_size=4)
)
def test_long_runs_are_their_values(pattern: list[bytes | None]) -> None:
    """The same where values go through in parts."""
    values = (pattern * 600)[:1500]
    together, apart = decode(values), one_by_one(values)
    assert (together.measurements, list(together.source), together.dead) == (
        apart.measurements,
        apart.source,
        apart.dead,
    )


@given(VALUES)
def test_every_value_is_accounted_for(value: bytes | None) -> None:
    """Each element of a value is a measurement or a dead letter; a dead letter has bytes of the value and a reason."""
    decoded = decode([value])
    assert all(isinstance(m.ts, int | float) and m.value >= 0 for m in decoded.measurements)
    for dead in decoded.dead:
        assert dead.payload in (value or b"")
        assert dead.reason in REASONS
        assert dead.detail.isprintable()
    assert len(decoded.measurements) + len(decoded.dead) == _elements(value, decoded)


def _elements(value: bytes | None, decoded: Decoded) -> int:
    """How many elements a value has by Python's own parser; one where it is no array or is dead as a whole."""
    if [dead.payload for dead in decoded.dead] == [value or b""]:
        return 1
    parsed = json.loads(value or b"", strict=False) if value else None
    return len(parsed) if isinstance(parsed, list) else 1


@given(st.binary(max_size=60))
def test_any_bytes_are_dead_or_good(value: bytes) -> None:
    """Bytes of any kind never raise."""
    decoded = decode([value, GOOD])
    assert decoded.measurements[-1].member == "12345"
