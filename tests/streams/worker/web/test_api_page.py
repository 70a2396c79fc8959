"""The page on the API: it has all that the OpenAPI document has, and its requests are answered."""

from __future__ import annotations

import dataclasses
import re
import urllib.error
import urllib.request
from collections.abc import Iterator

import msgspec
import pytest

from schemas.documents.openapi import document
from streams.config.settings import WebSettings
from streams.worker.web.api_page import endpoints
from tests.streams.worker.web.pages import VIEW, page
from tests.streams.worker.web.site import served

PATHS = document()["paths"]
COMMAND = re.compile(r"curl -s 'https://example\.net/e/(.*?)'")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Yield the address of the pages."""
    with served(VIEW) as address:
        yield address


def bare(text: str) -> str:
    """Return a text without spaces and marks of code, which the page sets in another font."""
    return "".join(text.replace("`", "").split())


def shown() -> str:
    """Return the text of the page at a worker with an address of its own."""
    web = WebSettings(url="https://example.net/e")
    return page(dataclasses.replace(VIEW, settings=msgspec.structs.replace(VIEW.settings, web=web)), "/api").text


def test_the_page_has_all_paths_parameters_and_answers() -> None:
    """A path, a parameter or a type of an answer that is new is on the page without further work."""
    text = shown()
    for path, item in PATHS.items():
        part = text.split(f"Parameters of {path}\n")[-1].partition("Answer: ")[0]
        assert path in text
        for parameter in item["get"]["parameters"]:
            assert f"\n{parameter['name']}" in part
            assert bare(parameter.get("description", "")) in bare(part)
    for name, schema in document()["components"]["schemas"].items():
        assert bare(schema["description"]) in bare(text)
        assert f"\n{name}\n" in text


def test_each_path_has_a_request_that_is_answered(url: str) -> None:
    """As it stands on the page; a network that nobody measures is answered 404, which the page says."""
    requests = COMMAND.findall(shown())
    assert len(requests) == len(PATHS)
    for request in requests:
        try:
            with urllib.request.urlopen(f"{url}/{request}") as answer:
                assert answer.status == 200
        except urllib.error.HTTPError as error:
            assert (error.code, "/series/" in request) == (404, True), request


def test_each_parameter_has_an_example_that_is_taken(url: str) -> None:
    """All but the cursor, which an answer gives."""
    for end in endpoints({}):
        for field in end.parameters:
            assert field.example or field.name == "cursor"
            if "=" in field.example and "{" not in end.path:
                with urllib.request.urlopen(f"{url}{end.path}?{field.example}") as answer:
                    assert answer.status == 200


def test_the_pages_lead_to_it() -> None:
    """From the head of each page."""
    assert "./api" in page(VIEW, "/").links
    assert "./api/v1/openapi.json" in page(VIEW, "/api").links
