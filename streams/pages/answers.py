"""How pages answer."""

from __future__ import annotations

import orjson
from aiohttp.web import Response


def as_json(body: object, status: int = 200) -> Response:
    """Return an answer in JSON."""
    return Response(body=orjson.dumps(body), status=status, content_type="application/json")
