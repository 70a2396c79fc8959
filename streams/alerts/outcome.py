"""The meaning of an answer: delivered, to be tried again, or refused for good."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.rejections import one_line
from streams.alerts.delivery_types import Outcome
from streams.http_client import Answer, UnreachableError

AGAIN = {408: "timeout", 425: "busy", 429: "busy"}


def outcome_of(answer: Answer, retry_after: float | None, secrets: Iterable[str]) -> Outcome:
    """Return the meaning of an answer. `retry_after` is in seconds. Secrets in the answer's text become `***`."""
    status = answer.status
    detail = f"HTTP {status}{_text(answer.body, secrets)}"
    if 200 <= status < 300:
        return Outcome("delivered")
    if status in AGAIN:
        return Outcome("again", AGAIN[status], detail, retry_after)
    if status >= 500:  # the server may have failed after it handled the request
        return Outcome("again", "server-error", detail, retry_after, unsure=True)
    reason = "redirected" if 300 <= status < 400 else "gone" if status == 410 else "refused"
    return Outcome("refused", reason, detail)


def outcome_without_answer(error: UnreachableError) -> Outcome:
    """Return the meaning of a missing answer. A refused address is final."""
    return Outcome("refused" if error.kind == "address" else "again", error.kind, str(error), unsure=error.unsure)


def _text(body: bytes, secrets: Iterable[str]) -> str:
    text = body.decode(errors="replace").strip()
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return f": {one_line(text)}" if text else ""
