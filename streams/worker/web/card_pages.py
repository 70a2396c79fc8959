"""The pages of cards: `/incidents/ID/card.svg` and `.png`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp.web import Request, Response

from schemas.rejections import one_line
from streams.worker.web.aside import aside
from streams.worker.web.card import CHART, card_png, card_svg, why_no_png
from streams.worker.web.page_models import drawn
from streams.worker.web.page_state import PageState, copied
from streams.worker.web.responses import conditional, problem
from streams.worker.web.worker_view import WorkerView

ANYWHERE = {"Cross-Origin-Resource-Policy": "cross-origin"}  # other sites may show a card


def card_pages(view: WorkerView) -> dict[str, Callable[[Request], Awaitable[Response]]]:
    """Return a handler for each kind of card."""
    return {
        "/incidents/{id}/card.svg": partial(_respond, view, _svg),
        "/incidents/{id}/card.png": partial(_respond, view, _png),
    }


async def _respond(view: WorkerView, make: Callable[[bytes], Response], request: Request) -> Response:
    unread = view.unread()
    if unread is not None:
        return problem(503, unread)
    state = await aside(PageState, copied(view))
    incident = state.incidents.get(request.match_info["id"])
    if incident is None:
        return problem(404, f"no incident {one_line(request.match_info['id'])} here")
    (item,) = await drawn(view, state, [incident], CHART)
    return conditional(request, await aside(lambda: make(card_svg(item, view.settings.web.address))))


def _svg(svg: bytes) -> Response:
    return Response(body=svg, content_type="image/svg+xml", charset="utf-8", headers=ANYWHERE)


def _png(svg: bytes) -> Response:
    reason = why_no_png()
    return problem(501, reason) if reason else Response(body=card_png(svg), content_type="image/png", headers=ANYWHERE)
