"""Flows in protobuf: messages by a schema, one a record, or each behind its length, as in goflow2's `-format=bin`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias

from schemas.rejections import one_line
from streams.config.sources import SourceSettings
from streams.sources.enrichment import Enrichment
from streams.sources.item_type import Getter
from streams.sources.items import ItemForm, Items
from streams.sources.json_decoder import RecordDecoder, paths_of
from streams.sources.proto_schema import ProtoField, ProtoMessage
from streams.sources.records import RawRecord, RejectedRecord

Split: TypeAlias = Callable[[bytes], Iterable[bytes]]

#: Fields of goflow2's messages that are one number or address, as it publishes them in pb/flow.proto.
GOFLOW2: Final = ProtoMessage(
    "FlowMessage",
    {
        **{
            name: ProtoField(number, "uint64")
            for name, number in {
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
            }.items()
        },
        **{
            name: ProtoField(number, "bytes")
            for name, number in {
                "src_addr": 6,
                "dst_addr": 7,
                "sampler_address": 11,
                "next_hop": 12,
                "bgp_next_hop": 100,
            }.items()
        },
    },
)


class MessageFormat(NamedTuple):
    """The schema of messages, and the function that finds them in a value."""

    message: ProtoMessage
    split: Split


class ProtobufDecoder(RecordDecoder):
    """Decodes as the settings of a source say, whose paths are names of fields.

    Raises ValueError for names that the schema does not have, and UsageError without protobuf.
    """

    def __init__(self, source: SourceSettings, form: MessageFormat, enrichment: Enrichment | None = None) -> None:
        paths = paths_of(source)
        decode = _Messages(form.message.decoding(paths), form.split).decode
        getters = {path: _getter(path, form.message.fields[path].type) for path in paths}
        super().__init__(source, ItemForm(getters, decode), enrichment)


def _getter(name: str, kind: str) -> Getter:
    get = attrgetter(name)
    return (lambda message: address_of(get(message))) if kind == "bytes" else get


@lru_cache(maxsize=65_536)
def address_of(packed: bytes) -> str:
    """Return the text of an address, of an IPv4 one within an IPv6 one as well; of other bytes their hex digits."""
    try:
        found = ip_address(packed) if packed else ""
    except ValueError:
        return packed.hex()
    return str((isinstance(found, IPv6Address) and found.ipv4_mapped) or found)


class _Messages:
    """Decodes values to messages of a class."""

    def __init__(self, message: Any, split: Split) -> None:  # noqa: ANN401
        from google.protobuf.message import DecodeError

        self._parse, self._split, self._errors = message.FromString, split, (DecodeError, ValueError)

    def decode(self, records: Sequence[RawRecord]) -> Items:
        """Return the messages of all records. Never raises."""
        items = Items([], [], [], [])
        objects, places, found = items.objects, [], []
        for at, record in enumerate(records):
            try:
                messages = list(map(self._parse, self._split(record.value or b"")))
            except self._errors as error:
                items.rejected.append(RejectedRecord(at, "not-protobuf", one_line(str(error))))
                continue
            objects += messages
            places += [at] * len(messages)
            found += [record] * len(messages)
        return items._replace(at=places, records=found)


def whole(value: bytes) -> Iterable[bytes]:
    """Return the one message of a value. Raises ValueError for none, which would pass for one without fields."""
    if not value:
        raise ValueError("is empty")
    return (value,)


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
