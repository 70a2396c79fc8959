"""What passes between the parts of a source: records as they came, and the rows that a decoder makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

#: asn, country, region, access, direction, service: what tells one series of a feed from another.
Series: TypeAlias = tuple[int | None, str | None, str | None, str | None, str | None, str | None]
#: The series of a row that shows only that its exporter is at work.
NOBODY: Series = (None, None, None, None, None, None)


class RawRecord(Protocol):
    """A record as it came. Records of aiokafka are such; `timestamp` is in milliseconds."""

    @property
    def value(self) -> bytes | None:
        """The bytes."""

    @property
    def offset(self) -> int:
        """The place of the record in its part: grows from record to record."""

    @property
    def key(self) -> bytes | None:
        """The key of a Kafka message."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """The headers of a Kafka message."""

    @property
    def timestamp(self) -> int | None:
        """The time of a Kafka message, in milliseconds."""


class LineRecord(msgspec.Struct, gc=False, frozen=True):
    """A line of a file, or a row of a table as a JSON object; `offset` counts them from 0."""

    value: bytes
    offset: int
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int | None = None


class Row(msgspec.Struct, gc=False):
    """An observation of a series. `index`: of its record in the chunk. `ts`: Unix seconds. `exporter`: who saw it."""

    index: int
    ts: float
    series: Series
    value: int | float = 1
    of: int | float = 1
    member: str | None = None
    up: bool | None = None
    exporter: str | None = None


class RejectedRecord(NamedTuple):
    """A record, or an object in it, that fits no mapping: the index of the record in its chunk, and why."""

    at: int
    reason: str
    detail: str


class DecodedRecords(NamedTuple):
    """What a decoder makes of a chunk.

    `rows` in the order of the records. `left_out`: records, or objects in them, that `keep` leaves out.
    `bad_networks`: networks that are missing, 0, reserved or private. `without_network`: objects with no other.
    """

    rows: list[Row]
    rejected: list[RejectedRecord]
    objects: int = 0
    left_out: int = 0
    bad_networks: int = 0
    without_network: int = 0


class Decoder(Protocol):
    """Bytes to rows: a pure function of the records. A plug-in of the group `ebbtide.sources` makes one."""

    def decode(self, records: Sequence[RawRecord]) -> DecodedRecords:
        """Return the rows of a chunk. Never raises for what is in a record."""


#: Start and end (Unix seconds) of a time in which nothing can be known any more.
Gap: TypeAlias = tuple[int, int]


class Remarks(NamedTuple):
    """What a reader has to say beside the records.

    `unknown`: values that the service does not know, such as NaN. `duplicates`: records that came again.
    `routes`: events of routes, by what they are. `peers`: how many peers counted at the end of the last bin.
    """

    gaps: tuple[Gap, ...] = ()
    unknown: int = 0
    duplicates: int = 0
    routes: Mapping[str, int] = {}
    peers: int = 0


class RecordChunk(NamedTuple):
    """Records of one part (a partition, a file) in order. `last`: no more will come of this part."""

    part: str
    records: Sequence[RawRecord]
    last: bool = False
    remarks: Remarks = Remarks()


class Arrival(NamedTuple):
    """What has come: chunks of parts, and the parts that have nothing more for now, which are not waited for."""

    chunks: list[RecordChunk]
    idle: frozenset[str] = frozenset()
