"""The layout of a measurement's text: what stays the same in a message of its kind when only its digits change.

Producers write millions of messages that differ in nothing but digits. What was proven of one of them holds for all,
as long as the numbers keep their bounds; so numbers can be read off where they stand, of many messages at once.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from schemas.measurement import Measurement
from schemas.validate import validate

LONGEST = 504  # bytes of a text that has a layout here
WORD = 8  # digits that are read at once
_SECONDS = 12  # digits of a time in seconds
EXACT = 15  # digits that a double holds exactly, so that dividing by a power of ten rounds once, as a parser does
DIGITS_GONE = bytes.maketrans(b"123456789", b"000000000")

_STRING = rb'"[^"\\{}]*"'  # an escape may hold digits
_NUMBER = rb"\d+(?:\.\d+)?"
_PAIR = re.compile(rb'\s*"([a-z]+)"\s*:\s*(?:%b|(%b)|true|false|null)\s*' % (_STRING, _NUMBER))
_DIGIT = re.compile("[0-9]")
_NUMBERS = ("ts", "asn", "value")


class Number(NamedTuple):
    """Where a number stands in a text: its first digit, how many are before the point, and how many behind it."""

    start: int
    whole: int
    behind: int


class TextLayout(NamedTuple):
    """A text with all digits 0, the sort of its measurement, and where its numbers stand; no `value`: it is 1."""

    text: bytes
    sort: tuple[str | None, ...]
    ts: Number
    asn: Number
    value: Number | None


def layout_of(text: bytes, plain: Collection[str]) -> TextLayout | None:
    """Return the layout of a text that is one good measurement of a feed of these; None when it has none.

    It has none where other digits could mean more than another time, network or value: `of`, names of feeds and
    services with digits, numbers with an exponent or more digits than are exact.
    """
    measurement = _good(text)
    if measurement is None or measurement.feed not in plain or len(text) > LONGEST:
        return None
    pairs = _pairs(text)
    numbers = {name: number for name, number in pairs if number is not None}
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names) or not set(names) <= set(Measurement.__struct_fields__):
        return None
    if not numbers.keys() <= set(_NUMBERS) or not all(map(_is_exact, numbers.values())):
        return None
    sort = (measurement.feed, measurement.access, measurement.direction, measurement.service, measurement.country)
    if not _is_seconds(numbers.get("ts")) or not _is_network(numbers.get("asn")) or any(map(_has_digit, sort)):
        return None
    return TextLayout(text.translate(DIGITS_GONE), sort, numbers["ts"], numbers["asn"], numbers.get("value"))


def _good(text: bytes) -> Measurement | None:
    if text[:1] != b"{" or text[-1:] != b"}":
        return None
    good, _ = validate(text)
    if not good or (good[0].region is not None and good[0].region.encode() not in text):
        return None  # a region in lower case is another name, which only `validate` corrects
    return good[0]


def _pairs(text: bytes) -> list[tuple[str, Number | None]]:
    """Return the names in a text, each with its number; nothing when anything else stands in it."""
    found: list[tuple[str, Number | None]] = []
    at = 1
    while match := _PAIR.match(text, at):
        found.append((match[1].decode(), _number(match)))
        at = match.end() + 1
        if text[match.end() : at] != b",":
            break
    return found if at == len(text) else []


def _number(match: re.Match[bytes]) -> Number | None:
    if match[2] is None:
        return None
    whole, _, behind = match[2].partition(b".")
    return Number(match.start(2), len(whole), len(behind))


def _is_exact(number: Number) -> bool:
    return number.whole + number.behind <= EXACT and number.behind <= WORD


def _is_seconds(number: Number | None) -> bool:
    """Return whether a time is in seconds, whatever its digits; one of 13 digits is in milliseconds."""
    return number is not None and number.whole <= _SECONDS


def _is_network(number: Number | None) -> bool:
    return number is not None and number.whole <= WORD and not number.behind


def _has_digit(name: str | None) -> bool:
    return name is not None and _DIGIT.search(name) is not None
