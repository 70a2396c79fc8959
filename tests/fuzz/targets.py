"""What holds of each decoder, whatever it is given. An input's first byte picks the decoder, the rest is for it."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Callable
from contextlib import suppress
from itertools import chain

import msgspec

from schemas.bin_report import decode_bin_report
from schemas.bin_report import encode as encode_bin_report
from schemas.clock import Clock, decode_clock
from schemas.clock import encode as encode_clock
from schemas.decode import Decoded, decode
from schemas.outage import decode_outage
from schemas.outage import encode as encode_outage
from schemas.rejections import DETAIL_LENGTH, REASONS
from schemas.validate import validate
from streams.config.errors import StateError
from streams.ingest.columns import Reader
from streams.ingest.message_reader import read
from streams.state.row_codec import pack, unpack
from streams.state.state_file import parse
from tests.fuzz.sources import SOURCE_TARGETS

SEPARATOR = b"\n---\n"


def measurements(data: bytes) -> None:
    """A run of values is each of them judged alone; what is dead has a reason, and a detail fit for a header."""
    values: list[bytes | None] = [*data.split(SEPARATOR)]
    decoded, alone = decode(values), [validate(value) for value in values]
    assert decoded.measurements == list(chain.from_iterable(good for good, _ in alone))
    assert list(decoded.source) == [index for index, (good, _) in enumerate(alone) for _ in good]
    assert [dead.payload for dead in decoded.dead] == [payload for _, bad in alone for payload, _ in bad]
    _read_by_layout(values, decoded)
    for measurement in decoded.measurements:
        assert isinstance(measurement.ts, int | float)
        assert 0 <= measurement.value < float("inf")
    for dead in decoded.dead:
        assert dead.reason in REASONS
        assert dead.detail.isprintable()
        assert len(dead.detail) <= DETAIL_LENGTH


def _read_by_layout(values: list[bytes | None], decoded: Decoded) -> None:
    """The same comes of them once their layouts are known."""
    reader = Reader({measurement.feed for measurement in decoded.measurements})
    for _ in range(3):
        found = read(values, reader)
        assert list(found.measurements) == decoded.measurements
        assert list(found.source) == list(decoded.source)
        assert found.dead == decoded.dead
        assert found.columns.ts.tolist() == [float(m.ts) for m in decoded.measurements]
        assert found.columns.value.tolist() == [m.value for m in decoded.measurements]


def clock(data: bytes) -> None:
    """A clock, which is written as it was read, or the error that the worker expects."""
    with suppress(msgspec.DecodeError):
        found: Clock = decode_clock(data)
        assert decode_clock(encode_clock(found)) == found


def outage(data: bytes) -> None:
    """An outage, which is written as it was read, or an error that readers expect."""
    with suppress(msgspec.DecodeError):
        found = decode_outage(data)
        assert decode_outage(encode_outage(found)) == found


def row(data: bytes) -> None:
    """A row of a snapshot, or the error for one that cannot be read; under a right frame, too."""
    framed = b"EBBT\x01\x00" + data[:4].ljust(4, b"\0") + zlib.compress(data[4:], 1)
    for given in (data, framed):
        with suppress(StateError):
            found = unpack(given)
            assert unpack(pack(found.values, found.columns)).values == found.values


def state(data: bytes) -> None:
    """A file of state, or the error for one that is none; with a right checksum, too."""
    signed = data + hashlib.sha256(data).hexdigest().encode() + b"\n"
    for given in (data, signed):
        with suppress(StateError):
            found = parse(io.BytesIO(given))
            assert found.partitions.keys() <= set(range(found.header.partitions))


def finding(data: bytes) -> None:
    """A finding, which is written as it was read, or the error that the worker expects."""
    with suppress(msgspec.DecodeError):
        found = decode_bin_report(data)
        assert decode_bin_report(encode_bin_report(found)) == found


TARGETS: tuple[Callable[[bytes], None], ...] = (
    measurements,
    clock,
    outage,
    row,
    state,
    finding,
    *SOURCE_TARGETS,
)


def run(data: bytes) -> str:
    """Give the rest of an input to the decoder that its first byte picks; return which has kept its promise."""
    target = TARGETS[data[0] % len(TARGETS) if data else 0]
    target(data[1:])
    return target.__name__
