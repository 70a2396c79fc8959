"""Which page of the worker's web server answers at which path."""

from __future__ import annotations

from typing import Any

import faust
from aiohttp.web import Request, Response

from streams.pages.answers import as_json
from streams.pages.api import outages
from streams.pages.health import readiness, status
from streams.pages.scrape import metrics
from streams.worker import Worker


def add_pages(app: faust.App, worker: Worker) -> None:
    """Add all pages to the app's web server."""
    pages = {
        "/healthz": lambda _: as_json({"status": "alive"}),
        "/readyz": lambda _: readiness(worker),
        "/metrics": lambda request: metrics(worker, request.headers.get("Accept", "")),
        "/api/v1/outages": lambda _: as_json({"outages": outages(worker)}),
        "/api/v1/status": lambda _: as_json(status(worker)),
    }
    for path, page in pages.items():
        _add(app, path, page)


def _add(app: faust.App, path: str, page: Any) -> None:  # noqa: ANN401
    async def answer(request: Request) -> Response:
        return page(request)  # type: ignore[no-any-return]

    app.web.web_app.router.add_get(path, answer)
