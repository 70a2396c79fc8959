"""Akvorado: its schema as it is served, flows of it, and what is said when either is not as it was."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from streams.config.akvorado_source import AkvoradoSource
from streams.config.errors import EbbtideError, SettingsError
from streams.config.settings import Settings, from_builtins
from streams.sources.akvorado import FlowSchema, SchemaWatch, read_schema, schema_of
from streams.sources.decoders import decoder_of
from streams.sources.lines import encoded, stage_of
from streams.sources.link import ConnectionLostError
from streams.sources.protobuf_decoder import MessageFormat, whole
from streams.sources.records import Arrival, Decoder, LineRecord, RecordChunk
from streams.sources.stage import SourceStage
from tests.ebbtide import ebbtide
from tests.streams.sources.akvorado_flows import COLUMNS, HASH, flow, schema
from tests.streams.sources.fake_server import Cut, Step, Throttle, serving, stepwise
from tests.streams.sources.helpers import START, line
from tests.streams.sources.virtual_clock import VirtualClock

PATH = "/api/v0/outlet/kafka-output/schema.proto"
FEED = {"signal": "traffic", "kind": "count", "bin": 300, "lateness": 0}


def given(**more: Any) -> Settings:  # noqa: ANN401
    """Return settings with the source `s`."""
    source = {"type": "akvorado", "feed": "flows", "schema_file": "flows.proto", **more}
    return from_builtins({"feeds": {"flows": FEED}, "sources": {"s": source}})


def source_of(**more: Any) -> AkvoradoSource:  # noqa: ANN401
    """Return the settings of the source."""
    found = given(**more).sources["s"]
    assert isinstance(found, AkvoradoSource)
    return found


def decoder(columns: tuple[str, ...] = COLUMNS, **more: Any) -> Decoder:  # noqa: ANN401
    """Return the decoder of a schema with these columns."""
    form = MessageFormat(read_schema(schema(columns=columns)).message, whole)
    return decoder_of("s", source_of(**more), "protobuf", messages=form)


def test_flows_are_rows() -> None:
    """Of both networks, scaled, with the address of the exporter; networks that are none are counted."""
    records = [
        line(flow(3, 3333, 1103, 300)),
        line(flow(4, 286, 4_294_967_295, 5, "2001:db8::1", 1), 1),
        line(flow(5, 0, 64_512, 7), 2),
        line(flow(6, 23_456, 4_199_999_999, 7), 3),
    ]
    found = decoder().decode(records)
    assert [(row.index, row.ts, row.series[0], row.value, row.exporter) for row in found.rows] == [
        (0, START + 3, 3333, 300_000, "192.0.2.1"),
        (0, START + 3, 1103, 300_000, "192.0.2.1"),
        (1, START + 4, 286, 5, "2001:db8::1"),
        (2, START + 5, None, 0, "192.0.2.1"),
        (3, START + 6, 4_199_999_999, 7000, "192.0.2.1"),
    ]
    assert (found.rejected, found.objects, found.bad_networks, found.without_network) == ([], 4, 4, 1)


def test_numbers_of_fields_are_those_of_the_schema() -> None:
    """Another version may number them anew: the names count. Other fields may be mapped."""
    columns = tuple(reversed(COLUMNS))
    more = {"fields": {"country": "SrcCountry"}, "keep": {"EType": 0x800}}
    found = decoder(columns, **more).decode([line(flow(3, 3333, columns=columns))])
    assert [(row.series[:2], row.value) for row in found.rows] == [((3333, "NL"), 100_000)]
    assert not decoder(columns, keep={"EType": 0x86DD}).decode([line(flow(3, 3333, columns=columns))]).rows


def test_what_is_no_flow_is_rejected_in_its_place() -> None:
    """Cut anywhere, of another schema, or random: never an error, no row that was not sent, and others are read."""
    whole_flow, rng, read = flow(3, 3333, 1103), Random(1), decoder()
    wrong = [b"", *(rng.randbytes(rng.randrange(1, 90)) for _ in range(300)), flow(3, 3333, columns=COLUMNS[::-1])]
    wrong += [bytes([len(whole_flow)]) + whole_flow]  # behind its length, as before 2.0
    wrong += [whole_flow[:cut] for cut in range(len(whole_flow))]
    for value in wrong:
        found = read.decode([line(whole_flow), line(value, 1), line(whole_flow, 2)])
        assert [row.index for row in found.rows if row.index != 1] == [0, 0, 2, 2]
        assert {fault.at for fault in found.rejected} <= {1}
        assert all(row.ts == START + 3 for row in found.rows)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "syntax none, not proto3"),
        (b"<html>login</html>", "line 1, column 0: mismatched input '<'"),
        (b"\xff", "is not UTF-8"),
        (schema()[:300], "line 13, column 17"),
        (b'syntax = "proto3";', "it has 0 messages FlowMessagevHASH, not one"),
        (schema() + schema("OTHER").partition(b";")[2], "it has 2 messages FlowMessagevHASH, not one"),
        (schema().replace(b"FlowMessagev", b"Flow"), "it has 0 messages"),
        (schema().replace(b"proto3", b"proto2"), "syntax proto2, not proto3"),
        (b'syntax = "proto3"; ' + b"message A { " * 5000, "is nested too deep"),
    ],
)
def test_what_is_no_schema_is_a_line(tmp_path: Path, content: bytes, fault: str) -> None:
    """It names the file."""
    file = tmp_path / "flows.proto"
    file.write_bytes(content)
    with pytest.raises(EbbtideError) as caught:
        schema_of(source_of(schema_file=str(file)))
    assert str(caught.value).startswith(f"{file}: no schema of flows: {fault}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "more", "fault"),
    [
        (COLUMNS[:-2], {}, "sources.s.fields: FlowMessagev.* has no field 'Bytes'; it has DstAS, DstASPath, "),
        (COLUMNS, {"fields": {"country": "SrcLand"}}, "has no field 'SrcLand'"),
        (COLUMNS, {"keep": {"DstASPath": 1}}, "field 'DstASPath' of FlowMessagev.* is `repeated uint32`, no single"),
        ((*COLUMNS, "Boundary Out"), {"keep": {"Out": 1}}, "field 'Out' of .* is `Boundary`, no single value"),
        ((COLUMNS[0], COLUMNS[0], *COLUMNS[1:]), {}, None),
    ],
)
def test_a_schema_without_what_is_read_is_a_line(columns: tuple[str, ...], more: dict[str, Any], fault: str) -> None:
    """It names the source and the field, before a flow is misread."""
    if fault is None:
        assert decoder(columns, **more).decode([]).rows == []
        return
    with pytest.raises(SettingsError, match=fault):
        decoder(columns, **more)


@pytest.mark.parametrize(
    ("step", "reason", "fault"),
    [
        (Throttle(None, 503), "status", "answers 503 Service Unavailable"),
        (Throttle(None, 404), "status", "is kafka-output enabled, and Akvorado of 2026.8 or later?"),
        (Throttle(None, 302), "status", "answers 302 Found"),
        (Cut(schema()[:-3]), "garbage", "no schema of flows: line 27, column 21"),
        (b" " * (2**20 + 1), "garbage", "an answer of more than 1048576 bytes"),
        (b"no", "garbage", "no schema of flows: line 1, column 0"),
    ],
)
async def test_an_address_that_serves_no_schema_is_a_line(step: Step, reason: str, fault: str) -> None:
    """It names the address."""
    async with serving({PATH: stepwise(step)}) as host:
        with pytest.raises(ConnectionLostError) as caught:
            await asyncio.to_thread(schema_of, source_of(schema_file=None, schema=f"http://{host}{PATH}"))
    assert str(caught.value).startswith(f"http://{host}{PATH}: ")
    assert fault in str(caught.value)
    assert caught.value.reason == reason
    with pytest.raises(ConnectionLostError, match="cannot connect") as caught:
        await asyncio.to_thread(schema_of, source_of(schema_file=None, schema=f"http://{host}{PATH}"))
    assert caught.value.reason == "unreachable"


async def test_the_topic_is_that_of_the_schema() -> None:
    """Its hash is behind the name in the settings."""
    async with serving({PATH: stepwise(schema())}) as host:
        source = source_of(schema_file=None, schema=f"http://{host}{PATH}")
        found = await asyncio.to_thread(schema_of, source)
    assert found.source(source).topic == f"flows-enriched-{HASH}"


class Topic:
    """A reader of a topic that nothing comes of. `unread`: records that are left; `time` passes."""

    def __init__(self, clock: VirtualClock, unread: list[int]) -> None:
        self.clock, self.unread = clock, unread

    def lag(self) -> int:
        """Return how many are left."""
        return self.unread.pop(0)

    async def arrivals(self) -> AsyncIterator[Arrival]:
        """Yield nothing, every half minute."""
        for _ in range(40):
            self.clock.time += 30
            yield Arrival([])


async def test_another_schema_is_followed(caplog: pytest.LogCaptureFixture) -> None:
    """When the topic is read to its end; an address that fails for a while is one line, and changes nothing."""
    steps = (schema(), Throttle(None, 503), Throttle(None, 503), schema(), Throttle(None, 503), schema("NEW"))
    async with serving({PATH: stepwise(*steps)}) as host:
        clock, source = VirtualClock(START), source_of(schema_file=None, schema=f"http://{host}{PATH}")
        watch, topic = SchemaWatch(source, "s", read_schema(schema()), clock.ports()), Topic(clock, [5, 0])
        with pytest.raises(ConnectionLostError, match="another schema: goes on in topic flows-enriched-NEW"):
            async for _ in watch.arrivals(topic):  # type: ignore[arg-type]
                pass
    assert clock.time == START + 7 * 60
    assert [record.getMessage().partition(": http")[0] for record in caplog.records] == 2 * [
        "source s: a change of the schema would not be seen"
    ]


def test_settings_name_one_schema() -> None:
    """An address or a file; JSON is not what Akvorado sends."""
    for more in ({"schema_file": None}, {"schema": "http://outlet:8080/schema.proto"}):
        with pytest.raises(ValueError, match="needs either `schema`, an address, or `schema_file`"):
            given(**more)
    with pytest.raises(ValueError, match=r"sources.s.format"):
        given(format="json")


def stage() -> SourceStage:
    """Return the stage of the source."""
    return stage_of(given(), "s", decoder())


def flows(rng: Random, minutes: int, network_until: int, exporter_until: int) -> list[bytes]:
    """Return flows in time: 192.0.2.1 sees two networks, the first until a minute; 192.0.2.2 the third, until another.

    One flow in ten names a network that is none beside.
    """
    ends = {(3333, "192.0.2.1"): network_until, (1103, "192.0.2.1"): minutes, (286, "192.0.2.2"): exporter_until}
    return [
        flow(minute * 60 + second, asn, rng.choice([0] * 9 + [64_512]), rng.randrange(50, 1500), by, 100)
        for minute in range(minutes)
        for second in range(0, 60, 20)
        for (asn, by), until in ends.items()
        if minute < until
    ]


def said(parts: dict[str, list[LineRecord]], rng: Random) -> tuple[list[bytes], SourceStage]:
    """Return what a source says of parts that are read in chunks of any size, in any order."""
    made, lines = stage(), list[bytes]()
    for part in parts:
        made.gather.clock(part)
    while left := [part for part, records in parts.items() if records]:
        part, size = rng.choice(left), rng.randrange(1, 40)
        made.process(RecordChunk(part, parts[part][:size], last=len(parts[part]) <= size))
        del parts[part][:size]
        lines += encoded(made.due().measurements)
    return lines + encoded(made.rest().measurements), made


def dealt(values: list[bytes], rng: Random, partitions: int) -> dict[str, list[LineRecord]]:
    """Return records dealt at random to partitions."""
    parts: dict[str, list[LineRecord]] = {str(number): [] for number in range(partitions)}
    for value in values:
        part = parts[rng.choice(sorted(parts))]
        part.append(line(value, len(part)))
    return parts


def outages(lines: list[bytes], folder: Path) -> list[dict[str, Any]]:
    """Return what `detect` finds in measurements."""
    feed = "\n".join(f"{key} = {json.dumps(value)}" for key, value in FEED.items())
    (folder / "ebbtide.toml").write_text(f'[feeds.flows]\n{feed}\nabsent = "missing"\n')
    done = ebbtide("detect", "-", cwd=folder, input=b"\n".join(lines))
    assert done.returncode == 0, done.stderr
    return [json.loads(text) for text in done.stdout.splitlines()]


@pytest.mark.parametrize("seed", range(3))
def test_partitions_change_no_byte(seed: int) -> None:
    """Dealt at random to four partitions, whatever is read first: the bytes of one."""
    values = flows(Random(seed), 200, 150, 100)
    lines, made = said(dealt(values, Random(seed), 1), Random(seed))
    assert said(dealt(values, Random(seed), 4), Random(seed + 1))[0] == lines
    assert (made.tally.records, made.tally.rows) == (len(values), len(values))
    assert made.tally.bad_networks == len(values)


def test_a_network_that_stops_is_an_outage_and_an_exporter_is_a_gap(tmp_path: Path) -> None:
    """One outage, in its bin; of what only the killed exporter saw nothing is said, and the seconds are counted."""
    lines, made = said(dealt(flows(Random(1), 600, 541, 543), Random(1), 4), Random(2))
    found = outages(lines, tmp_path)
    assert {(outage["entity"], outage["started_at"]) for outage in found} == {("asn/3333", "2023-11-15T07:15:00Z")}
    assert found[-1]["severity"] == "total"
    last = max(value["ts"] for value in map(json.loads, lines) if value["asn"] == 286)
    assert last < START + 543 * 60
    assert made.tally.exporter_gap_seconds > 2400
    coverage = made.gather.coverage
    assert coverage is not None
    assert coverage.silent == ["192.0.2.2"]


def test_no_hash_is_told_apart_from_a_schema(tmp_path: Path) -> None:
    """The hash of the message is all that is behind its name."""
    file = tmp_path / "flows.proto"
    file.write_bytes(schema("X"))
    assert isinstance(found := schema_of(source_of(schema_file=str(file))), FlowSchema)
    assert (found.hash, found.message.fields["Bytes"].type) == ("X", "uint64")
