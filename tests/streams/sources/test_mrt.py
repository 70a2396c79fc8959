"""MRT files: each type of record, and files that are cut or none."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from streams.config.errors import InputError
from streams.sources.bgp_update import AS_SET, NO_PATH, V4, V6, RouteChange
from streams.sources.mrt import BrokenRecord, MrtItem, MrtReader, TableEntry, TablePeers
from tests.streams.sources.bgp_bytes import (
    AsPath,
    as_path,
    attributes,
    keepalive,
    message,
    prefix,
    reach,
    record,
    state,
    table,
    unreach,
    update,
)

NOW = 1_700_000_000
PEER, PEER6 = "192.0.2.1", "2001:db8::1"
NET, NET6 = "198.51.100.0/24", "2001:db8:5::/48"


def read(folder: Path, *found: bytes) -> list[MrtItem]:
    """Return what records in a file say."""
    file = folder / "updates.mrt"
    file.write_bytes(b"".join(found))
    return list(MrtReader().read(str(file)))


def change(folder: Path, found: bytes) -> RouteChange:
    """Return the one change of a record."""
    (item,) = read(folder, found)
    assert isinstance(item, RouteChange)
    return item


def test_an_update_of_both_families(tmp_path: Path) -> None:
    """It withdraws and announces in its own parts, and in attributes; the last network of the path announces."""
    found = attributes([64_496, 3333]) + reach([prefix(NET6)]) + unreach([prefix("2001:db8:6::/44")])
    item = change(
        tmp_path, message(NOW, PEER, update([prefix("203.0.113.0/25")], found, [prefix(NET), prefix("0.0.0.0/0")]))
    )
    assert (item.ts, item.peer, item.origin) == (NOW, ip_address(PEER).packed, 3333)
    assert item.withdrawn == ([prefix("203.0.113.0/25")], [prefix("2001:db8:6::/44")])
    assert item.announced == ([prefix(NET), prefix("0.0.0.0/0")], [prefix(NET6)])


def test_ipv4_in_attributes_and_other_families(tmp_path: Path) -> None:
    """IPv4 may be in the attributes of other families, too (RFC 5549); what is not unicast is left out."""
    found = attributes([3333]) + reach([prefix(NET)], family=1)
    assert change(tmp_path, message(NOW, PEER6, update([], found))).announced == ([prefix(NET)], [])
    vpn = unreach([prefix(NET6)]).replace(b"\0\2\1", b"\0\2\x80")
    assert change(tmp_path, message(NOW, PEER6, update([], vpn))).withdrawn == ([], [])


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ([1, 2, 3333], 3333),
        ([1, (3333, 3334)], AS_SET),
        ([1, (5, 6), 3333], 3333),
        ([], NO_PATH),
        ([4_200_000_000], 4_200_000_000),
    ],
)
def test_who_announces(tmp_path: Path, path: list[int | tuple[int, ...]], origin: int) -> None:
    """The last network of the path; a set of networks at its end is nobody."""
    assert change(tmp_path, message(NOW, PEER, update([], attributes(path), [prefix(NET)]))).origin == origin


def test_networks_of_two_bytes(tmp_path: Path) -> None:
    """An old session writes 23456 for a long number, and the number in AS4_PATH (RFC 6793)."""
    old = attributes([1, 23_456], size=2) + as_path([196_615], kind=17)
    assert change(tmp_path, message(NOW, PEER, update([], old, [prefix(NET)]), subtype=1)).origin == 196_615
    short = attributes([1, 3333], size=2)
    assert change(tmp_path, message(NOW, PEER, update([], short, [prefix(NET)]), subtype=1)).origin == 3333


def test_a_time_with_microseconds_and_a_peer_of_ipv6(tmp_path: Path) -> None:
    """BGP4MP_ET has them before the message."""
    item = change(tmp_path, message(NOW + 0.25, PEER6, update([prefix(NET)])))
    assert (item.ts, item.peer, item.withdrawn[V4]) == (NOW + 0.25, ip_address(PEER6).packed, [prefix(NET)])


def test_sessions_and_signs_of_life(tmp_path: Path) -> None:
    """A session that comes and goes; a KEEPALIVE says that the peer is there, another step of a session nothing."""
    items = read(
        tmp_path,
        state(NOW, PEER, 5, 6),
        state(NOW, PEER, 6, 1, subtype=0),
        state(NOW, PEER, 1, 3),
        message(NOW, PEER, keepalive()),
    )
    assert [(item.is_up, item.announced) for item in items if isinstance(item, RouteChange)] == [
        (True, ([], [])),
        (False, ([], [])),
        (None, ([], [])),
    ]


def test_several_paths_of_a_prefix(tmp_path: Path) -> None:
    """Prefixes follow a path id (RFC 8050)."""
    item = change(
        tmp_path, message(NOW, PEER, update([prefix(NET, 7)], attributes([3333]), [prefix(NET, 9)]), subtype=9)
    )
    assert item.has_paths
    assert item.withdrawn[V4] == [b"\0\0\0\7" + prefix(NET)]
    assert item.announced[V4] == [b"\0\0\0\x09" + prefix(NET)]


@pytest.mark.parametrize("ids", [None, [4, 5]])
def test_a_table(tmp_path: Path, ids: list[int] | None) -> None:
    """Peers first, then prefixes, each with the network that each peer sees, and its path id if there are several."""
    rows: list[tuple[str, Sequence[tuple[int, AsPath]]]] = [
        (NET, [(0, [1, 3333]), (1, [2, (3333, 1)])]),
        (NET6, [(1, [2, 286]), (0, [1])]),
    ]
    peers, *entries = read(tmp_path, table(NOW, [PEER, PEER6], rows, ids))
    assert peers == TablePeers(NOW, [ip_address(PEER).packed, ip_address(PEER6).packed])
    first, second = (b"", b"") if ids is None else (b"\0\0\0\4", b"\0\0\0\5")
    left, right = peers.peers
    assert entries == [
        TableEntry(V4, prefix(NET), [(left, 3333, first), (right, AS_SET, second)]),
        TableEntry(V6, prefix(NET6), [(right, 286, first), (left, 1, second)]),
    ]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_compressed_files(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """Gzip and bzip2 are seen by their first bytes; records may cross the blocks that are read."""
    found = b"".join(message(NOW + n, PEER, update([], attributes([n + 1]), [prefix(NET)])) for n in range(4000))
    items = read(tmp_path, pack(found))
    assert [item.origin for item in items if isinstance(item, RouteChange)] == list(range(1, 4001))


def test_files_that_are_none(tmp_path: Path) -> None:
    """One line names the file and the byte."""
    whole = message(NOW, PEER, update([prefix(NET)]))
    with pytest.raises(InputError, match=rf"updates.mrt: ends within the record at byte {len(whole)}"):
        read(tmp_path, whole, whole[:-3])
    with pytest.raises(InputError, match=r"updates.mrt: is no MRT: a record of \d+ bytes at byte 0"):
        read(tmp_path, b"timestamp,prefix,origin\n" * 9)
    with pytest.raises(InputError, match=r"updates.mrt: cannot be read: "):
        read(tmp_path, gzip.compress(whole)[:-9])
    with pytest.raises(InputError, match=r"absent: cannot be read: No such file"):
        list(MrtReader().read("absent"))


BROKEN = {
    "a prefix of 33 bits": update([bytes([33, 1, 2, 3, 4, 5])]),
    "a prefix that ends": update([bytes([24, 1, 2])]),
    "attributes that end": update([], attributes([1]), [prefix(NET)])[:60],
    "an attribute that is longer": update([], bytes([0x40, 2, 200, 2, 1]), [prefix(NET)]),
    "an empty segment": update([], bytes([0x40, 2, 2, 2, 0]), [prefix(NET)]),
    "a segment that ends": update([], bytes([0x40, 2, 2, 2, 9]), [prefix(NET)]),
    "nothing": b"",
}


@pytest.mark.parametrize("bgp", BROKEN.values(), ids=BROKEN)
def test_a_broken_record_is_passed_on_and_the_rest_is_read(tmp_path: Path, bgp: bytes) -> None:
    """It is no change of any route, and its fault names the file, the byte and the type."""
    whole = message(NOW, PEER, update([prefix(NET)]))
    first, broken, last = read(tmp_path, whole, message(NOW, PEER, bgp), whole)
    assert first == last
    assert isinstance(broken, BrokenRecord)
    assert f"updates.mrt: byte {len(whole)}: type 16/4: " in broken.fault
    assert broken.value.endswith(bgp)


def test_records_of_other_types_are_counted(tmp_path: Path) -> None:
    """OSPF, old tables, and messages that are no updates say nothing of routes here."""
    file = tmp_path / "other.mrt"
    open_message = b"\xff" * 16 + b"\0\x1d\1" + bytes(10)
    file.write_bytes(record(NOW, 11, 0, b"x") + record(NOW, 12, 1, b"x") + message(NOW, PEER, open_message))
    reader = MrtReader()
    assert list(reader.read(str(file))) == []
    assert reader.skipped == {"type 11/0": 1, "type 12/1": 1, "no update": 1}
