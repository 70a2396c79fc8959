"""Adds the HTML pages and the API to a web server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp.web import Application, Request, Response

from streams.worker.web.api import api_pages
from streams.worker.web.html_pages import html_pages
from streams.worker.web.worker_view import WorkerView

Page = Callable[[Request], Awaitable[Response]]


def add_view_pages(application: Application, view: WorkerView) -> None:
    """Add the HTML pages and the API, which read a worker through its view."""
    for path, page in (html_pages(view) | api_pages(view)).items():
        add_page(application, path, page)


def add_page(application: Application, path: str, page: Page) -> None:
    """Answer GET and HEAD requests of a path with a page."""

    async def respond(request: Request) -> Response:
        return await page(request)

    application.router.add_get(path, respond)
