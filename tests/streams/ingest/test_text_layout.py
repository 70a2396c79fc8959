"""LayoutCache of texts: which have one, and that whatever digits stand there, it says what decoding says."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.validate import validate
from streams.ingest.layout_table import LayoutTable
from streams.ingest.text_layout import LONGEST, Number, TextLayout, layout_of
from tests.schemas.examples import SOUND, message
from tests.streams.ingest.test_message_reader import texts_of

PLAIN = {"bgp"}
TEXT = (
    b'{"feed": "bgp", "ts": 1577232003.123, "asn": 200000, "country": "IR", "region": "IR-30", "access": "mobile",'
    b' "direction": "domestic", "service": "video-messaging", "member": "p7", "up": true, "value": 15012}'
)


def read(layout: TextLayout, text: bytes) -> tuple[float, float, int] | None:
    """Return what a layout says of a text: time, value and network; None when it says nothing."""
    table = LayoutTable([layout], [5])
    rows = np.array([text], dtype=f"S{table.width}").view(np.uint8).reshape(1, -1)
    found = table.read(rows, np.array([len(text)]))
    assert not found.matched[0] or found.sort[0] == 5
    return (found.ts[0], found.value[0], found.asn[0]) if found.matched[0] else None


def judged(text: bytes) -> tuple[float, float, int] | None:
    """Return the same of what judging says; None when the text is no measurement."""
    good, _ = validate(text)
    return (float(good[0].ts), good[0].value, good[0].asn or 0) if good else None


def test_a_layout_says_where_the_numbers_are() -> None:
    """All fields are there, those with digits in their names of places and members too."""
    layout = layout_of(TEXT, PLAIN)
    assert layout is not None
    assert layout.sort == ("bgp", "mobile", "domestic", "video-messaging", "IR")
    assert layout.ts == Number(TEXT.index(b"1577"), 10, 3)
    assert layout.asn == Number(TEXT.index(b"200000"), 6, 0)
    assert layout.value == Number(TEXT.index(b"15012"), 5, 0)
    assert read(layout, TEXT) == (1577232003.123, 15012.0, 200000)


@pytest.mark.parametrize(
    "text",
    [
        message(feed="atlas"),
        message(of=60),
        message(more=1),
        message(ts="2019-12-25T06:05:00Z"),
        message(value=1e-7),
        message(value=0.1234567891234567),
        message(value=0.123456789),
        message(asn=123456789),
        message(asn=None, country="IR"),
        message(service="ipv6"),
        message(service="a\nb"),
        message(service="{"),
        message(member="x" * 500),
        message() + b" ",
        b"[%b]" % message(),
        message(asn=0),
        b'{"feed": "bgp", "ts": 1, "ts": 2, "asn": 3}',
        b'{"feed": "bgp", "ts": 1, "asn": 3,}',
        b"",
    ],
)
def test_what_other_digits_could_change_has_none(text: bytes) -> None:
    """Another feed, sort or rule; and what is no measurement, or no single one."""
    assert layout_of(text, PLAIN) is None
    assert layout_of(message(), PLAIN) is not None


@settings(deadline=None)
@given(
    st.just(TEXT) | SOUND.map(lambda fields: message(**{**fields, "feed": "bgp"})) | texts_of("bgp"),
    st.text("0123456789", min_size=1, max_size=100),
)
@example(TEXT, "0")
def test_a_layout_says_what_judging_says(text: bytes, digits: str) -> None:
    """Of any text that differs in its digits: the same numbers, or nothing where judging rejects it."""
    layout = layout_of(text, PLAIN)
    other = re.sub(rb"[0-9]", lambda match: digits[match.start() % len(digits)].encode(), text)
    assert layout is None or read(layout, other) == judged(other)


@pytest.mark.parametrize(
    "numbers",
    [
        ("99999999999.9999", "99999999", "9" * 15),
        ("253402300799.999", "1", "9999999999.99999"),
        ("253402300800.000", "1", "0.5"),
        ("0", "1", "0"),
        ("1", "0", "1"),
        ("01", "1", "1"),
        ("1", "01", "1"),
        ("1", "1", "00"),
        ("0.1", "1", "0000.00000001"),
        ("1577232003.10000001", "1", "12345678.1234567"),
    ],
)
def test_bounds_are_those_of_judging(numbers: tuple[str, str, str]) -> None:
    """The longest numbers, the first and the last time, and digits 0 where none may stand."""
    text = '{"feed": "bgp", "ts": %s, "asn": %s, "value": %s}'
    layout = layout_of((text % tuple(re.sub("[0-9]", "1", number) for number in numbers)).encode(), PLAIN)
    exact = all(len(number.replace(".", "")) <= 15 for number in numbers)
    assert (layout is not None) == exact
    assert layout is None or read(layout, (text % numbers).encode()) == judged((text % numbers).encode())


@pytest.mark.parametrize(
    "other",
    [
        TEXT.replace(b"bgp", b"bgq"),
        TEXT[:-1],
        TEXT + b" ",
        TEXT + b"\0",
        TEXT + b"\0" * 9 + b"x",
        TEXT + b" " * LONGEST,
        TEXT.replace(b"15012", b"1501 "),
        TEXT.replace(b"15012", b"1501\0"),
        TEXT.replace(b"15012", b"1501:"),
        TEXT.replace(b"15012", b"1501/"),
        TEXT.replace(b"IR-30", b"IR-3x"),
        b"",
        b"\0" * len(TEXT),
    ],
)
def test_a_text_that_differs_in_more_is_not_known(other: bytes) -> None:
    """One other byte, one more or one less, and nothing is said; NULs are not taken for the room behind a text."""
    layout = layout_of(TEXT, PLAIN)
    assert layout is not None
    assert read(layout, other) is None
