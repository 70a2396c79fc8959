"""A client of a running worker's HTTP API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

import msgspec

from schemas.api import MAX_LIMIT, Problem
from schemas.incident import Incident
from schemas.outage import Outage
from schemas.rejections import one_line
from schemas.remark import Remark
from streams.config.errors import EbbtideError
from streams.config.logs import say
from streams.config.secret import Secret
from streams.http_client import Answer, RequestPolicy, UnreachableError, request

T = TypeVar("T")
Warn = Callable[[str], None]
Filters = Sequence[tuple[str, str]]  # parameters of the API, with their values
MAX_BYTES = 256 * 1024 * 1024
# The operator names the worker, so it may be on a private network.
POLICY = RequestPolicy(timeout=600.0, allow_private=True, tls=None, idle=5.0, max_answer=MAX_BYTES + 1)


class WorkerUnreachableError(EbbtideError):
    """No worker answers at the address."""


class AnswerError(WorkerUnreachableError):
    """The worker answers with an error. `status`: of HTTP."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def ask(url: str, path: str, token: Secret | None = None) -> dict[str, Any]:
    """Return the JSON object at a path of a worker's web server. `token` is sent as a bearer token.

    Raises WorkerUnreachableError, which names the address, when no server answers or the answer is not a JSON object.
    """
    headers = {"Authorization": Secret(f"Bearer {token.reveal()}")} if token else {}
    try:
        answer = request("GET", Secret(f"{url.rstrip('/')}{path}"), headers, None, POLICY)
        if 200 <= answer.status < 300:
            return dict(json.loads(_whole_body(answer)))
    except (UnreachableError, ValueError, TypeError, RecursionError) as error:
        raise WorkerUnreachableError(f"{url}: no worker answers: {error}") from None
    raise AnswerError(answer.status, f"{url}: answers {answer.status} {answer.reason} for {path}{_detail(answer)}")


def _detail(answer: Answer) -> str:
    """Return the detail of a problem, after a colon; empty when the answer is none."""
    try:
        return f": {one_line(msgspec.json.decode(answer.body, type=Problem).detail)}"
    except msgspec.DecodeError:
        return ""


def _whole_body(answer: Answer) -> bytes:
    if answer.cut_off is not None:
        raise ValueError(f"the answer was cut off: {answer.cut_off}")
    if len(answer.body) > MAX_BYTES:
        raise ValueError(f"an answer of more than {MAX_BYTES} bytes")
    return answer.body


def fetch_outages(url: str, token: Secret | None = None, warn: Warn = say, filters: Filters = ()) -> list[Outage]:
    """Return the outages of a worker that match the parameters `filters`, each once. Raises as `_fetch_all` does."""
    found = _fetch_all(url, "outages", Outage, token, warn, filters)
    return list({outage.outage_id: outage for outage in found}.values())


def fetch_incidents(
    url: str,
    token: Secret | None = None,
    warn: Warn = say,
    filters: Filters = (),
    remarks: list[Remark] | None = None,
) -> list[Incident]:
    """Return the incidents of a worker that match the parameters `filters`, each once. Raises as `_fetch_all` does.

    What operators say of them is added to `remarks`.
    """
    said: list[Remark] = [] if remarks is None else remarks
    found = _fetch_all(url, "incidents", Incident, token, warn, filters, said)
    return list({incident.incident_id: incident for incident in found}.values())


def _fetch_all(
    url: str,
    name: str,
    kind: type[T],
    token: Secret | None,
    warn: Warn,
    filters: Filters,
    remarks: list[Remark] | None = None,
) -> Iterator[T]:
    """Yield the rows of a list, page by page. Raises WorkerUnreachableError, or EbbtideError for another API.

    `warn` gets a line on each thing for which rows may be old or missing, as the worker says.
    """
    query, warned, asked = cast("str | None", f"?{urlencode([('limit', MAX_LIMIT), *filters])}"), set[str](), set[str]()
    try:
        while query is not None:
            if query in asked or not query.startswith("?"):
                raise msgspec.ValidationError("`next` leads nowhere new")
            asked.add(query)
            page = ask(url, f"/api/v1/{name}{query}", token)
            rows = msgspec.convert(page[name], list[kind])  # type: ignore[valid-type]
            if remarks is not None:
                remarks += msgspec.convert(page.get("remarks", []), list[Remark])
            query = msgspec.convert(page.get("next"), str | None) if rows else None
            for text in msgspec.convert(page.get("warnings", []), list[str]):
                if text not in warned:
                    warn(f"{url}: {one_line(text)}")
                warned.add(text)
            yield from rows
    except (KeyError, msgspec.ValidationError) as error:
        raise EbbtideError(f"{url}: does not answer as a worker of this version: {error}") from None
