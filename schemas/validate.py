"""Validates one message value: returns its measurements, and each rejected part with the reason."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from schemas.entities import region_name
from schemas.measurement import VALID_REGIONS, Measurement, is_name, is_plain
from schemas.rejections import RejectedError
from schemas.repair import repaired
from schemas.times import END_OF_TIME, event_time

MAX_BYTES: Final = 1 << 20
MAX_ELEMENTS: Final = 10_000
MAX_DEPTH: Final = 64
#: The white space of JSON.
SPACE: Final = b" \t\r\n"

_decoder: Final = msgspec.json.Decoder(Measurement)
_splitter: Final = msgspec.json.Decoder(list[msgspec.Raw])
_BRACKET: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def validate(value: bytes | None) -> tuple[list[Measurement], list[tuple[bytes, RejectedError]]]:
    """Return the measurements of a value and its rejected bytes: the whole value, or single elements of an array."""
    try:
        bare = _present(value)
        if not bare.startswith(b"["):
            return [_element(bare)], []
        elements = _split(bare)
    except RejectedError as error:
        return [], [(value or b"", error)]
    good: list[Measurement] = []
    bad: list[tuple[bytes, RejectedError]] = []
    for number, element in enumerate(elements):
        try:
            good.append(_element(element))
        except RejectedError as error:
            bad.append((element, RejectedError(error.reason, f"element {number}: {error.detail}")))
    return good, bad


def is_sound(measurements: list[Measurement]) -> bool:
    """Whether all keep the rules that span fields. Replaces each `ts` that is a text by Unix seconds."""
    suspects = [
        m
        for m in measurements
        if m.ts.__class__ is str
        or 1.0 != m.of < m.value
        or (m.asn is None and m.region is None and m.country is None)
        or (m.region is not None and m.region not in VALID_REGIONS)
        or not is_plain(m.service)
        or not is_plain(m.member)
    ]
    try:
        for measurement in suspects:
            _check(measurement)
    except RejectedError:
        return False
    return True


def _present(value: bytes | None) -> bytes:
    """Return the value without white space around it; RejectedError when it is empty or too large."""
    if value is None:
        raise RejectedError("empty", "null value")
    if len(value) > MAX_BYTES:
        raise RejectedError("too-large", f"{len(value)} bytes, at most {MAX_BYTES}")
    bare = value.strip(SPACE)
    if not bare:
        raise RejectedError("empty", "no bytes" if not value else "white space only")
    return bare


def _split(array: bytes) -> list[bytes]:
    """Return the raw elements of an array; RejectedError when it is too large or no JSON."""
    try:
        elements = [bytes(element) for element in _splitter.decode(array)]
    except (msgspec.DecodeError, RecursionError) as error:
        # How deep the decoder itself gets depends on its caller's stack, so the depth is counted here.
        if _depth(array) > MAX_DEPTH + 1 or isinstance(error, RecursionError):
            raise _too_deep() from None
        raise RejectedError("not-json", str(error)) from None
    if len(elements) > MAX_ELEMENTS:
        raise RejectedError("too-large", f"{len(elements)} elements, at most {MAX_ELEMENTS}")
    if any(_depth(element) > MAX_DEPTH for element in elements):
        raise _too_deep()
    return elements


def _element(text: bytes) -> Measurement:
    """Return the measurement in a text; RejectedError when it breaks a rule."""
    if _depth(text) > MAX_DEPTH:
        raise _too_deep()
    try:
        text.decode()
        measurement = _decoder.decode(text)
    except UnicodeDecodeError as error:
        raise RejectedError("not-utf8", f"{error.reason} at byte {error.start}") from None
    except msgspec.DecodeError:
        measurement = repaired(text)
    _check(measurement)
    return measurement


def _check(m: Measurement) -> None:
    """Check the rules that span fields or need more than a bound; replaces a text as `ts`, and lower-case regions."""
    if isinstance(m.ts, str):
        m.ts = _moment(m.ts)
    if m.asn is None and m.region is None and m.country is None:
        raise RejectedError("no-entity", "one of asn, region, country must be there")
    if m.region is not None and m.region not in VALID_REGIONS:
        m.region = _region(m.region)
    for field, name in (("service", m.service), ("member", m.member)):
        if name is not None and not is_name(name):
            raise RejectedError("out-of-range", f"{field} must be visible characters, in Unicode's form NFC: {name!r}")
    # An absent `of` is 1 and means "no trials were counted": a gauge's value may be above it.
    if 1.0 != m.of < m.value:
        raise RejectedError("out-of-range", f"of must be at least value: {m.of} < {m.value}")


def _region(text: str) -> str:
    try:
        return region_name(text)
    except ValueError:
        fault = f"region must be CC-name, at most 64 printable characters, such as IR-30: {text!r}"
        raise RejectedError("out-of-range", fault) from None


def _moment(text: str) -> float:
    """Return the Unix seconds of an event time; RejectedError outside the years 1970 to 9999."""
    try:
        seconds = event_time(text)
    except ValueError as error:
        raise RejectedError("bad-time", f"ts: {error}") from None
    if not 0 <= seconds < END_OF_TIME:
        raise RejectedError("bad-time", f"outside the years 1970 to 9999: {text!r}")
    return seconds


def openings(text: bytes) -> int:
    """Return the number of opening brackets, including those inside strings."""
    # Deleting is how CPython counts single bytes fast: `count` looks at each byte, `replace` calls memchr.
    return len(text) - len(text.replace(b"{", b"").replace(b"[", b""))


def _depth(text: bytes) -> int:
    """Return how deep brackets are nested outside strings; below the limit this is an upper bound."""
    bound = openings(text)
    if bound <= MAX_DEPTH:
        return bound
    depth = deepest = 0
    for match in _BRACKET.finditer(text):
        token = match.group()
        depth += (token in b"[{") - (token in b"]}")
        deepest = max(deepest, depth)
    return deepest


def _too_deep() -> RejectedError:
    return RejectedError("too-large", f"nested deeper than {MAX_DEPTH} levels")
