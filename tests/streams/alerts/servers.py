"""Local HTTP servers that behave and misbehave like receivers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Got(NamedTuple):
    """A request."""

    path: str
    method: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Answers each request with the next of its statuses, then always with the last. Keeps the requests."""

    def __init__(self, *statuses: int, headers: dict[str, str] | None = None, body: bytes = b"ok") -> None:
        self.statuses, self.headers, self.body = list(statuses or (200,)), headers or {}, body
        self.got: list[Got] = []
        self.url = ""

    def __enter__(self) -> Receiver:
        """Listen on a loopback port."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Keep the request and answer."""
                content = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append(Got(self.path, self.command, {k.lower(): v for k, v in self.headers.items()}, content))
                self.send_response(outer.statuses.pop(0) if len(outer.statuses) > 1 else outer.statuses[0])
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(outer.body)

            do_PUT = do_POST  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def raw(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Yield the URL of a server that reads a request and then calls `behave` with the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_serve_one, args=(connection, behave), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _serve_one(connection: socket.socket, behave: Callable[[socket.socket], None]) -> None:
    with connection:
        try:
            connection.recv(65_536)
            behave(connection)
        except OSError:
            return
