"""Makes the records of the log: no traceback of what one line explains, and no secret whatever a library logs."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from aiohttp.http_exceptions import HttpProcessingError

from streams.config.errors import EbbtideError
from streams.config.secret import Secret

Make = Callable[..., logging.LogRecord]


def without_trace(make: Make) -> Make:
    """Return a log record factory that drops the traceback of our own errors, and of requests that are not HTTP."""

    def record(*arguments: Any, **more: Any) -> logging.LogRecord:  # noqa: ANN401
        made = make(*arguments, **more)
        if made.exc_info and isinstance(made.exc_info[1], EbbtideError | HttpProcessingError):
            made.exc_info = None
        return made

    return record


def without_secrets(make: Make, secrets: Iterable[Secret | None]) -> Make:
    """Return a log record factory that writes `***` for each secret, be it text, bytes or base 64."""
    forms = sorted({form for secret in secrets if secret for form in _forms(secret.reveal())}, key=len, reverse=True)

    def record(*arguments: Any, **more: Any) -> logging.LogRecord:  # noqa: ANN401
        made = make(*arguments, **more)
        with suppress(TypeError, ValueError):  # arguments that do not fit the message: logging itself says so
            text = made.getMessage()
            if any(form in text for form in forms):
                made.msg, made.args = _masked(text, forms), ()
        if made.exc_info:
            made.exc_text = _masked(logging.Formatter().formatException(made.exc_info), forms)
        return made

    return record


def _masked(text: str, forms: Iterable[str]) -> str:
    for form in forms:
        text = text.replace(form, "***")
    return text


def _forms(secret: str) -> Iterable[str]:
    encoded = secret.encode()
    return secret, repr(secret)[1:-1], repr(encoded)[2:-1], base64.b64encode(encoded).decode()
