"""What routes cost: a table of 1.2 million prefixes and messages of its peers: `make bench-sources`."""

from __future__ import annotations

import resource
import struct
import sys
import time
from collections.abc import Iterator
from random import Random

from streams.config.route_sources import RouteRules
from streams.sources.mrt import MrtReader
from streams.sources.mrt_records import MrtRecord
from streams.sources.route_bins import BinRule, RouteBins

PREFIXES, PEERS, MESSAGES, NETWORKS = 1_200_000, 5, 300_000, 80_000
START, WIDTH, A_SECOND = 1_700_000_100, 300, 2000


def prefix(number: int) -> bytes:
    """Return a prefix of 24 bits."""
    return bytes([24]) + ((1 << 16) + number).to_bytes(3, "big")


def attributes(network: int, rng: Random) -> bytes:
    """Return a path of three to seven networks, and communities."""
    hops = [rng.randrange(1, 60_000) for _ in range(rng.randrange(2, 7))] + [network]
    path = struct.pack(f">BB{len(hops)}I", 2, len(hops), *hops)
    head = b"\x40\1\1\0\x40\2" + bytes([len(path)]) + path + b"\x40\3\4" + bytes(4)
    return head + b"\xc0\x08\x10" + rng.randbytes(16)


def network(number: int) -> int:
    """Return who announces a prefix."""
    return 131_072 + number % NETWORKS


def table(rng: Random) -> Iterator[MrtRecord]:
    """Yield a table in which each peer has each prefix."""
    peers = b"".join(b"\2" + bytes(4) + bytes([192, 0, 2, n]) + bytes(4) for n in range(PEERS))
    yield 0, START, 13, 1, bytes(6) + struct.pack(">H", PEERS) + peers
    for number in range(PREFIXES):
        found = attributes(network(number), rng)
        entries = b"".join(struct.pack(">HIH", n, START, len(found)) + found for n in range(PEERS))
        yield 0, START, 13, 2, struct.pack(">I", number) + prefix(number) + struct.pack(">H", PEERS) + entries


def messages(rng: Random) -> Iterator[MrtRecord]:
    """Yield announcements, and one withdrawal in ten, of one to three prefixes."""
    for at in range(MESSAGES):
        first = rng.randrange(PREFIXES)
        numbers = range(first, PREFIXES, NETWORKS)[: rng.choice((1, 1, 1, 2, 3))]
        prefixes, found = b"".join(map(prefix, numbers)), b""
        if rng.random() < 0.1:
            body = struct.pack(">H", len(prefixes)) + prefixes + b"\0\0"
        else:
            found = attributes(network(numbers[0]), rng)
            body = b"\0\0" + struct.pack(">H", len(found)) + found + prefixes
        head = struct.pack(">IIHH", 64_496, 64_497, 0, 1) + bytes([192, 0, 2, rng.randrange(PEERS)]) + bytes(4)
        bgp = b"\xff" * 16 + struct.pack(">HB", 19 + len(body), 2) + body
        yield 0, START + at // A_SECOND, 16, 4, head + bgp


def taken(bins: RouteBins, reader: MrtReader, records: list[MrtRecord]) -> float:
    """Return the CPU seconds that records take."""
    began = time.process_time()
    for item in reader.decode(records, "bench"):
        bins.take("rrc00", item)
    return time.process_time() - began


def main() -> None:
    """Print rates, and the memory that the table adds."""
    rng, reader, before = Random(1), MrtReader(), _memory()
    bins, spent, block = RouteBins(RouteRules(), BinRule(WIDTH, 86_400)), 0.0, list[MrtRecord]()
    for record in table(rng):
        block.append(record)
        if len(block) == 10_000:
            spent += taken(bins, reader, block)
            block.clear()
    spent += taken(bins, reader, block)
    memory = _memory() - before
    found = list(messages(rng))
    updates = taken(bins, reader, found)
    counts = bins.table.counts
    prefixes = counts["announced"] + counts["withdrawn"]
    began = time.process_time()
    bins.move(START + WIDTH)
    sys.stdout.write(
        f"table of {PREFIXES:,} prefixes, {PEERS} peers: {PREFIXES * PEERS / spent:,.0f} routes a CPU second, "
        f"{memory} MiB\n"
        f"{MESSAGES / updates:,.0f} messages, {prefixes / updates:,.0f} prefixes a CPU second; "
        f"end of a bin {time.process_time() - began:.2f} s\n"
    )


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


if __name__ == "__main__":
    main()
