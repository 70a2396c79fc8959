"""Adds the HTML pages and the API to a web server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp.web import Application, Request, Response

from streams.worker.web.api import api_pages
from streams.worker.web.card_pages import card_pages
from streams.worker.web.html_pages import html_pages
from streams.worker.web.responses import problem
from streams.worker.web.worker_view import WorkerView

Page = Callable[[Request], Awaitable[Response]]
MAX_PAGES = 64  # that are made or wait at a time
AT_ONCE = 2  # that are made: each holds a list of all outages, and one thread does the work of all


class Turns:
    """Refuses requests while many others wait for the thread of the pages.

    `most`: that many are taken at a time; `at_once`: that many of them are made.
    """

    def __init__(self, most: int, at_once: int = AT_ONCE) -> None:
        self._most, self._taken = most, 0
        self._made = asyncio.Semaphore(at_once)

    async def take(self, page: Page, request: Request) -> Response:
        """Return the response of a page, or of a refusal."""
        if self._taken >= self._most:
            refusal = problem(503, "many pages are being made at present; try again in a second")
            refusal.headers["Retry-After"] = "1"
            return refusal
        self._taken += 1
        try:
            async with self._made:
                return await page(request)
        finally:
            self._taken -= 1


def add_view_pages(application: Application, view: WorkerView) -> None:
    """Add the HTML pages and the API, which read a worker through its view."""
    turns = Turns(MAX_PAGES)
    for path, page in (html_pages(view) | card_pages(view) | api_pages(view)).items():
        add_page(application, path, partial(turns.take, page))


def add_page(application: Application, path: str, page: Page) -> None:
    """Answer GET and HEAD requests of a path with a page."""

    async def respond(request: Request) -> Response:
        return await page(request)

    application.router.add_get(path, respond)
