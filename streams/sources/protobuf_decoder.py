"""Flows of goflow2's `-format=bin`: protobuf messages, each behind its length, by the published numbers of fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any, Final

import msgspec

from schemas.rejections import one_line
from streams.config.errors import UsageError
from streams.sources.json_decoder import JsonDecoder
from streams.sources.records import DecodedRecords, LineRecord, RawRecord, RejectedRecord

#: Name and number of each field that is a number, as goflow2 publishes them in pb/flow.proto.
NUMBERS: Final = {
    "type": 1,
    "sampling_rate": 3,
    "sequence_num": 4,
    "bytes": 9,
    "packets": 10,
    "next_hop_as": 13,
    "src_as": 14,
    "dst_as": 15,
    "src_net": 16,
    "dst_net": 17,
    "in_if": 18,
    "out_if": 19,
    "proto": 20,
    "src_port": 21,
    "dst_port": 22,
    "ip_tos": 23,
    "forwarding_status": 24,
    "ip_ttl": 25,
    "tcp_flags": 26,
    "vlan_id": 29,
    "etype": 30,
    "src_vlan": 33,
    "dst_vlan": 34,
    "observation_domain_id": 70,
    "observation_point_id": 71,
    "time_received_ns": 110,
    "time_flow_start_ns": 111,
    "time_flow_end_ns": 112,
}
ADDRESSES: Final = {"src_addr": 6, "dst_addr": 7, "sampler_address": 11, "next_hop": 12, "bgp_next_hop": 100}


class ProtobufDecoder:
    """Decodes as `JsonDecoder` does, whose names are those of the fields. Raises UsageError without protobuf."""

    def __init__(self, mapping: JsonDecoder) -> None:
        self._mapping, self._message = mapping, _flow_message()
        from google.protobuf.message import DecodeError

        self._errors = (DecodeError, ValueError)

    def decode(self, records: Sequence[RawRecord]) -> DecodedRecords:
        """Return the rows of records, in order. Never raises for what is in a record."""
        found: list[LineRecord] = []
        places: list[int] = []
        rejected: list[RejectedRecord] = []
        for at, record in enumerate(records):
            try:
                value = msgspec.json.encode([self._flow(part) for part in parts(record.value or b"")])
            except self._errors as error:
                rejected.append(RejectedRecord(at, "not-protobuf", one_line(str(error))))
                continue
            found.append(LineRecord(value, record.offset, record.key, tuple(record.headers), record.timestamp))
            places.append(at)
        decoded = self._mapping.decode(found)
        for row in decoded.rows:
            row.index = places[row.index]
        rejected += [fault._replace(at=places[fault.at]) for fault in decoded.rejected]
        return decoded._replace(
            rejected=sorted(rejected, key=lambda fault: fault.at),
            objects=decoded.objects + len(records) - len(found),
        )

    def _flow(self, part: bytes) -> dict[str, Any]:
        message = self._message.FromString(part)
        numbers = {name: getattr(message, name) for name in NUMBERS}
        return {**numbers, **{name: _address(getattr(message, name)) for name in ADDRESSES}}


def _address(packed: bytes) -> str:
    return str(ip_address(packed)) if packed else ""


def parts(value: bytes) -> Iterator[bytes]:
    """Yield the messages of a value, each behind its length as a varint. Raises ValueError.

    >>> list(parts(bytes([1, 65, 2, 66, 67])))
    [b'A', b'BC']
    """
    if not value:
        raise ValueError("is empty")
    at = 0
    while at < len(value):
        length = shift = 0
        while True:
            if at == len(value) or shift > 28:
                raise ValueError("ends within a length")
            byte, at = value[at], at + 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        if at + length > len(value):
            raise ValueError(f"a message of {length} bytes ends after {len(value) - at}")
        yield value[at : at + length]
        at += length


def _flow_message() -> Any:  # noqa: ANN401
    """Return the class of goflow2's messages, of the fields above; others in a message are skipped."""
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError:
        raise UsageError('format = "protobuf" needs protobuf: pip install "ebbtide[protobuf]"') from None
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="flow.proto", package="flowpb", syntax="proto3")
    flow = file.message_type.add(name="FlowMessage")
    for fields, kind in ((NUMBERS, kinds.TYPE_UINT64), (ADDRESSES, kinds.TYPE_BYTES)):
        for name, number in fields.items():
            flow.field.add(name=name, number=number, type=kind, label=kinds.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("flowpb.FlowMessage"))
