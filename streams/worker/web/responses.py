"""Responses: JSON, HTML, problems (RFC 9457), and 304 for a body that has not changed."""

from __future__ import annotations

import hashlib
from http import HTTPStatus

import msgspec
from aiohttp.web import Request, Response

from schemas.api import Problem

PROBLEM = "application/problem+json"
REVALIDATE = "no-cache"  # a browser may store it, and asks each time whether it has changed


def as_json(body: object, status: int = 200) -> Response:
    """Return a JSON response. A number that is not finite becomes null."""
    return Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def as_html(text: str) -> Response:
    """Return an HTML response."""
    return Response(text=text, content_type="text/html", charset="utf-8")


def problem(status: int, detail: str) -> Response:
    """Return an error response as RFC 9457 defines it."""
    body = Problem("about:blank", HTTPStatus(status).phrase, status, detail)
    return Response(body=msgspec.json.encode(body), status=status, content_type=PROBLEM)


def conditional(request: Request, response: Response) -> Response:
    """Return the response with an ETag, or 304 without a body when the request names the same ETag."""
    assert isinstance(response.body, bytes)
    digest = hashlib.blake2b(response.body, digest_size=12).hexdigest()
    tags = request.if_none_match or ()
    if response.status == 200 and any(tag.value in (digest, "*") for tag in tags):
        response = Response(status=304)
    if response.status in (200, 304):
        response.headers["ETag"] = f'W/"{digest}"'  # weak, since a proxy may compress the body
        response.headers["Cache-Control"] = REVALIDATE
        response.headers["Vary"] = "Accept-Encoding, Authorization"
    if response.status == 200:
        response.enable_compression()
    return response
