"""BGP UPDATE messages (RFC 4271, 4760, 6793, 7911) to changes of routes: prefixes, and the network they come from.

A prefix is its form on the wire: the length in bits, then as many bytes as it needs. Attributes that say nothing of the
network are skipped by their length, since a table has 1.2 million prefixes of each of a hundred peers.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from streams.sources.networks import AS_TRANS

V4, V6 = 0, 1  # families
BITS: Final = (32, 128)
#: In place of a network: the path ends in a set of networks (RFC 9774 deprecates it), or there is no path.
AS_SET, NO_PATH = -1, -2
PATH_ID: Final = 4  # bytes before a prefix in messages with several paths
_AS_PATH, _REACH, _UNREACH, _AS4_PATH = 2, 14, 15, 17
_EXTENDED, _SEQUENCE, _UNICAST = 0x10, 2, 1

Prefixes: TypeAlias = list[bytes]
ByFamily: TypeAlias = tuple[Prefixes, Prefixes]
_NONE: Final[ByFamily] = ([], [])


class RouteChange(NamedTuple):
    """What a peer says. `ts`: Unix seconds. `peer`: its address. `origin`: the network of what is announced.

    `is_up`: of a message about the session: whether it is established. `has_paths`: each prefix follows a path id.
    """

    ts: float
    peer: bytes
    withdrawn: ByFamily = _NONE
    announced: ByFamily = _NONE
    origin: int = NO_PATH
    is_up: bool | None = None
    has_paths: bool = False


def prefixes_of(data: bytes, at: int, end: int, most: int, skip: int = 0) -> Prefixes:
    r"""Return the prefixes in a part of a message, each of at most `most` bits behind `skip` bytes of a path id.

    Raises ValueError and IndexError. Bits beyond the length do not count (RFC 4271, 4.3), and are 0 in the answer.

    >>> prefixes_of(bytes([24, 192, 0, 2, 20, 198, 51, 0xFF]), 0, 8, 32)
    [b'\x18\xc0\x00\x02', b'\x14\xc63\xf0']
    """
    found = []
    while at < end:
        bits = data[at + skip]
        stop = at + skip + 1 + ((bits + 7) >> 3)
        if bits > most or stop > end:
            raise ValueError(f"a prefix of {bits} bits in {end - at} bytes")
        rest = bits & 7
        if rest and data[stop - 1] & (0xFF >> rest):
            found.append(data[at : stop - 1] + bytes([data[stop - 1] & ~(0xFF >> rest) & 0xFF]))
        else:
            found.append(data[at:stop])
        at = stop
    return found


def origin_of(data: bytes, at: int, end: int, size: int) -> int:
    """Return the network at the end of an AS path, of numbers of `size` bytes; AS_SET or NO_PATH. Raises ValueError."""
    last = NO_PATH
    if data[at : at + 1] == b"\2" and at + 2 + data[at + 1] * size == end > at + 2:
        return int.from_bytes(data[end - size : end], "big")  # one sequence, as nearly always
    while at < end:
        kind, stop = data[at], at + 2 + data[at + 1] * size
        if stop > end or stop == at + 2:
            raise ValueError(f"a segment of {data[at + 1]} networks in {end - at} bytes")
        last = int.from_bytes(data[stop - size : stop], "big") if kind == _SEQUENCE else AS_SET
        at = stop
    return last


def update_of(data: bytes, at: int, size: int, has_paths: bool = False) -> tuple[ByFamily, ByFamily, int]:
    """Return what an UPDATE withdraws and announces, and its network; `at`: where its first length stands.

    `size`: bytes of a network in its path. Raises ValueError and IndexError.
    """
    skip = PATH_ID if has_paths else 0
    stop = at + 2 + (data[at] << 8 | data[at + 1])
    end = stop + 2 + (data[stop] << 8 | data[stop + 1])
    if end > len(data):
        raise ValueError(f"attributes of {end - stop - 2} bytes in {len(data) - stop}")
    withdrawn = prefixes_of(data, at + 2, stop, 32, skip) if stop > at + 2 else []
    found = _attributes(data, stop + 2, end, size, skip)
    announced = prefixes_of(data, end, len(data), 32, skip) if len(data) > end else []
    if found is None:
        return (withdrawn, []), (announced, []), NO_PATH
    origin, reached, unreached = found
    return (withdrawn + unreached[V4], unreached[V6]), (announced + reached[V4], reached[V6]), origin


def _attributes(data: bytes, at: int, end: int, size: int, skip: int) -> tuple[int, ByFamily, ByFamily] | None:
    """Return the network, and what the attributes for other families announce and withdraw; None without any."""
    if at == end:
        return None
    origin, reached, unreached = NO_PATH, _NONE, _NONE
    while at < end:
        kind = data[at + 1]
        if data[at] & _EXTENDED:
            length, at = data[at + 2] << 8 | data[at + 3], at + 4
        else:
            length, at = data[at + 2], at + 3
        stop = at + length
        if stop > end:
            raise ValueError(f"attribute {kind} of {length} bytes in {end - at}")
        if kind == _AS_PATH:
            origin = origin_of(data, at, stop, size)
        elif kind == _REACH:
            reached = _of_family(data, at, at + 5 + data[at + 3], stop, skip)
        elif kind == _UNREACH:
            unreached = _of_family(data, at, at + 3, stop, skip)
        elif kind == _AS4_PATH and origin == AS_TRANS:
            origin = origin_of(data, at, stop, 4)
        at = stop
    return origin, reached, unreached


def _of_family(data: bytes, at: int, begin: int, stop: int, skip: int) -> ByFamily:
    """Return the prefixes of an attribute that begins with family and kind; others than unicast are none."""
    family = (data[at] << 8 | data[at + 1]) - 1
    if family not in (V4, V6) or data[at + 2] != _UNICAST:
        return _NONE
    found = prefixes_of(data, begin, stop, BITS[family], skip)
    return (found, []) if family == V4 else ([], found)


def network_in(attributes: bytes) -> int:
    """Return the network of the path in the attributes of a table entry, whose numbers have 4 bytes (RFC 6396, 4.3.4).

    Raises ValueError and IndexError.
    """
    at, end = 0, len(attributes)
    while at < end:
        if attributes[at] & _EXTENDED:
            begin = at + 4
            stop = begin + (attributes[at + 2] << 8 | attributes[at + 3])
        else:
            begin = at + 3
            stop = begin + attributes[at + 2]
        if stop > end:
            raise ValueError(f"attribute {attributes[at + 1]} of {stop - begin} bytes in {end - begin}")
        if attributes[at + 1] == _AS_PATH:
            return origin_of(attributes, begin, stop, 4)
        at = stop
    return NO_PATH
