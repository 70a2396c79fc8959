#!/usr/bin/env python3
"""A receiver of alerts to try them with: prints the headline of each message to `http://127.0.0.1:9000/`.

`python3 examples/receiver.py PORT --bind ADDRESS` listens elsewhere.

It takes what anybody sends. A receiver in earnest verifies the signature: docs/alerts.md.
"""

from __future__ import annotations

import argparse
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


def main() -> None:
    """Receive until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("port", nargs="?", type=int, default=9000, help="port to listen on (default: %(default)s)")
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    arguments = parser.parse_args()
    with suppress(KeyboardInterrupt):
        HTTPServer((arguments.bind, arguments.port), Receiver).serve_forever()


if __name__ == "__main__":
    main()
