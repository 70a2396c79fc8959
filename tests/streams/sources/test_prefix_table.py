"""Longest prefix match, beside an oracle that looks at every prefix."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path

import numpy as np
import pytest

from streams.config.errors import InputError
from streams.sources.prefix_table import PrefixTable, read_prefixes
from tests.streams.sources.bgp_bytes import AsPath, table

TABLE = """# made up
10.0.0.0\t8\t1
10.1.0.0\t16\t2
10.1.2.0\t24\t3_4
10.2.0.0\t16\t64512
203.0.113.0\t24\t5,6
2001:db8::\t32\t7
2001:db8:1::\t48\t8
0.0.0.0\t1\t9
"""
Read = Callable[[str | bytes], PrefixTable]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function that reads a text as a file."""

    def reading(content: str | bytes) -> PrefixTable:
        file = tmp_path / "pfx2as"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_prefixes(file)

    return reading


@pytest.mark.parametrize(
    ("address", "asn"),
    [
        ("10.0.0.1", 1),
        ("10.1.0.0", 2),
        ("10.1.1.255", 2),
        ("10.1.2.3", None),
        ("10.1.3.0", 2),
        ("10.2.255.255", None),
        ("10.3.0.0", 1),
        ("11.0.0.0", 9),
        ("128.0.0.0", None),
        ("203.0.113.7", None),
        ("255.255.255.255", None),
        ("::ffff:10.1.0.1", 2),
        ("2001:db8::1", 7),
        ("2001:db8:1:ffff::", 8),
        ("2001:db8:2::", 7),
        ("2001:db9::", None),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
    ],
)
def test_the_longest_prefix_counts(read: Read, address: str, asn: int | None) -> None:
    """One that several networks announce, or a private one, hides what is around it: whose it is, is not known."""
    assert read(TABLE).network_of(address) == asn


def test_what_is_left_out_is_counted(read: Read) -> None:
    """Compressed or not."""
    wanted = {"a number that no network has": 1, "several networks": 2}
    assert read(TABLE).left_out == read(gzip.compress(TABLE.encode())).left_out == wanted


def longest(prefixes: dict[IPv4Network | IPv6Network, int], address: str) -> int | None:
    """Return what the longest prefix around an address says, by looking at all."""
    around = [network for network in prefixes if ip_address(address) in network]
    return prefixes[max(around, key=lambda network: network.prefixlen)] if around else None


@pytest.mark.parametrize("seed", range(20))
def test_all_look_ups_are_those_of_the_oracle(read: Read, seed: int) -> None:
    """Random nested prefixes of both versions, with the whole space among them, and addresses at their edges."""
    draw = np.random.default_rng(seed)
    prefixes: dict[IPv4Network | IPv6Network, int] = {}
    for bits, longest_length in ((32, 32), (128, 64)):
        base = int(draw.integers(1 << 31)) << (bits - 31)
        for _ in range(60):
            length = int(draw.integers(0, longest_length + 1))
            near = base ^ (int(draw.integers(1 << 16)) << int(draw.integers(0, bits - 15)))
            start = (near % (1 << bits)) >> (bits - length) << (bits - length)
            text = str(ip_address(start.to_bytes(bits // 8)))
            prefixes[ip_network(f"{text}/{length}")] = int(draw.integers(1, 9))
    table = read("".join(f"{n.network_address} {n.prefixlen} {asn}\n" for n, asn in prefixes.items()))
    for network in prefixes:
        for number in (int(network.network_address) - 1, int(network.network_address), int(network.broadcast_address)):
            address = str(ip_address((number % (1 << network.max_prefixlen)).to_bytes(network.max_prefixlen // 8)))
            if not address.startswith("::ffff:"):
                assert table.network_of(address) == longest(prefixes, address), address


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "has no prefix"),
        ("10.0.0.0 8\n", "pfx2as:1: '10.0.0.0 8' is no address, length and network"),
        ("10.0.0.0 8 1\n10.0.0.1 8 1\n", "pfx2as:2: "),
        ("10.0.0.0 33 1\n", "pfx2as:1: "),
        ("10.0.0.0 8 x\n", "pfx2as:1: "),
        ("10.0.0 8 1\n", "pfx2as:1: "),
        (b"\x1f\x8bxx", "cannot be decompressed"),
    ],
)
def test_what_is_no_table_is_one_line(read: Read, content: str | bytes, fault: str) -> None:
    """The line names the file, its line and what is there."""
    with pytest.raises(InputError, match=fault):
        read(content)


def test_a_table_of_routes(read: Read) -> None:
    """More than half of the peers name the network; a default route, a set of networks and a tie name nobody."""
    peers = ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
    seen: list[tuple[str, Sequence[tuple[int, AsPath]]]] = [
        ("0.0.0.0/0", [(0, [64_496, 1])]),
        ("10.0.0.0/8", [(0, [2, 3333]), (1, [3333]), (2, [1, 286])]),
        ("10.1.0.0/16", [(0, [2, 3333]), (1, [286])]),
        ("10.2.0.0/16", [(0, [2, (3333, 286)])]),
        ("2001:db8::/32", [(2, [1103])]),
        ("2001:db8:5::/48", [(2, [286])]),
    ]
    found = read(gzip.compress(table(1_700_000_000, peers, seen)))
    addresses = ("10.0.0.1", "10.1.0.1", "10.2.0.1", "192.0.2.1", "2001:db8::1", "2001:db8:5::1")
    assert [found.network_of(address) for address in addresses] == [3333, None, None, None, 1103, 286]
    assert found.left_out == {
        "a length that the Internet does not carry": 1,
        "a number that no network has": 1,
        "several networks": 1,
    }
