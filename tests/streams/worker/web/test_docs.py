"""docs/api.md: its commands are run, its answers have the shape of the real ones, and its table names all paths."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.documents.openapi import document
from tests.streams.worker.web.site import read, served, story

TEXT = (Path(__file__).parents[4] / "docs" / "api.md").read_text()
ADDRESS = "http://127.0.0.1:6066"
EXAMPLES = re.findall(rf"```sh\ncurl -s '{ADDRESS}(.*?)'\n```\n\n```json\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Yield the address of the pages of a worker that has read the story that the examples are of."""
    with served(read(story())) as address:
        yield address


def shape(value: object) -> object:
    """Return a JSON value with the types in place of numbers and texts, and of an array only the first."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return "number" if isinstance(value, int | float) else type(value).__name__


def test_all_commands_have_an_answer() -> None:
    """None is left out below."""
    assert len(EXAMPLES) == TEXT.count("curl ") == TEXT.count("```json") == 5


@pytest.mark.parametrize(("path", "answer"), EXAMPLES)
def test_answers_are_as_in_the_docs(url: str, path: str, answer: str) -> None:
    """The same fields with the same types."""
    try:
        with urllib.request.urlopen(url + path) as got:
            body = got.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    assert shape(json.loads(body)) == shape(json.loads(answer))


def test_the_loop_finds_all(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The Python of the docs reads three pages."""
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(compile(code.replace(ADDRESS, url), "docs/api.md", "exec"), {})
    assert capsys.readouterr().out == "14\n"


def test_all_paths_are_documented() -> None:
    """Each resource of the OpenAPI document is in the table of the docs."""
    text = TEXT.replace("ENTITY", "").replace("`…/incidents`", "`/api/v1/annotations/incidents`")
    for path in document()["paths"]:
        assert re.sub(r"(asn|region|country)/\{name\}|\{.*\}", "", path).rstrip("/") in text
