"""Asking a running worker over HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from streams.errors import EbbtideError

TIMEOUT = 5.0


class WorkerUnreachableError(EbbtideError):
    """No worker answers at the address."""


def ask(url: str, path: str) -> dict[str, Any]:
    """Return the JSON object at a path of a worker's web server.

    Raises WorkerUnreachableError, which names the address, when nobody answers there or the answer is no such object.
    """
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}{path}", timeout=TIMEOUT) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        raise WorkerUnreachableError(f"{url}: answers {error.code} {error.reason} for {path}") from None
    except (OSError, ValueError, TypeError) as error:
        reason = getattr(error, "reason", None) or error
        raise WorkerUnreachableError(f"{url}: no worker answers: {reason}") from None
