#!/usr/bin/env python3
"""A receiver of alerts to try them with: prints the headline of each message to `http://127.0.0.1:9000/`.

It takes what anybody sends. A receiver in earnest verifies the signature: docs/alerts.md.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer


class Receiver(BaseHTTPRequestHandler):
    """Answers each message with 204."""

    def do_POST(self) -> None:
        """Print what a message says."""
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        sys.stdout.write(f"{message['type']}: {message['data']['headline']}\n")
        sys.stdout.flush()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print no line for each request."""


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        HTTPServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 9000), Receiver).serve_forever()
