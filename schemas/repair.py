"""Reads measurements whose fields have another form that can mean one thing only, and says what to change in others.

`"asn": "AS64500"` is 64500, `"country": "ir"` is IR, a time of 13 digits is in milliseconds. It is tried only where the
strict decoder has failed, so it costs nothing where measurements have the form of the schema.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from msgspec.structs import asdict

from schemas.entities import LAST_ASN, country_code, network_number
from schemas.measurement import Measurement
from schemas.rejections import RejectedError, reason_of
from schemas.times import unix_seconds

T = TypeVar("T")


class _Loose(Measurement, gc=False, omit_defaults=True, eq=False, kw_only=True):
    """A measurement whose entity and time may have another form; its other fields keep their rules."""

    ts: int | float | str
    asn: int | str | None = None  # type: ignore[assignment]
    country: str | None = None


_decoder: Final = msgspec.json.Decoder(_Loose)

#: What a producer has to change where a field is wrong.
ADVICE: Final = {
    "feed": "send a text of 1 to 64 characters",
    "ts": 'send Unix seconds, or a time such as "2019-12-25T06:05:00Z"',
    "asn": 'send a number such as 64500, or a text such as "AS64500"',
    "country": 'send two letters such as "IR"',
    "region": 'send a country and a name, such as "IR-30"',
    "access": 'send "mobile" or "fixed", or leave it out',
    "direction": 'send "domestic" or "international", or leave it out',
    "service": "send a text of 1 to 64 characters",
    "value": "send a number of at least 0, without quotes",
    "of": "send a number of at least 0, without quotes",
    "member": "send a text of 1 to 128 characters",
    "up": "send true or false",
}


def repaired(text: bytes) -> Measurement:
    """Return the measurement of a text that the strict decoder refuses. Raises RejectedError."""
    try:
        loose = _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise RejectedError(reason_of(error), _advised(str(error))) from None
    fields = asdict(loose)
    fields["ts"] = loose.ts if isinstance(loose.ts, str) else _read("ts", "bad-time", unix_seconds, loose.ts)
    if loose.asn is not None:
        fields["asn"] = _read("asn", "out-of-range", _network, loose.asn)
    if loose.country is not None:
        fields["country"] = _read("country", "out-of-range", country_code, loose.country)
    if isinstance(loose.ts, str) and len(loose.ts) > 64:
        raise RejectedError("bad-time", _advised("more than 64 characters - at `$.ts`"))
    return Measurement(**fields)


def _network(number: int | str) -> int:
    if isinstance(number, str):
        return network_number(number)
    if not 1 <= number <= LAST_ASN:
        raise ValueError(f"{number} is no number from 1 to {LAST_ASN}")
    return number


def _read(field: str, reason: str, read: Callable[[T], object], value: T) -> object:
    try:
        return read(value)
    except ValueError as error:
        raise RejectedError(reason, f"{field}: {error}: {ADVICE[field]}") from None  # type: ignore[arg-type]


def _advised(fault: str) -> str:
    """Return an error of msgspec with what to change.

    >>> _advised("Expected `bool | null`, got `int` - at `$.up`")
    'Expected `bool | null`, got `int` - at `$.up`: send true or false'
    """
    field = fault.rpartition("`$.")[2].rstrip("`")
    return f"{fault}: {ADVICE[field]}" if field in ADVICE else fault
