"""The pages of `ebbtide alerts`: `/metrics`, `/healthz` and `/readyz`."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from streams.alerts.metrics import AlertMetrics

MOST = 32  # connections at a time


class _Server(ThreadingMixIn, WSGIServer):
    """Serves each connection in a daemon thread, so none delays the exit; one too many is closed at once."""

    daemon_threads = True

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        self._free = threading.BoundedSemaphore(MOST)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Start a thread for a connection, if one is free."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Serve a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()


class _Handler(WSGIRequestHandler):
    timeout = 10  # seconds

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""


def serve(metrics: AlertMetrics, bind: str, port: int) -> None:
    """Serve the pages in threads until the program ends. Raises OSError when the port is taken."""
    pages = make_wsgi_app(metrics.registry)

    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:  # noqa: ANN401
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return pages(environ, start)  # type: ignore[no-any-return]
        is_ready = metrics.registry.get_sample_value("ebbtide_alerts_ready") == 1
        status = {"/healthz": "200 OK", "/readyz": "200 OK" if is_ready else "503 Service Unavailable"}.get(path)
        start(status or "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"ready\n" if status == "200 OK" else b"no\n"]

    server = make_server(bind, port, app, _Server, _Handler)
    threading.Thread(target=server.serve_forever, name="alerts-pages", daemon=True).start()
