"""Which page of the worker's web server answers at which path."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp.web import Application, Request, Response

from streams.worker.agents import Worker
from streams.worker.health import readiness
from streams.worker.scrape import metrics
from streams.worker.web.api import api_pages
from streams.worker.web.html_pages import people_pages
from streams.worker.web.responses import as_json
from streams.worker.web.worker_view import Known, known_of

Page = Callable[[Request], Response]


def add_pages(application: Application, worker: Worker) -> None:
    """Add all pages of a worker to its web server."""
    add(application, "/healthz", lambda request: as_json({"status": "alive"}))
    add(application, "/readyz", lambda request: readiness(worker))
    add(application, "/metrics", lambda request: metrics(worker, request.headers.get("Accept", "")))
    add_known(application, known_of(worker))


def add_known(application: Application, known: Known) -> None:
    """Add the pages that tell what a worker knows."""
    for path, page in (people_pages(known) | api_pages(known)).items():
        add(application, path, page)


def add(application: Application, path: str, page: Page) -> None:
    """Add one page."""

    async def answer(request: Request) -> Response:
        return page(request)

    application.router.add_get(path, answer)
