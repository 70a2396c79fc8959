"""Reads entities as people and programs write them: `AS64515`, `asn/64515`, `1.10`, `IR`, `country/ir`, `ir-30`."""

from __future__ import annotations

import re
from typing import Final

from schemas.measurement import REGION_PATTERN, is_region

EXAMPLES: Final = "asn/43754 (or AS43754), region/IR-30 or country/IR (or IR)"
LAST_ASN: Final = 4_294_967_295


def _at_most(most: int) -> str:
    """Return a pattern of the numbers from 1 to `most`, which has several digits; zeros may lead.

    >>> _at_most(299)
    '0{0,9}(?:[1-9][0-9]{0,1}|[1-1][0-9]{2}|2[0-8][0-9]{1}|29[0-8][0-9]{0}|299)'
    """
    digits = str(most)
    least = [1, *[0] * (len(digits) - 1)]
    below = [
        f"{digits[:at]}[{least[at]}-{int(digit) - 1}][0-9]{{{len(digits) - at - 1}}}"
        for at, digit in enumerate(digits)
        if int(digit) > least[at]
    ]
    return f"0{{0,9}}(?:{'|'.join([f'[1-9][0-9]{{0,{len(digits) - 2}}}', *below, digits])})"


_HALF: Final = f"(?:{_at_most(65_535)}|0{{1,9}})"
_NUMBER: Final = rf"(?:[Aa][Ss])?(?:{_at_most(LAST_ASN)}|(?!0+\.0+$){_HALF}\.{_HALF})"
_LETTERS: Final = "[A-Za-z]{2}"
#: Patterns of the forms that are read, for `re` and, with the same meaning, for ECMA 262; asdot is RFC 5396.
NETWORK_PATTERN: Final = f"^(?:[Aa][Ss][Nn]/)?{_NUMBER}$"
COUNTRY_PATTERN: Final = f"^{_LETTERS}$"
ANY_REGION_PATTERN: Final = f"^{_LETTERS}" + REGION_PATTERN.removeprefix("^[A-Z]{2}")
ENTITY_PATTERN: Final = (
    rf"^(?:(?:[Aa][Ss][Nn]/)?{_NUMBER}$|(?:[Cc][Oo][Uu][Nn][Tt][Rr][Yy]/)?{_LETTERS}$"
    rf"|(?:[Rr][Ee][Gg][Ii][Oo][Nn]/)?{ANY_REGION_PATTERN[1:]})"
)
_NETWORK: Final = re.compile(NETWORK_PATTERN)
_COUNTRY: Final = re.compile(COUNTRY_PATTERN)


def network_number(text: str) -> int:
    """Return the number of a network. Raises ValueError.

    >>> network_number("AS64515"), network_number("as64515"), network_number("asn/64515"), network_number("1.10")
    (64515, 64515, 64515, 65546)
    """
    if not _NETWORK.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no network, such as 64500, AS64500 or 1.10")
    high, dot, low = text.lower().removeprefix("asn/").removeprefix("as").partition(".")
    return (int(high) << 16) + int(low) if dot else int(high)


def country_code(text: str) -> str:
    """Return a country's code in capitals. Raises ValueError.

    >>> country_code("ir")
    'IR'
    """
    if not _COUNTRY.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no country: give two letters such as IR")
    return text.upper()


def region_name(text: str) -> str:
    """Return a region's name with its country in capitals. Raises ValueError.

    >>> region_name("ir-30"), region_name("VE-Anzoátegui")
    ('IR-30', 'VE-Anzoátegui')
    """
    name = text[:2].upper() + text[2:] if text[:2].isascii() else text
    if not is_region(name):
        raise ValueError(f"{text[:80]!r} is no region: give a country and a name, such as IR-30")
    return name


def entity_named(text: str) -> str:
    """Return the entity that a text names, as messages write it. Raises ValueError with examples.

    >>> [entity_named(text) for text in ("AS43754", "43754", "asn/43754", "1.10", "ir", "country/IR", "ir-30")]
    ['asn/43754', 'asn/43754', 'asn/43754', 'asn/65546', 'country/IR', 'country/IR', 'region/IR-30']
    """
    kind, slash, name = text.partition("/")
    readers = {"asn": _network, "region": _region, "country": _country}
    wanted = readers.get(kind.lower())
    for read in [wanted] if slash and wanted else [] if slash else readers.values():
        try:
            return read(name if slash else text)
        except ValueError:
            continue
    raise ValueError(f"{text[:80]!r} is no entity, such as {EXAMPLES}")


def _network(text: str) -> str:
    return f"asn/{network_number(text)}"


def _region(text: str) -> str:
    return f"region/{region_name(text)}"


def _country(text: str) -> str:
    return f"country/{country_code(text)}"
