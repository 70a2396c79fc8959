"""Flows of goflow2's binary format, written byte by byte from its published fields."""

from __future__ import annotations

import random

import pytest

from streams.config.errors import SettingsError
from streams.config.settings import from_builtins
from streams.sources.decoders import decoder_of
from tests.streams.sources.helpers import START, line, settings

SOURCE = from_builtins(
    {
        "feeds": {"f": {"signal": "traffic", "kind": "count", "bin": 60}},
        "sources": {"s": {"type": "goflow2", "feed": "f", "format": "protobuf"}},
    }
).sources["s"]


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it."""
    return bytes([number]) if number < 128 else bytes([number % 128 + 128]) + varint(number // 128)


def flow(source: int, target: int, size: int, rate: int = 0, start: int = START) -> bytes:
    """Return a flow behind its length: numbers, an address, and a list and a field that nobody reads."""
    numbers = {14: source, 15: target, 9: size, 3: rate, 111: start * 10**9, 1: 4, 200: 7}
    content = b"".join(varint(number << 3) + varint(value) for number, value in numbers.items() if value)
    address, path = bytes([192, 0, 2, 7]), varint(source) + varint(target)
    content += b"".join(varint(n << 3 | 2) + varint(len(value)) + value for n, value in ((11, address), (102, path)))
    return varint(len(content)) + content


def test_flows_are_rows() -> None:
    """Of both networks, scaled, with the exporter; several flows may be in a message."""
    found = decoder_of("s", SOURCE, "protobuf").decode(
        [line(flow(3333, 1103, 300, 1000)), line(flow(286, 0, 70_000) + flow(0, 4_199_999_999, 5), 1)]
    )
    assert [(row.index, row.ts, row.series[0], row.value, row.exporter) for row in found.rows] == [
        (0, START, 3333, 300_000, "192.0.2.7"),
        (0, START, 1103, 300_000, "192.0.2.7"),
        (1, START, 286, 70_000, "192.0.2.7"),
        (1, START, 4_199_999_999, 5, "192.0.2.7"),
    ]
    assert (found.rejected, found.objects, found.bad_networks) == ([], 3, 2)


def test_what_is_no_flow_is_rejected_in_its_place() -> None:
    """Cut anywhere, or of random bytes: never an error, and the flows around it are read."""
    whole, rng = flow(3333, 1103, 300), random.Random(1)
    wrong = [whole[:cut] for cut in range(len(whole))] + [rng.randbytes(rng.randrange(1, 90)) for _ in range(300)]
    for value in wrong:
        found = decoder_of("s", SOURCE, "protobuf").decode([line(whole), line(value, 1), line(whole, 2)])
        assert [row.index for row in found.rows if row.index != 1] == [0, 0, 2, 2]
        assert {fault.at for fault in found.rejected} <= {1}
        assert [fault.reason for fault in found.rejected] == ["not-protobuf"] or value not in wrong[: len(whole)]


def test_only_goflow2_has_the_format() -> None:
    """Another source has no numbers of fields."""
    with pytest.raises(SettingsError, match=r"sources.s.format: 'protobuf' is for goflow2 and akvorado only"):
        decoder_of("s", settings('ts = "t"\nasn = "a"').sources["s"], "protobuf")
