"""How pages answer: JSON, pages for people, and problems; what has not changed is not sent again."""

from __future__ import annotations

import hashlib
from http import HTTPStatus

import msgspec
from aiohttp.web import Request, Response

from schemas.api import Problem

PROBLEM = "application/problem+json"
FRESH = "no-cache"  # may be kept, and is asked for again each time


def as_json(body: object, status: int = 200) -> Response:
    """Return an answer in JSON. A number that is not finite is null."""
    return Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def as_html(text: str) -> Response:
    """Return a page for people."""
    return Response(text=text, content_type="text/html", charset="utf-8")


def problem(status: int, detail: str) -> Response:
    """Return why there is no answer, as RFC 9457 has it."""
    body = Problem("about:blank", HTTPStatus(status).phrase, status, detail)
    return Response(body=msgspec.json.encode(body), status=status, content_type=PROBLEM)


def conditional(request: Request, response: Response) -> Response:
    """Return the answer with an ETag of its body, or that it is as the one who asks knows it."""
    assert isinstance(response.body, bytes)
    digest = hashlib.blake2b(response.body, digest_size=12).hexdigest()
    known = request.if_none_match or ()
    if response.status == 200 and any(tag.value in (digest, "*") for tag in known):
        response = Response(status=304)
    if response.status in (200, 304):
        response.headers["ETag"] = f'W/"{digest}"'  # weak: it may be compressed on its way
        response.headers["Cache-Control"] = FRESH
        response.headers["Vary"] = "Accept-Encoding, Authorization"
    if response.status == 200:
        response.enable_compression()
    return response
