"""What holds of the decoders of sources, whatever services, files and topics of others send."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from schemas.rejections import DETAIL_LENGTH
from schemas.times import END_OF_TIME
from streams.config.errors import InputError, SettingsError
from streams.config.network_sources import IodaSource, OoniSource, PrometheusSource
from streams.config.route_sources import RouteRules
from streams.config.settings import Settings, from_builtins
from streams.sources.akvorado import read_schema
from streams.sources.atlas_events import ProbeEvent, history_of, page_of
from streams.sources.atlas_events import message_of as atlas_message_of
from streams.sources.decoders import decoder_of
from streams.sources.ioda import IodaService
from streams.sources.link import ConnectionLostError
from streams.sources.mrt import MrtReader
from streams.sources.mrt_files import read_mrt
from streams.sources.mrt_records import MrtRecord
from streams.sources.ooni import OoniService
from streams.sources.poll import RangeService
from streams.sources.prometheus import PrometheusService
from streams.sources.protobuf_decoder import MessageFormat, whole
from streams.sources.records import DecodedRecords, Decoder, LineRecord, RecordChunk
from streams.sources.ris_messages import LiveChange, LiveError, message_of
from streams.sources.route_bins import BinRule, RouteBins
from streams.sources.route_memory import RouteMemory
from streams.sources.units import FIRST_TIME

SEPARATOR = b"\n---\n"
NOW = 1_700_000_000.0  # what the clock says
COUNT = {"signal": "traffic", "kind": "count", "bin": 60}
FIELDS = {
    "ts": "t",
    "asn": ["a", "b.c"],
    "value": {"path": "v", "times": "w", "zero": 1},
    "country": "k",
    "service": "s",
}
SOURCES = {
    "json": {"type": "kafka", "topic": "x", "feed": "count", "fields": FIELDS, "keep": {"e": ["p", 1]}},
    "goflow2": {"type": "goflow2", "feed": "count"},
    "akvorado": {"type": "akvorado", "feed": "count", "schema_file": "x"},
    "atlas": {"type": "atlas", "feed": "up"},
    "ris": {"type": "ris", "feed": "routes"},
    "prometheus": {"type": "prometheus", "feed": "level", "url": "http://x", "query": "q", "fields": {"asn": "asn"}},
    "ioda": {"type": "ioda", "feed": "level", "entities": ["asn/3333"], "datasource": "bgp", "accept_terms": True},
    "ooni": {
        "type": "ooni",
        "feed": "ratio",
        "countries": ["NL"],
        "tests": ["signal", "whatsapp"],
        "accept_terms": True,
    },
}
SCHEMA = b"""syntax = "proto3";
message FlowMessagevX { uint32 TimeReceived = 1; uint64 SamplingRate = 2; bytes ExporterAddress = 3; uint32 SrcAS = 4;
 uint32 DstAS = 5; uint64 Bytes = 6; }"""


@cache
def given() -> Settings:
    """Return settings with a source of each type."""
    feeds = {name: {**COUNT, "kind": kind} for name, kind in (("count", "count"), ("up", "presence"))}
    feeds |= {name: {**COUNT, "kind": "gauge", "bin": 300} for name in ("routes", "level")}
    return from_builtins({"feeds": {**feeds, "ratio": {**COUNT, "kind": "ratio", "bin": 3600}}, "sources": SOURCES})


@cache
def decoder(name: str, form: str) -> Decoder:
    """Return the decoder of a source."""
    messages = MessageFormat(read_schema(SCHEMA).message, whole) if name == "akvorado" else None
    return decoder_of(name, given().sources[name], form, messages=messages)


def _decoded(name: str, form: str, values: Sequence[bytes]) -> DecodedRecords:
    """Return what is made of values, each of which alone gives the same; what is rejected has a printable detail."""
    read = decoder(name, form)
    found = read.decode([LineRecord(value, at) for at, value in enumerate(values)])
    alone = [read.decode([LineRecord(value, 0)]) for value in values]
    rows = [msgspec.structs.replace(row, index=at) for at, each in enumerate(alone) for row in each.rows]
    assert found.rows == rows
    rejected = [fault._replace(at=at) for at, each in enumerate(alone) for fault in each.rejected]
    assert found.rejected == rejected
    for fault in found.rejected:
        assert fault.detail.isprintable()
        assert len(fault.detail) <= DETAIL_LENGTH
    for row in found.rows:
        assert FIRST_TIME <= row.ts < END_OF_TIME
        assert 0 <= row.value < math.inf
        assert 0 <= row.of < math.inf
    return found


def json_records(data: bytes) -> None:
    """Records of JSON by a mapping of all kinds of fields."""
    _decoded("json", "json", data.split(SEPARATOR))


def protobuf(data: bytes) -> None:
    """Flows of goflow2 and Akvorado."""
    for name in ("goflow2", "akvorado"):
        _decoded(name, "protobuf", data.split(SEPARATOR))


def proto_schema(data: bytes) -> None:
    """A schema, or the error for one that is none; what it says of a field is a class or an error, too."""
    with suppress(ValueError):
        found = read_schema(data)
        with suppress(SettingsError):
            decoder_of(
                "akvorado", given().sources["akvorado"], "protobuf", messages=MessageFormat(found.message, whole)
            )


def _bins() -> RouteBins:
    return RouteBins(RouteRules(least_peers=1), BinRule(300, 86_400))


def _check_bins(bins: RouteBins, chunks: Sequence[RecordChunk]) -> None:
    """Values are numbers of prefixes, and what is remembered is read as it was saved."""
    rejected = 0
    for chunk in chunks:
        decoded = decoder("ris", "routes").decode(chunk.records)
        rejected += len(decoded.rejected)
        for row in decoded.rows:
            assert 0 <= row.value <= len(bins.table.rows)
            assert row.series[0] is not None
    rows = {key: value for key, value in bins.rows().items() if value is not None}
    assert RouteMemory.restored("ipv4", rows).rows("ipv4") == rows or not rows


def mrt(data: bytes) -> None:
    """Records of MRT with heads of four bytes of time, two and two of type, and two of length."""
    bins = _bins()
    for item in MrtReader().decode(_frames(data), "fuzz"):
        bins.take("", item)
    bins.finish()
    _check_bins(bins, [bins.taken(last=True)])


def _frames(data: bytes) -> Iterator[MrtRecord]:
    at = 0
    while at + 10 <= len(data):
        ts, kind, subtype, length = (
            int.from_bytes(data[at + begin : at + end], "big") for begin, end in ((0, 4), (4, 6), (6, 8), (8, 10))
        )
        yield at, ts, kind, subtype, data[at + 10 : at + 10 + length]
        at += 10 + length


def mrt_file(data: bytes) -> None:
    """A file of MRT, packed or not, or the error that names it."""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        with suppress(InputError):
            bins = _bins()
            _check_bins(bins, list(read_mrt([file.name], bins, {}, NOW)))


def ris_live(data: bytes) -> None:
    """Messages of RIS Live, one a line."""
    bins = _bins()
    for text in data.decode(errors="replace").split("\n"):
        found = message_of(text)
        if isinstance(found, LiveChange):
            if found.change.ts < NOW:
                bins.take_live(found.collector, found.change)
        elif found is not None:
            said = found.text if isinstance(found, LiveError) else found
            assert said.isprintable()
    bins.finish()
    _check_bins(bins, [bins.taken(last=True)])


def atlas(data: bytes) -> None:
    """Messages of the stream, results and pages of RIPE Atlas."""
    events = [*history_of(data), atlas_message_of(data.decode(errors="replace"), int(NOW))]
    lines = [event.line(event.place) if isinstance(event, ProbeEvent) else event for event in events if event]
    _decoded("atlas", "json", lines)
    with suppress(ValueError):
        page_of(data)


class Bodies:
    """A link to a service whose answers are given; it is lost when there are no more."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self.bodies = list(bodies)

    async def ask(self, url: str, read: Callable[[bytes], Any], query: object = None, fault: str = "") -> Any:  # noqa: ANN401
        """Return what is read of the next body."""
        if not self.bodies:
            raise ConnectionLostError("closed", url)
        try:
            return read(self.bodies.pop(0))
        except ValueError as error:
            raise ConnectionLostError("garbage", f"{url}: {error}") from None


def _asked(service: RangeService, name: str, bodies: Sequence[bytes]) -> None:
    """A service gives objects that are JSON for the mapping, or the connection is lost."""
    start = int(NOW) // service.step * service.step
    run: Coroutine[Any, Any, Any] = service.ask(Bodies(bodies), start, start)  # type: ignore[arg-type]
    try:
        run.send(None)
    except StopIteration as answered:
        for ts, objects in answered.value.objects.items():
            assert isinstance(ts, int)
            _decoded(name, "json", objects)
    except ConnectionLostError:
        pass


def prometheus(data: bytes) -> None:
    """Answers of Prometheus."""
    source = given().sources["prometheus"]
    assert isinstance(source, PrometheusSource)
    _asked(PrometheusService(source), "prometheus", data.split(SEPARATOR))


def ioda(data: bytes) -> None:
    """Answers of IODA."""
    source = given().sources["ioda"]
    assert isinstance(source, IodaSource)
    _asked(IodaService(source), "ioda", data.split(SEPARATOR))


def ooni(data: bytes) -> None:
    """Listings and files of OONI's bucket."""
    source = given().sources["ooni"]
    assert isinstance(source, OoniSource)
    _asked(OoniService(source), "ooni", data.split(SEPARATOR))


SOURCE_TARGETS: tuple[Callable[[bytes], None], ...] = (
    json_records,
    protobuf,
    proto_schema,
    mrt,
    mrt_file,
    ris_live,
    atlas,
    prometheus,
    ioda,
    ooni,
)
