"""The generated JSON Schemas: up to date, true to the examples, and at one with the decoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from schemas.alertstate import AlertState
from schemas.bin_report import BinReport, Levels
from schemas.calendar import CalendarEntry, Only, Period
from schemas.clock import Clock
from schemas.decode import decode
from schemas.documents import descriptions
from schemas.documents.alert_descriptions import ALERT_STATE, DIGEST, NOTIFICATION
from schemas.documents.generate import FOLDER, documents, main, stale
from schemas.incident import Confidence, Incident, Joined, Scope
from schemas.measurement import Measurement
from schemas.notification import Digest, Notification
from schemas.outage import Drop, Outage
from tests.schemas.examples import JSON, MEASUREMENTS, OBJECTS, SOUND, message

SCHEMAS = sorted(name for name in documents() if name.endswith(".schema.json"))


def validator(name: str) -> Draft202012Validator:
    """The checker of a checked-in schema."""
    return Draft202012Validator(json.loads((FOLDER / f"{name}.schema.json").read_bytes()))


MEASUREMENT = validator("measurement")
MESSAGE = validator("measurements")


def test_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    """Making the documents anew gives what is checked in, and the check says so."""
    assert stale() == []
    assert main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_check_finds_what_is_out_of_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing or changed file fails the check, which writes nothing; without it the file is made."""
    assert main(["--folder", str(tmp_path)]) == 0
    assert main(["--check", "--folder", str(tmp_path)]) == 0
    (tmp_path / "clock.schema.json").write_text("{}")
    (tmp_path / "asyncapi.json").unlink()
    capsys.readouterr()
    assert main(["--check", "--folder", str(tmp_path)]) == 1
    assert capsys.readouterr().out == "clock.schema.json: out of date\nasyncapi.json: out of date\n"
    assert (tmp_path / "clock.schema.json").read_text() == "{}"
    assert main(["--folder", str(tmp_path)]) == 0
    assert stale(tmp_path) == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_schemas(name: str) -> None:
    """Each is valid in its dialect, and has a name, a version, a title and a description."""
    schema = documents()[name]
    Draft202012Validator.check_schema(schema)
    kind = name.removesuffix(".schema.json")
    assert schema["$id"] == f"urn:ebbtide:schema:{kind}:1"
    assert schema["title"] == kind
    assert schema["description"]


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (Measurement, descriptions.MEASUREMENT),
        (Outage, descriptions.OUTAGE),
        (Drop, descriptions.DROP),
        (Clock, descriptions.CLOCK),
        (BinReport, descriptions.FINDING),
        (Levels, descriptions.LEVELS),
        (CalendarEntry, descriptions.CALENDAR),
        (Notification, NOTIFICATION),
        (Digest, DIGEST),
        (AlertState, ALERT_STATE),
        (Only, descriptions.ONLY),
        (Period, descriptions.PERIOD),
        (Incident, descriptions.INCIDENT),
        (Scope, descriptions.SCOPE),
        (Joined, descriptions.JOINED),
        (Confidence, descriptions.CONFIDENCE),
    ],
)
def test_every_field_is_described(kind: type[msgspec.Struct], texts: dict[str, str]) -> None:
    """The descriptions name the fields of the type, all of them, in their order."""
    assert list(texts) == list(kind.__struct_encode_fields__)


@pytest.mark.parametrize("text", MEASUREMENTS)
def test_examples_of_measurements(text: bytes) -> None:
    """Each example of the contract validates, alone and as a message, and decodes."""
    MEASUREMENT.validate(json.loads(text))
    MESSAGE.validate(json.loads(text))
    MESSAGE.validate([json.loads(text)])
    assert decode([text]).dead == []


@pytest.mark.parametrize(
    "fields",
    [
        *({"access": "wifi"}, {"asn": None}, {"asn": 0}, {"country": "IR\n"}, {"region": "IR-30\n"}, {"value": -1}),
        *({"ts": "yesterday"}, {"ts": None}, {"service": ""}, {"value": 1e999}, {"feed": "x" * 65}, {"up": 1}),
    ],
)
def test_schemas_refuse_what_the_decoder_refuses(fields: dict[str, Any]) -> None:
    """The rules that both can say are in both."""
    text = message(**fields)
    assert not MEASUREMENT.is_valid(json.loads(text))
    assert len(decode([text]).dead) == 1


@given(JSON)
def test_what_decodes_validates(text: bytes) -> None:
    """Whatever message the decoder takes without a dead letter, the schema takes."""
    assert decode([text]).dead or MESSAGE.is_valid(json.loads(text))


@given(SOUND)
def test_sound_measurements_validate_and_decode(value: dict[str, Any]) -> None:
    """Measurements that keep every rule are taken by both."""
    MEASUREMENT.validate(value)
    assert decode([json.dumps(value).encode()]).dead == []


@given(OBJECTS)
def test_what_validates_decodes(value: object) -> None:
    """Whatever measurement the schema takes, the decoder takes, but for rules beyond JSON Schema."""
    if MEASUREMENT.is_valid(value):
        dead = decode([json.dumps(value).encode()]).dead
        assert not dead or _is_beyond(dead[0].reason, dead[0].detail)


def _is_beyond(reason: str, detail: str) -> bool:
    """Whether the rule is one that JSON Schema cannot state: dates, fields compared, Unicode forms, 1.0 as integer."""
    compared = reason == "out-of-range" and detail.startswith(("of must be", "asn: "))
    unnormalised = reason == "out-of-range" and ("form NFC" in detail or detail.startswith("region must be"))
    integral = reason == "wrong-type" and "got `float`" in detail
    return compared or unnormalised or integral or reason == "bad-time"
