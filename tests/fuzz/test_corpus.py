"""The corpus that fuzzing has found, and bytes that Hypothesis finds, against every decoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import DecodeError

from schemas.clock import MAX_BYTES, decode_clock
from schemas.outage import decode_outage
from tests.fuzz.targets import TARGETS, run

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


NAMES = {target.__name__ for target in TARGETS}


def test_what_fuzzing_has_found_holds() -> None:
    """No input of the corpus breaks what is promised of its decoder, and every decoder has some."""
    assert {run(path.read_bytes()) for path in CORPUS} == NAMES


SEEDS = st.sampled_from([path.read_bytes() for path in CORPUS])


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """An input of the corpus with a part of another one, or of anything, in it."""
    base, other = draw(SEEDS), draw(SEEDS | st.binary(max_size=40))
    at, end = sorted(draw(st.tuples(*[st.integers(1, max(1, len(base)))] * 2)))
    start = draw(st.integers(0, len(other)))
    return base[:at] + other[start : start + 200] + base[end:]


@settings(max_examples=300)
@given(spoilt())
def test_inputs_near_the_corpus_hold(data: bytes) -> None:
    """Neither do those that Hypothesis makes of them."""
    assert run(data) in NAMES


@pytest.mark.parametrize("decoder", [decode_clock, decode_outage])
@pytest.mark.parametrize("depth", [1000, 2_000_000])
def test_depth_is_an_error_of_the_decoder(decoder: Callable[[bytes], object], depth: int) -> None:
    """What is nested deeper than the interpreter's stack is refused like any other text, and ends no worker."""
    with pytest.raises(DecodeError):
        decoder(b'{"x":' + b"[" * depth + b"]" * depth + b"}")


@pytest.mark.parametrize("decoder", [decode_clock, decode_outage])
def test_what_is_not_utf8_is_an_error_of_the_decoder(decoder: Callable[[bytes], object]) -> None:
    """A broken character is refused like any other text, and ends no worker."""
    with pytest.raises(DecodeError, match=r"can't decode byte|Invalid UTF-8"):
        decoder(b'{"feed":"\xff","outage_id":"\xff"}')


def test_a_clock_is_short() -> None:
    """A longer message is none, whatever it says."""
    good = b'{"feed":"a","newest":1,"partition":0}'
    assert decode_clock(good + b" " * (MAX_BYTES - len(good))).feed == "a"
    with pytest.raises(DecodeError, match="4097 bytes, at most 4096"):
        decode_clock(good + b" " * (MAX_BYTES - len(good) + 1))
