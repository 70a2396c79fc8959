"""Writes BGP messages and MRT records as the RFCs describe them (4271, 4760, 6396, 6397, 6793, 8050)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

SEQUENCE, SET = 2, 1
V4_BYTES = 4
AsPath = Sequence[int | tuple[int, ...]]


def prefix(text: str, path_id: int | None = None) -> bytes:
    """Return a prefix as on the wire."""
    network = ip_network(text, strict=False)
    bits = network.prefixlen
    begin = b"" if path_id is None else struct.pack(">I", path_id)
    return begin + bytes([bits]) + network.network_address.packed[: (bits + 7) // 8]


def attribute(kind: int, value: bytes, flags: int = 0x40) -> bytes:
    """Return a path attribute, with a length of two bytes when it is long."""
    if len(value) > 255:
        return struct.pack(">BBH", flags | 0x10, kind, len(value)) + value
    return bytes([flags, kind, len(value)]) + value


def as_path(path: AsPath, size: int = 4, kind: int = 2) -> bytes:
    """Return AS_PATH, or AS4_PATH: numbers are a sequence, a tuple is a set."""
    segments: list[tuple[int, list[int]]] = []
    for hop in path:
        if isinstance(hop, tuple):
            segments.append((SET, list(hop)))
        elif segments and segments[-1][0] == SEQUENCE:
            segments[-1][1].append(hop)
        else:
            segments.append((SEQUENCE, [hop]))
    value = b"".join(
        bytes([code, len(hops)]) + b"".join(hop.to_bytes(size, "big") for hop in hops) for code, hops in segments
    )
    return attribute(kind, value)


def attributes(path: AsPath, size: int = 4) -> bytes:
    """Return origin, path and next hop, and something that nobody asks for."""
    return attribute(1, b"\0") + as_path(path, size) + attribute(3, bytes(4)) + attribute(8, bytes(400), 0xC0)


def reach(prefixes: Sequence[bytes], family: int = 2) -> bytes:
    """Return MP_REACH_NLRI."""
    return attribute(14, struct.pack(">HBB", family, 1, 16) + bytes(17) + b"".join(prefixes), 0x80)


def unreach(prefixes: Sequence[bytes], family: int = 2) -> bytes:
    """Return MP_UNREACH_NLRI."""
    return attribute(15, struct.pack(">HB", family, 1) + b"".join(prefixes), 0x80)


def update(withdrawn: Sequence[bytes] = (), found: bytes = b"", announced: Sequence[bytes] = ()) -> bytes:
    """Return an UPDATE with its head."""
    gone = b"".join(withdrawn)
    body = struct.pack(">H", len(gone)) + gone + struct.pack(">H", len(found)) + found + b"".join(announced)
    return b"\xff" * 16 + struct.pack(">HB", 19 + len(body), 2) + body


def keepalive() -> bytes:
    """Return a KEEPALIVE."""
    return b"\xff" * 16 + struct.pack(">HB", 19, 4)


def record(ts: int, kind: int, subtype: int, body: bytes) -> bytes:
    """Return an MRT record."""
    return struct.pack(">IHHI", ts, kind, subtype, len(body)) + body


def message(ts: float, peer: str, bgp: bytes, subtype: int = 4) -> bytes:
    """Return a message of a peer; with microseconds when the time has a fraction."""
    size = 4 if subtype in (4, 7, 9, 11) else 2
    body = _session(peer, size) + bgp
    if ts == int(ts):
        return record(int(ts), 16, subtype, body)
    return record(int(ts), 17, subtype, struct.pack(">I", round(ts % 1 * 1e6)) + body)


def state(ts: int, peer: str, before: int, after: int, subtype: int = 5) -> bytes:
    """Return a change of a session; 6 is Established."""
    return record(ts, 16, subtype, _session(peer, 4 if subtype == 5 else 2) + struct.pack(">HH", before, after))


def _session(peer: str, size: int) -> bytes:
    address = ip_address(peer).packed
    head = (64_496).to_bytes(size, "big") + (64_497).to_bytes(size, "big")
    return head + struct.pack(">HH", 0, 1 if len(address) == V4_BYTES else 2) + address + bytes(len(address))


def table(
    ts: int,
    peers: Sequence[str],
    rows: Sequence[tuple[str, Sequence[tuple[int, AsPath]]]],
    path_ids: Sequence[int] | None = None,
) -> bytes:
    """Return a table: prefixes, each with the index of a peer and the path. `path_ids`: one for each entry of a row."""
    found = [record(ts, 13, 1, bytes(4) + b"\0\4test" + struct.pack(">H", len(peers)) + b"".join(map(_peer, peers)))]
    for number, (text, entries) in enumerate(rows):
        body = struct.pack(">I", number) + prefix(text) + struct.pack(">H", len(entries))
        for at, (peer, path) in enumerate(entries):
            blob = attributes(path)
            body += struct.pack(">HI", peer, ts)
            body += b"" if path_ids is None else struct.pack(">I", path_ids[at])
            body += struct.pack(">H", len(blob)) + blob
        kind = (4 if ":" in text else 2) + (0 if path_ids is None else 6)
        found.append(record(ts, 13, kind, body))
    return b"".join(found)


def _peer(text: str) -> bytes:
    address = ip_address(text).packed
    kind = 2 | (len(address) != V4_BYTES)
    return bytes([kind]) + bytes(4) + address + struct.pack(">I", 64_496)
