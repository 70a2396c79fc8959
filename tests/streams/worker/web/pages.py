"""Pages as a browser reads them, made without a server."""

from __future__ import annotations

import asyncio
from html.parser import HTMLParser

from aiohttp.test_utils import make_mocked_request
from aiohttp.web import Request, Response

from streams.worker.web.html_pages import html_pages
from streams.worker.web.worker_view import WorkerView
from tests.streams.worker.web.site import read, story

VIEW = read(story())


class Reader(HTMLParser):
    """Reads a page: its tags with the names of their attributes, the links, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data.replace("\xa0", " ")


def page(view: WorkerView, path: str, pattern: str | None = None, **match: str) -> Reader:
    """Return a page, made without a server."""
    request = make_mocked_request("GET", path, match_info=match)
    answer = made(view, pattern or path.partition("?")[0], request)
    assert answer.status == 200
    assert answer.text is not None
    return Reader(answer.text)


def made(view: WorkerView, pattern: str, request: Request) -> Response:
    """Return the response of the page of this pattern."""

    async def ask() -> Response:
        return await html_pages(view)[pattern](request)

    return asyncio.run(ask())
