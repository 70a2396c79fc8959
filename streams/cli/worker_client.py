"""Asking a running worker over HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from schemas.api import MAX_LIMIT
from schemas.incident import Incident
from schemas.outage import Outage
from streams.config.errors import EbbtideError
from streams.config.secret import Secret

TIMEOUT = 5.0
T = TypeVar("T")
MAX_BYTES = 256 * 1024 * 1024


class WorkerUnreachableError(EbbtideError):
    """No worker answers at the address."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token goes to whom it was meant for, and no further."""

    def redirect_request(self, *_: object) -> None:
        """Follow none."""


_opener = urllib.request.build_opener(_NoRedirect)


def ask(url: str, path: str, token: Secret | None = None) -> dict[str, Any]:
    """Return the JSON object at a path of a worker's web server, which may want a token.

    Raises WorkerUnreachableError, which names the address, when nobody answers there or the answer is no such object.
    """
    try:
        headers = {"Authorization": f"Bearer {token.reveal()}"} if token else {}
        request = urllib.request.Request(f"{url.rstrip('/')}{path}", headers=headers)
        with _opener.open(request, timeout=TIMEOUT) as answer:
            content = answer.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"an answer of more than {MAX_BYTES} bytes")
        return dict(json.loads(content))
    except urllib.error.HTTPError as error:
        raise WorkerUnreachableError(f"{url}: answers {error.code} {error.reason} for {path}") from None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        reason = getattr(error, "reason", None) or error
        raise WorkerUnreachableError(f"{url}: no worker answers: {reason}") from None


def known_outages(url: str, token: Secret | None = None) -> list[Outage]:
    """Return the outages that a worker knows of, each once. Raises as `_all` does."""
    return list({one.outage_id: one for one in _all(url, "outages", Outage, token)}.values())


def known_incidents(url: str, token: Secret | None = None) -> list[Incident]:
    """Return the incidents that a worker knows of, each once. Raises as `_all` does."""
    return list({one.incident_id: one for one in _all(url, "incidents", Incident, token)}.values())


def _all(url: str, what: str, kind: type[T], token: Secret | None) -> Iterator[T]:
    """Yield what a worker knows, page by page. Raises WorkerUnreachableError, or EbbtideError for another answer."""
    reference: str | None = f"?limit={MAX_LIMIT}"
    try:
        while reference is not None:
            page = ask(url, f"/api/v1/{what}{reference}", token)
            found = msgspec.convert(page[what], list[kind])  # type: ignore[valid-type]
            reference = msgspec.convert(page.get("next"), str | None) if found else None
            yield from found
    except (KeyError, msgspec.ValidationError) as error:
        raise EbbtideError(f"{url}: does not answer as a worker of this version: {error}") from None
