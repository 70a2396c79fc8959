"""Columns of a chunk: each reads one field of a measurement from all items at once, compiled from the settings.

A column of sound values costs some calls of C. Where one value is not, each is converted by itself, and what is
wrong is an error of its item.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from schemas.entities import LAST_ASN, network_number
from streams.config.sources import FieldSource
from streams.sources.enrichment import PrefixRegister
from streams.sources.item_type import Getter
from streams.sources.records import RawRecord
from streams.sources.units import FIRST_TIME, ReadTime, per_second, reader_of

MOST = 2**63  # a larger number is no observation
_TRUE, _FALSE = frozenset({"true", "1", "yes", "up"}), frozenset({"false", "0", "no", "down"})


class WrongFieldError(Exception):
    """A field of a record is missing or wrong: `reason` is a label of a metric."""

    def __init__(self, reason: str, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.reason = reason


Errors: TypeAlias = dict[int, WrongFieldError]
#: Items and the record of each to values; an error stands in the third argument, by the index of its item.
Column: TypeAlias = Callable[[Sequence[Any], Sequence[RawRecord], Errors], list[Any]]
Convert: TypeAlias = Callable[[Any], Any]


def raw_column(source: FieldSource, getters: Mapping[str, Getter]) -> Callable[..., list[Any]]:
    """Return a function to what stands where the settings say, whatever it is; None where nothing does."""
    if source.key:
        return lambda items, records: [_text(record.key) for record in records]
    if source.header is not None:
        name = source.header
        return lambda items, records: [_text(dict(record.headers).get(name)) for record in records]
    if source.kafka_timestamp:
        return lambda items, records: [_seconds(record.timestamp) for record in records]
    if source.const is not None or source.metadata:  # the country of the metadata follows when the network is read
        constant = source.const
        return lambda items, records: [constant] * len(items)
    get = getters[source.paths[0]]
    return lambda items, records: list(map(get, items))


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None or milliseconds < 0 else milliseconds / 1000


def place(source: FieldSource) -> str:
    """Return the name of where a field comes from, for people."""
    if source.paths:
        return ", ".join(source.paths)
    if source.header is not None:
        return f"header {source.header}"
    return "the key" if source.key else "the time of the message" if source.kafka_timestamp else "const"


def _converted(values: list[Any], convert: Convert, errors: Errors) -> list[Any]:
    """Return each value converted; None, and an error, where that fails."""
    found = []
    for at, value in enumerate(values):
        try:
            found.append(convert(value))
        except WrongFieldError as error:
            errors.setdefault(at, error)
            found.append(None)
    return found


def _are_naturals(values: list[Any], most: int) -> bool:
    """Return whether all are integers from 0 to below `most`."""
    return set(map(type, values)) == {int} and min(values) >= 0 and max(values) < most


def _are_times(values: list[int], divisor: int) -> bool:
    return min(values) // divisor >= FIRST_TIME and max(values) // divisor < 2**32


def time_column(source: FieldSource, getters: Mapping[str, Getter]) -> Column:
    """Return a column of event times in Unix seconds."""
    raw, to_seconds, name = raw_column(source, getters), reader_of(source.unit, source.zone), place(source)
    divisor = per_second(source.unit)

    def read(items: Sequence[Any], records: Sequence[RawRecord], errors: Errors) -> list[Any]:
        values = raw(items, records)
        if divisor and values and _are_naturals(values, MOST) and _are_times(values, divisor):
            return [value / divisor for value in values]
        return _converted(values, lambda value: _time(to_seconds, name, value), errors)

    return read


def _time(to_seconds: ReadTime, name: str, value: Any) -> float:  # noqa: ANN401
    if value is None:
        raise WrongFieldError("missing-field", "ts", f"{name} is not there")
    try:
        return to_seconds(value)
    except (ValueError, OverflowError) as error:
        raise WrongFieldError("bad-time", "ts", f"{name}: {error}") from None


def number_column(field: str, source: FieldSource, getters: Mapping[str, Getter]) -> Column:
    """Return a column of finite numbers of at least 0, or of products of two."""
    first = _plain_numbers(field, place(source), raw_column(source, getters))
    if source.times is None:
        return first
    factors = _plain_numbers(
        field, source.times, raw_column(FieldSource(path=source.times), getters), _whole(source.zero or 0.0)
    )

    def read(items: Sequence[Any], records: Sequence[RawRecord], errors: Errors) -> list[Any]:
        pairs = zip(first(items, records, errors), factors(items, records, errors), strict=True)
        products: list[Any] = [None if a is None or b is None else a * b for a, b in pairs]
        if None not in products and max(products, default=0) < MOST:
            return products
        return _converted(products, lambda value: value if value is None else _number(field, "product", value), errors)

    return read


def _plain_numbers(field: str, name: str, raw: Callable[..., list[Any]], zero: float = 0) -> Column:
    """Return a column of numbers; `zero` stands in for 0."""

    def read(items: Sequence[Any], records: Sequence[RawRecord], errors: Errors) -> list[Any]:
        values = raw(items, records)
        if not (values and _are_naturals(values, MOST)):
            values = _converted(values, lambda value: _number(field, name, value), errors)
        return [zero if value == 0 else value for value in values] if zero else values

    return read


def _whole(number: float) -> int | float:
    return int(number) if number == int(number) else number


def _number(field: str, name: str, value: Any) -> int | float:  # noqa: ANN401
    if value is None or value == "":
        raise WrongFieldError("missing-field", field, f"{name} is not there")
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (ValueError, OverflowError):
        number = math.nan
    if not 0 <= number < MOST:
        raise WrongFieldError("out-of-range", field, f"{name}: no number from 0 to 2^63: {value!r:.80}")
    return value if isinstance(value, int) else _whole(number)


def text_column(field: str, source: FieldSource, getters: Mapping[str, Getter]) -> Column:
    """Return a column of texts, None where nothing stands; a number is the text of it."""
    raw, name = raw_column(source, getters), place(source)

    def read(items: Sequence[Any], records: Sequence[RawRecord], errors: Errors) -> list[Any]:
        values = raw(items, records)
        if "" not in values and set(map(type, values)) <= {str, type(None)}:
            return values
        return _converted(values, lambda value: _as_text(field, name, value), errors)

    return read


def _as_text(field: str, name: str, value: Any) -> str | None:  # noqa: ANN401
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise WrongFieldError("out-of-range", field, f"{name}: no text: {value!r:.80}")


def state_column(source: FieldSource, getters: Mapping[str, Getter]) -> Column:
    """Return a column of whether a member came (True) or went (False)."""
    raw, name = raw_column(source, getters), place(source)

    def convert(value: Any) -> bool:  # noqa: ANN401
        text = str(value).lower()
        if value is not None and text in _TRUE | _FALSE:
            return text in _TRUE
        reason = "missing-field" if value is None else "out-of-range"
        raise WrongFieldError(reason, "up", f"{name}: neither true nor false: {value!r:.80}")

    return lambda items, records, errors: _converted(raw(items, records), convert, errors)


def network_columns(
    source: FieldSource, getters: Mapping[str, Getter], prefixes: PrefixRegister | None = None
) -> list[Column]:
    """Return a column of numbers for each network of a record; 0 where none stands.

    `prefixes`: the values are addresses, whose networks it names.
    """
    origins = [FieldSource(path=path) for path in source.paths] or [source]
    if prefixes is not None:
        return [_address_column(raw_column(origin, getters), place(origin), prefixes) for origin in origins]
    return [_network_column(raw_column(origin, getters), place(origin)) for origin in origins]


def _network_column(raw: Callable[..., list[Any]], name: str) -> Column:
    def read(items: Sequence[Any], records: Sequence[RawRecord], errors: Errors) -> list[Any]:
        values = raw(items, records)
        if values and _are_naturals(values, LAST_ASN + 1):
            return values
        return _converted(values, lambda value: asn_of(value, name), errors)

    return read


def _address_column(raw: Callable[..., list[Any]], name: str, prefixes: PrefixRegister) -> Column:
    def convert(value: Any) -> int:  # noqa: ANN401
        if value is None or value == "":
            return 0
        try:
            return prefixes.network_of(str(value))
        except ValueError:
            raise WrongFieldError("out-of-range", "asn", f"{name}: no address: {value!r:.80}") from None

    return lambda items, records, errors: _converted(raw(items, records), convert, errors)


def asn_of(value: Any, name: str) -> int:  # noqa: ANN401
    """Return a number of 32 bits from a number or a text such as `AS64500`; 0 for nothing. Raises WrongFieldError."""
    if value is None or value == "":
        return 0
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "" if isinstance(value, bool | float) else str(value)
    if text.endswith(".0"):
        raise WrongFieldError("out-of-range", "asn", f"{name}: {text:.80} is asdot or a decimal number: write it whole")
    try:
        return 0 if text.isascii() and text.isdecimal() and not text.strip("0") else network_number(text)
    except ValueError:
        raise WrongFieldError("out-of-range", "asn", f"{name}: no number of a network: {value!r:.80}") from None
