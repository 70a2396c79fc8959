"""JSON Schemas and the AsyncAPI document, made from the types: `python -m schemas.documents.generate [--check]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from schemas.alertstate import AlertState
from schemas.bin_report import BinReport, CountryFalls, Doubts, Levels
from schemas.calendar import CalendarEntry, Only, Period
from schemas.clock import Clock
from schemas.documents import asyncapi, descriptions, openapi
from schemas.documents.alert_descriptions import ALERT_STATE, DIGEST, NOTIFICATION
from schemas.documents.component import MEMBER, REGION, SERVICE, always_there, component, described
from schemas.entities import ANY_REGION_PATTERN, COUNTRY_PATTERN, NETWORK_PATTERN
from schemas.incident import Confidence, Incident, Joined, Scope
from schemas.installation import Installation
from schemas.measurement import Measurement
from schemas.notification import Digest, Notification
from schemas.outage import SCHEMA, Drop, Outage
from schemas.partial import AreaSumPart
from schemas.remark import Remark
from schemas.times import END_OF_TIME, EVENT_PATTERN, MILLISECONDS
from schemas.validate import MAX_ELEMENTS

FOLDER: Final = Path(__file__).parents[1] / "json"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_MAX_FLOAT: Final = sys.float_info.max

#: Rules of a measurement that its type leaves to the decoder.
_TS: Final = {
    "anyOf": [
        {"type": "number", "minimum": 0, "exclusiveMaximum": END_OF_TIME},
        {"type": "number", "minimum": MILLISECONDS[0], "exclusiveMaximum": MILLISECONDS[1]},
        {"type": "string", "pattern": EVENT_PATTERN, "maxLength": 64},
    ]
}
#: Other forms that are taken since they can mean one thing only: see `schemas.repair`.
_NETWORK_TEXT: Final = {"type": "string", "pattern": NETWORK_PATTERN}
_COUNTRY: Final = {"anyOf": [{"type": "string", "pattern": COUNTRY_PATTERN, "maxLength": 2}, {"type": "null"}]}
_REGION: Final = {"anyOf": [{"type": "string", "maxLength": 64, "pattern": ANY_REGION_PATTERN}, {"type": "null"}]}
_ENTITY: Final = [
    {"required": [field], "properties": {field: {"not": {"type": "null"}}}} for field in ("asn", "region", "country")
]


def documents() -> dict[str, dict[str, Any]]:
    """Return every generated document by its file name."""
    measurement = _measurement()
    many = {
        "description": "A message of the topic `measurements`: one measurement, or an array of them.",
        "anyOf": [
            {"$ref": "#/$defs/Measurement"},
            {"type": "array", "items": {"$ref": "#/$defs/Measurement"}, "maxItems": MAX_ELEMENTS},
        ],
        "$defs": {"Measurement": measurement},
    }
    return {
        "measurement.schema.json": _headed("measurement", measurement),
        "measurements.schema.json": _headed("measurements", many),
        "outage.schema.json": _headed("outage", _outage() | {"$defs": _DROP}),
        "incident.schema.json": _headed("incident", _incident()),
        "finding.schema.json": _headed("finding", _finding()),
        "calendar.schema.json": _headed("calendar", _calendar()),
        "remark.schema.json": _headed("remark", described(component(Remark), descriptions.REMARK)),
        "installation.schema.json": _headed(
            "installation", described(component(Installation), descriptions.INSTALLATION)
        ),
        "notification.schema.json": _headed("notification", _notification()),
        "alertstate.schema.json": _headed("alertstate", described(component(AlertState), ALERT_STATE)),
        "partial.schema.json": _headed("partial", described(component(AreaSumPart), descriptions.PARTIAL)),
        "clock.schema.json": _headed("clock", described(component(Clock), descriptions.CLOCK)),
        "asyncapi.json": asyncapi.document(),
        "openapi.json": openapi.document(),
    }


def _outage() -> dict[str, Any]:
    """The schema of an outage, without that of a drop."""
    outage = described(component(Outage), descriptions.OUTAGE)
    outage["properties"]["region"] |= REGION
    outage["required"] = always_there(Outage)
    return outage


def _finding() -> dict[str, Any]:
    """Return the schema of a bin report with its parts."""
    schema = described(component(BinReport), descriptions.FINDING)
    schema["required"] = always_there(BinReport)
    parts = {
        "CountryFalls": described(component(CountryFalls), descriptions.FALLS),
        "Outage": _outage(),
        "Levels": described(component(Levels), descriptions.LEVELS),
        "Doubts": described(component(Doubts), descriptions.DOUBTS),
    }
    return schema | {"$defs": parts | _DROP}


def _incident() -> dict[str, Any]:
    """Return the schema of an incident with its parts."""
    schema = described(component(Incident), descriptions.INCIDENT)
    schema["required"] = always_there(Incident)
    parts: dict[type[msgspec.Struct], Mapping[str, str]] = {
        Drop: descriptions.DROP,
        Scope: descriptions.SCOPE,
        Joined: descriptions.JOINED,
        Confidence: descriptions.CONFIDENCE,
    }
    return schema | {"$defs": {kind.__name__: described(component(kind), texts) for kind, texts in parts.items()}}


def _notification() -> dict[str, Any]:
    """Return the schema of a webhook body; the incident or outage in it is as in its topic."""
    single, digest = described(component(Notification), NOTIFICATION), described(component(Digest), DIGEST)
    single["properties"]["data"] = {
        "description": NOTIFICATION["data"],
        "anyOf": [{"$ref": f"urn:ebbtide:schema:{name}:{SCHEMA}"} for name in ("incident", "outage")],
    }
    kinds = {"Notification": single, "Digest": digest}
    return {
        "description": "The body of a webhook: one notification, or in a storm a digest of several.",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in kinds],
        "$defs": kinds,
    }


def _calendar() -> dict[str, Any]:
    """The schema of an entry of the calendar, with those of its parts."""
    schema = described(component(CalendarEntry), descriptions.CALENDAR)
    parts: dict[type[msgspec.Struct], Mapping[str, str]] = {Only: descriptions.ONLY, Period: descriptions.PERIOD}
    return schema | {"$defs": {kind.__name__: described(component(kind), texts) for kind, texts in parts.items()}}


def _measurement() -> dict[str, Any]:
    """The schema of one measurement, the rules that span fields included as far as JSON Schema can say them."""
    schema = described(component(Measurement), descriptions.MEASUREMENT)
    fields = schema["properties"]
    fields["ts"] |= _TS
    fields["asn"]["anyOf"].insert(1, _NETWORK_TEXT)
    fields["country"] |= _COUNTRY
    fields["region"] |= _REGION
    fields["service"] |= SERVICE
    fields["member"] |= MEMBER
    fields["value"]["maximum"] = fields["of"]["maximum"] = _MAX_FLOAT
    return schema | {"anyOf": _ENTITY}


_DROP: Final = {"Drop": described(component(Drop), descriptions.DROP)}


def _headed(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its dialect, its name and the number of its version."""
    head = {
        "$schema": DIALECT,
        "$id": f"urn:ebbtide:schema:{name}:{SCHEMA}",
        "$comment": f"schema {SCHEMA}; made by python -m schemas.documents.generate, do not edit",
        "title": name,
    }
    return head | {key: rule for key, rule in schema.items() if key != "title"}


def _bytes(made: dict[str, Any]) -> bytes:
    return orjson.dumps(made, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def stale(folder: Path = FOLDER) -> list[str]:
    """Names of the files in the folder that are missing or differ from what would be made."""
    files = {name: folder / name for name in documents()}
    return [name for name, made in documents().items() if not _holds(files[name], _bytes(made))]


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the documents, or with `--check` exit with 1 when they are out of date."""
    parser = argparse.ArgumentParser(prog="python -m schemas.documents.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a file is out of date")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files are")
    options = parser.parse_args(arguments)
    old = stale(options.folder)
    if not options.check:
        options.folder.mkdir(parents=True, exist_ok=True)
        for name in old:
            (options.folder / name).write_bytes(_bytes(documents()[name]))
    for name in old:
        sys.stdout.write(f"{name}: {'out of date' if options.check else 'written'}\n")
    return 1 if options.check and old else 0


if __name__ == "__main__":
    sys.exit(main())
