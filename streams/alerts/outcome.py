"""The meaning of an answer: delivered, to be tried again, or refused for good."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from schemas.rejections import one_line
from streams.alerts.delivery_types import Outcome
from streams.http_client import Answer, UnreachableError, seconds_asked

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


def outcome_of_mail(code: int, detail: str, secrets: Iterable[str]) -> Outcome:
    """Return the meaning of a code with which a mail server refuses: for now from 400, for good from 500."""
    is_temporary = 400 <= code < 500
    return Outcome(
        "again" if is_temporary else "refused", "busy" if is_temporary else "refused", masked(detail, secrets)
    )


def retry_asked(answer: Answer, clock: Callable[[], float]) -> float | None:
    """Return the seconds that an answer asks to wait: its Retry-After, or what is in the body of Telegram or Matrix."""
    seconds = seconds_asked(answer.retry_after, clock)
    if seconds is not None or answer.status != 429:
        return seconds
    try:
        body = msgspec.json.decode(answer.body, type=_Busy)
    except msgspec.MsgspecError:
        return None
    return body.retry_after_ms / 1000 if body.parameters is None else body.parameters.retry_after


class _Parameters(msgspec.Struct):
    retry_after: float


class _Busy(msgspec.Struct):
    parameters: _Parameters | None = None  # of Telegram, in seconds
    retry_after_ms: float = 0  # of Matrix


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return a text as one line in which secrets are `***`."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return one_line(text)


def _text(body: bytes, secrets: Iterable[str]) -> str:
    text = body.decode(errors="replace").strip()
    return f": {masked(text, secrets)}" if text else ""
