"""The OpenAPI 3.1 document: what the worker's API is asked and what it answers (https://spec.openapis.org/oas/v3.1.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemas import api
from schemas.documents import descriptions
from schemas.documents.component import REGION, always_there, components, described
from schemas.entities import ANY_REGION_PATTERN, COUNTRY_PATTERN, ENTITY_PATTERN, NETWORK_PATTERN
from schemas.incident import Incident
from schemas.outage import SCHEMA, Outage
from schemas.times import PATTERN

_PREFIX: Final = "#/components/schemas/"
_BODIES: Final = (
    api.OutagePage,
    api.IncidentPage,
    api.ReportedIncident,
    api.SeriesAnswer,
    api.Annotation,
    api.Status,
    api.JsonFeed,
    api.Problem,
)
_MESSAGES: Final[Mapping[str, Mapping[str, str]]] = {
    "Outage": descriptions.OUTAGE,
    "Drop": descriptions.DROP,
    "Incident": descriptions.INCIDENT,
    "ReportedIncident": {**descriptions.INCIDENT, "remarks": "What operators say of it."},
    "Scope": descriptions.SCOPE,
    "Joined": descriptions.JOINED,
    "Confidence": descriptions.CONFIDENCE,
}
_WHEN: Final[dict[str, Any]] = {
    "anyOf": [
        {"type": "string", "format": "date-time", "pattern": PATTERN, "maxLength": 64},
        {"type": "string", "pattern": r"^[0-9]{1,11}(\.[0-9]{1,6})?$", "description": "Unix seconds"},
        {"type": "string", "pattern": "^[1-9][0-9]{12}$", "description": "milliseconds"},
    ]
}
_ID: Final = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
_ASN: Final = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": 4_294_967_295},
        {"type": "string", "pattern": NETWORK_PATTERN, "description": "AS number as text"},
    ]
}
_COUNTRY: Final = {"type": "string", "pattern": COUNTRY_PATTERN, "description": "code of a country"}
_NAMES: Final[Mapping[str, tuple[Mapping[str, Any], str]]] = {
    "asn": (_ASN, "AS64500"),
    "region": ({"type": "string", "maxLength": 64, "pattern": ANY_REGION_PATTERN}, "IR-30"),
    "country": (_COUNTRY, "IR"),
}
_ITEMS: Final[Mapping[str, Mapping[str, Any]]] = {
    "asn": _ASN,
    "country": _COUNTRY,
    "entity": {"type": "string", "maxLength": 80, "pattern": ENTITY_PATTERN, "description": "name of an entity"},
}
#: What parameters may be. The only example of a cursor is in an answer.
_EXAMPLES: Final[Mapping[str, Any]] = {
    "country": ["IR"],
    "asn": ["AS64500"],
    "entity": ["region/IR-30"],
    "feed": ["reach"],
    "severity": ["total"],
    "state": ["suspected"],
    "from": "2026-12-01T00:00:00Z",
    "to": "2026-12-02T00:00:00Z",
    "limit": 10,
    "kind": ["mobile-only"],
    "access": ["mobile"],
    "direction": ["international"],
    "service": ["telegram"],
    "bins": 12,
}
_NEWEST: Final = "Current ones and those that ended recently at this worker, newest start first."
_WRONG: Final = "A parameter is wrong; in plain text: the request is longer than 8 KiB."
_SERIES: Final = "The newest closed bins of each series of an entity that this worker has."


def document() -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ebbtide",
            "version": f"{SCHEMA}.0.0",
            "description": "What a worker knows of outages and incidents. A worker has some partitions of the "
            "measurements: with several workers, each answers for its own.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The worker's `web.token`, if it has one.",
                },
                "basic": {"type": "http", "scheme": "basic", "description": "The same as a password, for browsers."},
            },
        },
        "security": [{}, {"bearer": []}, {"basic": []}],
    }


def _paths() -> dict[str, Any]:
    outages, incidents = _parameters(api.OutageQuery), _parameters(api.IncidentQuery)
    paths = {
        "/api/v1/outages": _get("outages", f"Outages. {_NEWEST}", _ref("OutagePage"), outages, 503),
        "/api/v1/outages/{outage_id}": _get(
            "outage", "One outage.", _ref("Outage"), [_in_path("outage_id", _ID, "bb15809fbf5b83bf")], 404, 503
        ),
        "/api/v1/incidents": _get("incidents", f"Incidents. {_NEWEST}", _ref("IncidentPage"), incidents, 503),
        "/api/v1/incidents/{incident_id}": _get(
            "incident",
            "One incident, with what operators say of it.",
            _ref("ReportedIncident"),
            [_in_path("incident_id", _ID, "00d3f0d2ce5d1b6e")],
            404,
            503,
        ),
        "/api/v1/annotations/outages": _get("outageAnnotations", "Outages for Grafana.", _spans(), outages, 503),
        "/api/v1/annotations/incidents": _get(
            "incidentAnnotations", "Incidents for Grafana.", _spans(), incidents, 503
        ),
        "/api/v1/status": _get("status", "What this worker has read.", _ref("Status"), []),
        "/api/v1/openapi.json": _get("openapi", "This document.", {"type": "object"}, []),
    }
    asked, text = _parameters(api.FeedQuery), "Confirmed incidents for feed readers, what changed last first."
    feeds = (
        ("atomFeed", "/feed.atom", {"type": "string"}, "application/atom+xml"),
        ("jsonFeed", "/feed.json", _ref("JsonFeed"), "application/feed+json"),
    )
    for operation, path, schema, media in feeds:
        paths[path] = _get(operation, text, schema, asked, 503, media=media)
    for kind, (name, example) in _NAMES.items():
        parameters = [_in_path("name", name, example), *_parameters(api.SeriesQuery)]
        paths[f"/api/v1/series/{kind}/{{name}}"] = _get(f"{kind}Series", _SERIES, _ref("SeriesAnswer"), parameters, 404)
    return paths


def _get(
    name: str,
    summary: str,
    schema: Mapping[str, Any],
    parameters: Sequence[Mapping[str, Any]],
    *errors: int,
    media: str = "application/json",
) -> dict[str, Any]:
    """An operation that answers with a body of this schema, or with a problem."""
    texts = {400: _WRONG, 401: "A token is needed.", 404: "There is none.", 503: "Not known yet."}
    responses: dict[str, Any] = {
        "200": {
            "description": summary,
            "headers": {"ETag": {"schema": {"type": "string"}, "description": "Changes when the body does."}},
            "content": {media: {"schema": dict(schema)}},
        },
        "304": {"description": "As it was: `If-None-Match` named its ETag."},
    }
    for status in sorted({400, 401, *errors}):
        content: dict[str, Any] = {"application/problem+json": {"schema": _ref("Problem")}}
        if status == 400:
            content["text/plain"] = {"schema": {"type": "string"}}
        responses[str(status)] = {"description": texts[status], "content": content}
    return {"get": {"operationId": name, "summary": summary, "parameters": list(parameters), "responses": responses}}


def _parameters(kind: type) -> list[dict[str, Any]]:
    """The parameters of a query, each with the schema of its field."""
    fields = components([kind], _PREFIX)[kind.__name__]["properties"]
    cursor = api.SERIES_CURSOR if kind is api.SeriesQuery else api.CURSOR
    return [_parameter(name, dict(schema), cursor) for name, schema in fields.items()]


def _parameter(name: str, schema: dict[str, Any], cursor: str) -> dict[str, Any]:
    """A parameter that may be left out; null, which stands for that in the type, is nothing that one can send."""
    description, default = schema.pop("description"), schema.pop("default", None)
    example = {"example": _EXAMPLES[name]} if name in _EXAMPLES else {}
    rule = {"from": _WHEN, "to": _WHEN, "cursor": {"type": "string", "pattern": cursor}}.get(name, schema)
    if name in _ITEMS and "items" in rule:
        rule = {**rule, "items": dict(_ITEMS[name])}
    rule = {**rule, **({"default": default} if default else {})}
    return {"name": name, "in": "query", "description": description, "schema": rule, **example}


def _in_path(name: str, schema: Mapping[str, Any], example: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": dict(schema), "example": example}


def _spans() -> dict[str, Any]:
    return {"type": "array", "items": _ref("Annotation"), "maxItems": api.MAX_LIMIT}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"{_PREFIX}{name}"}


def _schemas() -> dict[str, Any]:
    """The bodies, and the types inside them."""
    schemas = components(_BODIES, _PREFIX)
    for name in schemas.keys() & _MESSAGES.keys():
        schemas[name] = described(schemas[name], _MESSAGES[name])
    for kind in (Outage, Incident):
        schemas[kind.__name__]["required"] = always_there(kind)
    schemas["Outage"]["properties"]["region"] |= REGION
    return dict(sorted(schemas.items()))
