"""Flows as Akvorado's Kafka output has them, written byte by byte from the encoding of protobuf; and their schema.

Names and types are those of Akvorado 2026.8 (common/schema/definition.go), in the order that gives the numbers; columns
that are off by default are left out. The real schema has some fifty fields more, which nobody here reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from tests.streams.sources.helpers import START

HASH: Final = "6VOQ4CRHFAVLBGRTLIP4T2N7CU"
COLUMNS: Final = (
    "uint32 TimeReceived", "uint64 SamplingRate", "bytes ExporterAddress", "string ExporterName",
    "string ExporterGroup", "string ExporterRole", "string ExporterSite", "string ExporterRegion",
    "string ExporterTenant", "bytes SrcAddr", "bytes DstAddr", "uint32 SrcNetMask", "uint32 DstNetMask",
    "uint32 SrcAS", "uint32 DstAS", "string SrcCountry", "string DstCountry", "repeated uint32 DstASPath",
    "uint32 InIfBoundary", "uint32 EType", "uint32 Proto", "uint64 Bytes", "uint64 Packets",
)  # fmt: skip


def schema(name: str = HASH, columns: tuple[str, ...] = COLUMNS) -> bytes:
    """Return the text that the outlet serves; numbers follow the order of the columns."""
    lines = "\n ".join(f"{column} = {number};" for number, column in enumerate(columns, 1))
    return f'\nsyntax = "proto3";\n\nmessage FlowMessagev{name} {{\n {lines}\n}}\n'.encode()


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it."""
    return bytes([number]) if number < 128 else bytes([number % 128 + 128]) + varint(number // 128)


def encoded(values: Mapping[str, int | bytes | str], columns: tuple[str, ...] = COLUMNS) -> bytes:
    """Return a message of these values; a value of 0 is left out, as Akvorado does."""
    numbers = {column.rpartition(" ")[2]: number for number, column in enumerate(columns, 1)}
    found = b""
    for name, value in values.items():
        if isinstance(value, int):
            found += varint(numbers[name] << 3) + varint(value) if value else b""
        else:
            content = value.encode() if isinstance(value, str) else value
            found += varint(numbers[name] << 3 | 2) + varint(len(content)) + content
    return found


def flow(
    seconds: float,
    source: int,
    target: int = 0,
    size: int = 100,
    by: str = "192.0.2.1",
    rate: int = 1000,
    columns: tuple[str, ...] = COLUMNS,
) -> bytes:
    """Return a flow of two networks, `seconds` after START; addresses are of IPv6, those of IPv4 within it."""
    path = varint(3356) + varint(source)
    return encoded(
        {
            "TimeReceived": int(START + seconds),
            "SamplingRate": rate,
            "ExporterAddress": mapped(by),
            "ExporterName": "router1.example.net",
            "SrcAddr": mapped("198.51.100.7"),
            "SrcAS": source,
            "DstAS": target,
            "SrcCountry": "NL",
            "DstASPath": path,
            "EType": 0x800,
            "Bytes": size,
            "Packets": 3,
        },
        columns,
    )


def mapped(text: str) -> bytes:
    """Return an address in 16 bytes."""
    address = ip_address(text)
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed
