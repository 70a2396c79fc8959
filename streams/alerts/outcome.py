"""What an answer means: delivered, to be tried again, or refused for good."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.rejections import one_line
from streams.alerts.delivery_types import Outcome
from streams.http_client import Answer, UnreachableError

AGAIN = {408: "timeout", 425: "busy", 429: "busy"}


def outcome(answer: Answer, asked: float | None, secrets: Iterable[str]) -> Outcome:
    """Return what an answer means. `asked`: seconds to wait, as it says; `secrets` are kept out of its text."""
    status = answer.status
    detail = f"HTTP {status}{_text(answer.body, secrets)}"
    if 200 <= status < 300:
        return Outcome("delivered")
    if status in AGAIN:
        return Outcome("again", AGAIN[status], detail, asked)
    if status >= 500:  # it may have failed after it had done what it was asked
        return Outcome("again", "server-error", detail, asked, unsure=True)
    reason = "redirected" if 300 <= status < 400 else "gone" if status == 410 else "refused"
    return Outcome("refused", reason, detail)


def unreachable(error: UnreachableError) -> Outcome:
    """Return what it means that there was no answer; what must not be reached is not tried again."""
    return Outcome("refused" if error.kind == "address" else "again", error.kind, str(error), unsure=error.unsure)


def _text(body: bytes, secrets: Iterable[str]) -> str:
    text = body.decode(errors="replace").strip()
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return f": {one_line(text)}" if text else ""
