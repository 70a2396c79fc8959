"""Adds all pages of a worker to its web server."""

from __future__ import annotations

from aiohttp.web import Application, Response

from streams.worker.agents import Worker
from streams.worker.health import readiness
from streams.worker.scrape import metrics_page
from streams.worker.view import view_of
from streams.worker.web.responses import as_json
from streams.worker.web.routes import add_page, add_view_pages


def add_pages(application: Application, worker: Worker) -> None:
    """Add the probes, the metrics, and the pages and the API that read the worker through its view."""
    add_page(application, "/healthz", lambda request: _alive())
    add_page(application, "/readyz", lambda request: _readiness(worker, request.query.get("standby") == "ok"))
    add_page(application, "/metrics", lambda request: metrics_page(worker, request.headers.get("Accept", "")))
    add_view_pages(application, view_of(worker))


async def _alive() -> Response:
    return as_json({"status": "alive"})


async def _readiness(worker: Worker, is_standby_fine: bool) -> Response:
    return readiness(worker, is_standby_fine)
