"""Finds the network of an address: longest prefix match over a table of announced prefixes.

Source of the table: RouteViews' prefix-to-AS files (CAIDA's pfx2as format), lines of address, length and origin, such
as `192.0.2.0<tab>24<tab>64500`. An origin of several networks (`64500_64501`, or a set `64500,64501`) is ambiguous.

A table of MRT (TABLE_DUMP_V2) has the routes of many peers, of which more than half must agree.

Nested prefixes are flattened once into intervals that do not overlap, so that a look-up is one binary search.
IPv6 is matched by its first 64 bits, and a longer prefix stands for them: none is carried across the Internet.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from itertools import islice
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_pton
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.config.bounded_file import read_decompressed
from streams.config.errors import InputError
from streams.sources.bgp_update import V4
from streams.sources.mrt import TABLE, MrtReader, TableEntry
from streams.sources.mrt_records import records
from streams.sources.networks import is_public
from streams.sources.route_rows import CARRIED

MAX_FILE: Final = 1 << 28  # bytes, once decompressed; the table of all IPv4 prefixes has 25 MB
UNKNOWN: Final = 0  # no network has this number
SHIFT: Final = {4: 0, 6: 64}  # bits of an address that are not compared
BITS: Final = {4: 32, 6: 64}

Numbers = npt.NDArray[np.uint64]


class Prefix(NamedTuple):
    """A prefix: its first and last compared number, and the network that announces it, or UNKNOWN."""

    first: int
    last: int
    asn: int


class Intervals(NamedTuple):
    """Flattened prefixes. `starts`: shape (n,), ascending, the first is 0; `asns`: shape (n,), UNKNOWN for none."""

    starts: Numbers
    asns: npt.NDArray[np.int64]

    def of(self, addresses: Numbers) -> npt.NDArray[np.int64]:
        """Return the network of each address, shape as given."""
        return self.asns[np.searchsorted(self.starts, addresses, side="right") - 1]


class PrefixTable(NamedTuple):
    """The intervals of IPv4 and IPv6, and how many prefixes were left out, by reason."""

    v4: Intervals
    v6: Intervals
    left_out: Mapping[str, int]

    def network_of(self, address: str) -> int | None:
        """Return the network of an address as text; None when no prefix has it, or several networks announce it.

        Raises ValueError for what is no address.
        """
        parsed = ip_address(address)
        mapped = getattr(parsed, "ipv4_mapped", None)
        found = parsed if mapped is None else mapped
        intervals = self.v4 if found.version == 4 else self.v6
        asn = int(intervals.of(np.array([int(found) >> SHIFT[found.version]], np.uint64))[0])
        return None if asn == UNKNOWN else asn


def read_prefixes(file: Path) -> PrefixTable:
    """Return the table of a file, which may be compressed. Raises InputError, which names the file and the place."""
    return _of_routes(file) if _is_mrt(file) else _of_lines(file)


def _is_mrt(file: Path) -> bool:
    """Return whether a file begins with the peers of a table of routes."""
    try:
        return any(kind == TABLE for _, _, kind, _, _ in islice(records(str(file)), 1))
    except InputError:
        return False


def _of_routes(file: Path) -> PrefixTable:
    """Return the table of routes that peers have: a prefix is of the network that more than half of them see."""
    prefixes: dict[int, list[Prefix]] = {4: [], 6: []}
    left_out = Counter[str]()
    for item in MrtReader().read(str(file)):
        if not isinstance(item, TableEntry):
            continue
        least, most = CARRIED[item.family]
        if not least <= item.prefix[0] <= most:
            left_out["a length that the Internet does not carry"] += 1
            continue
        asn, reason = _most_see(item)
        version = 4 if item.family == V4 else 6
        prefixes[version].append(_on_the_wire(item.prefix, version, asn))
        left_out[reason] += 1
    return _table(file, prefixes, left_out)


def _most_see(entry: TableEntry) -> tuple[int, str]:
    """Return the network that more than half of the peers see, or UNKNOWN and the reason."""
    ((asn, peers),) = Counter(origin for _, origin, _ in entry.routes).most_common(1) or [(UNKNOWN, 1)]
    return _origin({asn} if 2 * peers > len(entry.routes) else {asn, UNKNOWN})


def _on_the_wire(prefix: bytes, version: int, asn: int) -> Prefix:
    """Return a prefix of a table of routes."""
    size = BITS[version] + SHIFT[version]
    number = int.from_bytes(prefix[1:].ljust(size // 8, b"\0"))
    last = number | (1 << (size - prefix[0])) - 1
    return Prefix(number >> SHIFT[version], last >> SHIFT[version], asn)


def _of_lines(file: Path) -> PrefixTable:
    """Return the table of lines of address, length and origin."""
    prefixes: dict[int, list[Prefix]] = {4: [], 6: []}
    left_out = Counter[str]()
    for line, text in enumerate(_lines(file), 1):
        if not text or text.startswith("#"):
            continue
        version, prefix, reason = _prefix(file, line, text)
        prefixes[version].append(prefix)
        left_out[reason] += 1
    return _table(file, prefixes, left_out)


def _table(file: Path, prefixes: Mapping[int, list[Prefix]], left_out: Counter[str]) -> PrefixTable:
    """Return the flattened table. Raises InputError when it is empty."""
    del left_out[""]
    if not prefixes[4] and not prefixes[6]:
        raise InputError(f"{file}: has no prefix")
    return PrefixTable(flattened(prefixes[4]), flattened(prefixes[6]), dict(sorted(left_out.items())))


def _lines(file: Path) -> Sequence[str]:
    try:
        return read_decompressed(file, MAX_FILE).decode("ascii").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: is no text in ASCII: {error}") from None


def _prefix(file: Path, line: int, text: str) -> tuple[int, Prefix, str]:
    """Return the version of a prefix, the prefix, and why nobody is found under it, if so."""
    try:
        address, length, origin = text.split()
        version = 6 if ":" in address else 4
        first, last = _range(address, int(length), version)
        origins = {int(number) for number in re.split("[_,]", origin)}
    except (ValueError, OSError):
        raise InputError(f"{file}:{line}: {text[:80]!r} is no address, length and network") from None
    asn, reason = _origin(origins)
    return version, Prefix(first >> SHIFT[version], last >> SHIFT[version], asn), reason


def _range(address: str, length: int, version: int) -> tuple[int, int]:
    """Return the first and the last address of a prefix. Raises ValueError or OSError."""
    number = int.from_bytes(inet_pton(AF_INET6 if version == 6 else AF_INET, address))
    rest = (1 << (BITS[version] + SHIFT[version] - length)) - 1
    if number & rest:
        raise ValueError("bits of a host are set")
    return number, number | rest


def _origin(origins: Collection[int]) -> tuple[int, str]:
    """Return the network that announces a prefix, or UNKNOWN and the reason."""
    if len(origins) > 1:
        return UNKNOWN, "several networks"
    (asn,) = origins
    return (asn, "") if is_public(asn) else (UNKNOWN, "a number that no network has")


def flattened(prefixes: Iterable[Prefix]) -> Intervals:
    """Return the intervals in which the innermost prefix is the same; of equal prefixes the last one counts.

    >>> found = flattened([Prefix(10, 19, 1), Prefix(12, 13, 2)])
    >>> [int(asn) for asn in found.of(np.array([9, 10, 12, 13, 14, 19, 20], np.uint64))]
    [0, 1, 2, 2, 1, 1, 0]
    """
    starts, asns = [0], [UNKNOWN]
    for start, asn in _edges(prefixes):
        if start == starts[-1]:
            asns[-1] = asn
        elif asn != asns[-1]:
            starts.append(start)
            asns.append(asn)
    return Intervals(np.array(starts, np.uint64), np.array(asns, np.int64))


def _edges(prefixes: Iterable[Prefix]) -> Iterator[tuple[int, int]]:
    """Yield where the innermost prefix changes, and its network: outer prefixes come before those in them."""
    around: list[Prefix] = []
    for prefix in sorted(prefixes, key=lambda prefix: (prefix.first, -prefix.last)):
        yield from _left(around, prefix.first)
        around.append(prefix)
        yield prefix.first, prefix.asn
    yield from _left(around, 1 << 64)


def _left(around: list[Prefix], until: int) -> Iterator[tuple[int, int]]:
    while around and around[-1].last < until:
        end = around.pop().last + 1
        if end < 1 << 64:
            yield end, around[-1].asn if around else UNKNOWN
