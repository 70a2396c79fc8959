"""What the server sends with its HTML pages: headers, and errors as pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from tests.streams.worker.web.server import WorkerServer
from tests.streams.worker.web.site import application, read, story

VIEW = read(story())


@pytest.fixture
async def client() -> AsyncIterator[TestClient[Any, Any]]:
    """Yield a client of the pages."""
    async with TestClient(WorkerServer(application(VIEW))) as asking:
        yield asking


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/outages/0123456789abcdef", 404),
        ("/incidents?state=dark", 400),
        ("/style.css", 200),
        ("/none", 404),
    ],
)
async def test_responses_have_security_headers(client: TestClient[Any, Any], path: str, status: int) -> None:
    """No other origins, nothing inline, no frames, no guessing of types, no referrer."""
    async with client.get(path) as answer:
        assert answer.status == status
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "aiohttp" not in answer.headers["Server"]


async def test_errors_are_pages_in_html(client: TestClient[Any, Any]) -> None:
    """The page says what is wrong and links back to the overview."""
    async with client.get("/outages?asn=many") as answer:
        text = await answer.text()
    assert answer.status == 400
    assert "`asn[0]`: expected `int`" in text
    async with client.get("/incidents/%3Cscript%3E") as answer:
        text = await answer.text()
    assert answer.status == 404
    assert "&lt;script&gt;" in text
    assert "<script>" not in text


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/none/of/these", 404, "there is no such page"),
        ("/api/v1/outages?limit=0", 400, "`limit`: expected"),
        ("/api/v1/outages/%3Cb%3E", 404, "&lt;b&gt;"),
    ],
)
async def test_a_browser_gets_errors_as_pages(client: TestClient[Any, Any], path: str, status: int, words: str) -> None:
    """Whoever takes HTML gets a page with a way back and the same status; a program gets the problem."""
    async with client.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}) as answer:
        text = await answer.text()
    assert (answer.status, answer.content_type) == (status, "text/html")
    assert words in text
    assert "Back to the overview" in text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    async with client.get(path) as answer:
        assert (answer.status, answer.content_type) == (status, "application/problem+json")
        assert (await answer.json())["status"] == status
