"""What MRT records say (RFC 6396, 6397, 8050): tables (TABLE_DUMP_V2) and messages (BGP4MP, BGP4MP_ET).

Own code, since mrtparse 2.2.0 reads 19,000 messages a CPU second, and a source must read 100,000.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from struct import Struct, error
from typing import Final, NamedTuple, TypeAlias

from streams.sources.bgp_update import NO_PATH, V4, V6, RouteChange, network_in, prefixes_of, update_of
from streams.sources.mrt_records import MrtRecord, records

TABLE: Final = 13  # type of the records of a table
_MESSAGES, _MESSAGES_ET = 16, 17
_PEERS, _RIBS = 1, {2: (V4, False), 4: (V6, False), 8: (V4, True), 10: (V6, True)}
_STATES, _UPDATE, _KEEPALIVE, _ESTABLISHED = (0, 5), 2, 4, 6
#: Of messages: bytes of a network, and whether prefixes follow a path id.
_KINDS: Final = {1: (2, False), 4: (4, False), 6: (2, False), 7: (4, False)}
_PATH_KINDS: Final = {8: (2, True), 9: (4, True), 10: (2, True), 11: (4, True)}
_FRAMES: Final = {**_KINDS, **_PATH_KINDS}
_ENTRY, _PATH_ENTRY = Struct(">HIH"), Struct(">HIIH")
CACHED: Final = 1 << 16  # attributes whose network is remembered
FAULTS: Final = (ValueError, IndexError, error)


class TableEntry(NamedTuple):
    """A prefix in a table: address of each peer that has it, the network that it names, and the path id, if any."""

    family: int
    prefix: bytes
    routes: list[tuple[bytes, int, bytes]]


class TablePeers(NamedTuple):
    """The beginning of a table: its time (Unix seconds) and the addresses of all peers."""

    ts: float
    peers: list[bytes]


class BrokenRecord(NamedTuple):
    """A record that says not what its type should, and what is wrong with it."""

    ts: float
    value: bytes
    fault: str


MrtItem: TypeAlias = RouteChange | TableEntry | TablePeers | BrokenRecord


@dataclass(slots=True)
class MrtReader:
    """Decodes records. `skipped`: how many say nothing of routes, by type."""

    skipped: Counter[str] = field(default_factory=Counter)
    _peers: list[bytes] = field(default_factory=list)
    _networks: dict[bytes, int] = field(default_factory=dict)

    def read(self, name: str) -> Iterator[MrtItem]:
        """Yield what the records of a file say. Raises InputError, which names the file and the byte."""
        return self.decode(records(name), name)

    def decode(self, found: Iterable[MrtRecord], name: str) -> Iterator[MrtItem]:
        """Yield what records say, and broken records; records without routes are counted."""
        for place, ts, kind, subtype, body in found:
            try:
                item = self._item(ts, kind, subtype, body)
            except FAULTS as fault:
                item = BrokenRecord(ts, body, f"{name}: byte {place}: type {kind}/{subtype}: {fault}")
            if item is not None:
                yield item

    def _item(self, ts: int, kind: int, subtype: int, body: bytes) -> MrtItem | None:
        if kind == _MESSAGES:
            return self._message(ts, subtype, body, 0)
        if kind == _MESSAGES_ET:
            return self._message(ts + int.from_bytes(body[:4], "big") / 1e6, subtype, body, 4)
        if kind == TABLE and subtype in _RIBS:
            return self._entry(body, *_RIBS[subtype])
        if kind == TABLE and subtype == _PEERS:
            self._peers = list(_peers(body))
            return TablePeers(ts, self._peers)
        return self._other(f"type {kind}/{subtype}")

    def _other(self, reason: str) -> MrtItem | None:
        """Count a record that says nothing of routes."""
        self.skipped[reason] += 1
        return None

    def _message(self, ts: float, subtype: int, body: bytes, at: int) -> MrtItem | None:
        """Return what a message says; its head names both networks, the interface, the family, and both addresses."""
        if subtype in _STATES:
            return _state(ts, body, at + (4 if subtype == 0 else 8))
        if subtype not in _FRAMES:
            return self._other(f"type 16/{subtype}")
        size, has_paths = _FRAMES[subtype]
        at += 2 * size + 4
        length = 16 if body[at - 1] == 2 else 4
        peer = body[at : at + length]
        at += 2 * length + 18  # the marker of the BGP message, and its length
        if body[at] != _UPDATE:
            return RouteChange(ts, peer) if body[at] == _KEEPALIVE else self._other("no update")
        return RouteChange(ts, peer, *update_of(body, at + 1, size, has_paths), None, has_paths)

    def _entry(self, body: bytes, family: int, has_paths: bool) -> TableEntry:
        stop = 5 + ((body[4] + 7) >> 3)
        (prefix,) = prefixes_of(body, 4, stop, 128 if family == V6 else 32)
        form = _PATH_ENTRY if has_paths else _ENTRY
        peers, networks, at, routes = self._peers, self._networks, stop + 2, []
        for _ in range(body[stop] << 8 | body[stop + 1]):
            head = form.unpack_from(body, at)
            path = body[at + 6 : at + 10] if has_paths else b""
            at += form.size
            attributes = body[at : at + head[-1]]
            at += head[-1]
            if (network := networks.get(attributes)) is None:
                network = self._network(attributes)
            routes.append((peers[head[0]], network, path))
        if at != len(body):
            raise ValueError(f"entries of {at} bytes in {len(body)}")
        return TableEntry(family, prefix, routes)

    def _network(self, attributes: bytes) -> int:
        if len(self._networks) >= CACHED:
            self._networks.clear()
        network = self._networks[attributes] = network_in(attributes)
        return network


def _state(ts: float, body: bytes, at: int) -> RouteChange | None:
    """Return whether a session came or went; None for a step between two other states."""
    length = 16 if body[at + 3] == 2 else 4
    peer, at = body[at + 4 : at + 4 + length], at + 4 + 2 * length
    before, after = body[at + 1], body[at + 3]
    if _ESTABLISHED not in (before, after):
        return None
    return RouteChange(ts, peer, origin=NO_PATH, is_up=after == _ESTABLISHED)


def _peers(body: bytes) -> Iterator[bytes]:
    """Yield the addresses of the peers of a table, in order."""
    at = 6 + (body[4] << 8 | body[5])
    count, at = body[at] << 8 | body[at + 1], at + 2
    for _ in range(count):
        kind = body[at]
        length = 16 if kind & 1 else 4
        if len(body) < at + 5 + length + (4 if kind & 2 else 2):
            raise ValueError(f"a table of {count} peers ends after {len(body)} bytes")
        yield body[at + 5 : at + 5 + length]
        at += 5 + length + (4 if kind & 2 else 2)
