"""What every message on the wire keeps: one table of types, each checked against the same contracts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from schemas import alertstate, bin_report, calendar, clock, incident, installation, outage, partial, remark
from schemas.decode import decode
from schemas.documents.component import always_there
from schemas.documents.generate import FOLDER
from schemas.measurement import Measurement
from tests.schemas.examples import CLOCK, ENTRY, FINDING, INCIDENT, MEASUREMENTS, OUTAGE

PARTIAL = partial.encode(
    partial.AreaSumPart(
        feed="atlas",
        kind="gauge",
        bin=300,
        areas="country+access",
        start=1466089500,
        shard=3,
        weight=2,
        spoke=True,
        entities=["country/IR"],
        countries=["IR"],
        facets={"access": ["mobile"]},
        ranks=[1],
        sums={"value": [11]},
    )
)
ALERT_STATE = (
    b'{"schema":1,"receiver":"noc","subject":"incident","id":"9b5c1d27a0e4f386","partition":0,"revision":7,'
    b'"status":"open","told":{"type":"incident.opened"},"digest":null,"offset":12,"written_at":"2019-12-25T10:00:00Z"}'
)

REMARK = (
    b'{"schema":1,"incident_id":"9b5c1d27a0e4f386","kind":"silence","by":"noc","text":"maintenance",'
    b'"written_at":"2019-12-25T10:00:00Z","until":"2019-12-25T12:00:00Z","link":null}'
)


class WireType(NamedTuple):
    """One message type: its codec, an example, its JSON Schema, its message in AsyncAPI, and what is unknown to it."""

    type: type[msgspec.Struct]
    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes]
    example: bytes
    schema: str
    message: str
    refuses_unknown: bool = False


def _read_measurement(value: bytes) -> Measurement:
    """Return the measurement in a message; a rejected one is an error with the detail of its dead letter."""
    decoded = decode([value])
    if decoded.dead:
        raise msgspec.DecodeError(decoded.dead[0].detail)
    return decoded.measurements[0]


def _write_measurement(value: Measurement) -> bytes:
    """Return the measurement as JSON; its type may be one that the decoder cache made, with fields in another order."""
    fields = {name: getattr(value, name) for name in Measurement.__struct_fields__}
    return msgspec.json.encode(Measurement(**fields))


_MEASUREMENT = msgspec.json.format(MEASUREMENTS[0], indent=-1)  # measurements are read only, so writing is msgspec's
WIRE = {
    "measurement": WireType(
        Measurement, _read_measurement, _write_measurement, _MEASUREMENT, "measurements", "measurements"
    ),
    "outage": WireType(outage.Outage, outage.decode_outage, outage.encode, OUTAGE, "outage", "outage"),
    "incident": WireType(
        incident.Incident, incident.decode_incident, incident.encode, INCIDENT, "incident", "incident"
    ),
    "bin report": WireType(
        bin_report.BinReport, bin_report.decode_bin_report, bin_report.encode, FINDING, "finding", "finding"
    ),
    "calendar": WireType(calendar.CalendarEntry, calendar.decode_entry, calendar.encode, ENTRY, "calendar", "calendar"),
    "remark": WireType(remark.Remark, remark.decode_remark, remark.encode, REMARK, "remark", "remark"),
    "installation": WireType(
        installation.Installation,
        installation.decode_installation,
        installation.encode,
        b'{"schema":1,"app_id":"staging.ebbtide","topics":["staging.incidents","staging.outages"],"feeds":["atlas"]}',
        "installation",
        "installation",
    ),
    "partial": WireType(
        partial.AreaSumPart,
        partial.decode_partial,
        partial.encode,
        PARTIAL,
        "partial",
        "partial",
        refuses_unknown=True,
    ),
    "clock": WireType(clock.Clock, clock.decode_clock, clock.encode, CLOCK, "clock", "clock"),
    "alert state": WireType(
        alertstate.AlertState,
        alertstate.decode_state,
        alertstate.encode,
        ALERT_STATE,
        "alertstate",
        "alertState",
    ),
}
REQUIRED = [
    (name, field.encode_name)
    for name, wire in WIRE.items()
    for field in msgspec.structs.fields(wire.type)
    if field.required
]
every = pytest.mark.parametrize("wire", WIRE.values(), ids=WIRE.keys())


def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((FOLDER / f"{schema}.schema.json").read_bytes()))


@every
def test_an_example_read_and_written_is_the_same_bytes(wire: WireType) -> None:
    """Order, integers and decimals survive, and a second writing gives the same bytes."""
    value = wire.read(wire.example)
    assert wire.write(value) == wire.example
    assert wire.write(value) == wire.write(wire.read(wire.example))


@every
def test_fields_are_in_the_order_of_the_type(wire: WireType) -> None:
    """Bytes are compared, so the order of the fields is part of the contract; absent fields are skipped."""
    present = json.loads(wire.example)
    assert list(present) == [name for name in wire.type.__struct_encode_fields__ if name in present]
    if wire.type is not Measurement:
        assert list(present) == always_there(wire.type)


@every
def test_an_unknown_field_is_refused_or_ignored(wire: WireType) -> None:
    """Messages to others may get new fields; a partial, which only workers of one version read, may not."""
    changed = json.dumps({**json.loads(wire.example), "new_field": 1}).encode()
    if wire.refuses_unknown:
        with pytest.raises(msgspec.DecodeError, match="unknown field `new_field`"):
            wire.read(changed)
    else:
        assert wire.write(wire.read(changed)) == wire.example


@pytest.mark.parametrize(("name", "field"), REQUIRED)
def test_a_missing_required_field_is_named_in_one_line(name: str, field: str) -> None:
    """The error says which field is missing."""
    fields = json.loads(WIRE[name].example)
    del fields[field]
    with pytest.raises(msgspec.DecodeError, match=f"missing required field `{field}`") as caught:
        WIRE[name].read(json.dumps(fields).encode())
    assert "\n" not in str(caught.value)


@every
def test_the_json_schema_accepts_the_example(wire: WireType) -> None:
    """The checked-in schema takes what the code writes, and requires no less than the code does."""
    validator = _validator(wire.schema)
    validator.validate(json.loads(wire.example))
    assert not validator.is_valid({})


@every
def test_asyncapi_describes_the_example(wire: WireType) -> None:
    """The payload of the message in AsyncAPI is a checked-in schema that accepts the example."""
    document = json.loads((FOLDER / "asyncapi.json").read_bytes())
    reference = document["components"]["messages"][wire.message]["payload"]["schema"]["$ref"]
    assert reference == f"./{wire.schema}.schema.json"
    _validator(reference.removeprefix("./").removesuffix(".schema.json")).validate(json.loads(wire.example))


@every
@pytest.mark.parametrize(
    "value", [b"[" * 100_000, b'{"feed":"\xff","headline":"\xff"}', b""], ids=["deep", "latin", "empty"]
)
def test_hostile_bytes_are_one_error(wire: WireType, value: bytes) -> None:
    """Deep nesting and bytes that are no text end in the same error as any other invalid message."""
    with pytest.raises(msgspec.DecodeError):
        wire.read(value)
