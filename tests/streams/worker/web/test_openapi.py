"""The API keeps what its OpenAPI document says, whatever is asked."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from schemas.documents.generate import FOLDER
from tests.streams.worker.web.site import read, served, story

DOCUMENT = json.loads((FOLDER / "openapi.json").read_bytes())
EXAMPLES = 10
api = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Yield the address of a running web server."""
    with served(read(story())) as address:
        yield address


@api.parametrize()
@settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
def test_answers_are_as_documented(case: schemathesis.Case[Any], url: str) -> None:
    """Statuses, types and bodies are those of the document; what breaks its rules is refused, and nothing fails."""
    answer = case.call_and_validate(base_url=url)
    assert answer.status_code < 500


def test_the_document_is_served(url: str) -> None:
    """The worker tells of itself what is checked in."""
    with urllib.request.urlopen(f"{url}/api/v1/openapi.json") as answer:
        assert json.loads(answer.read()) == DOCUMENT


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_schemas_are_schemas(name: str) -> None:
    """Each body's schema is valid in the dialect of OpenAPI 3.1."""
    dialect = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    assert list(dialect.iter_errors(DOCUMENT["components"]["schemas"][name])) == []
