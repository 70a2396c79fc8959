"""What the records of a worker's log hold."""

from __future__ import annotations

import base64
import logging

import pytest
from aiohttp.http_exceptions import LineTooLong

from streams.config.errors import SettingsError
from streams.config.secret import Secret
from streams.worker.log_records import without_secrets, without_trace

PASSWORD = "h1dden-'word%s{0}"


@pytest.mark.parametrize(
    ("error", "has_trace"),
    [(SettingsError("x"), False), (LineTooLong(b"GET /aaa", 8190), False), (KeyError("x"), True)],
)
def test_only_what_nobody_expects_has_a_traceback_in_the_log(error: Exception, has_trace: bool) -> None:
    """Anybody who reaches the port can send nonsense, and need not fill the log with it."""
    make = without_trace(logging.LogRecord)
    made = make("aiohttp.server", logging.ERROR, "x.py", 1, "Error", (), (type(error), error, None))
    assert (made.exc_info is not None) == has_trace


@pytest.mark.parametrize(
    "form", [PASSWORD, PASSWORD.encode(), base64.b64encode(f"{PASSWORD}".encode()).decode(), {"login": PASSWORD}]
)
def test_a_secret_in_a_message_is_masked(form: object) -> None:
    """Whatever a library logs at whatever level: a password is nowhere in the message or its arguments."""
    make = without_secrets(logging.LogRecord, [None, Secret(PASSWORD)])
    made = make("kafka", logging.DEBUG, "x.py", 1, "request %s", (form,), None)
    assert made.getMessage().startswith("request ") and "***" in made.getMessage() and made.args == ()
    assert "word" not in made.getMessage()


def test_a_secret_in_a_traceback_is_masked() -> None:
    """An error of a library may quote what it sent."""
    make = without_secrets(logging.LogRecord, [Secret(PASSWORD)])
    try:
        raise ValueError(f"refused: {PASSWORD}")
    except ValueError as error:
        made = make("kafka", logging.ERROR, "x.py", 1, "failed", (), (type(error), error, error.__traceback__))
    text = logging.Formatter().format(made)
    assert "ValueError: refused: ***" in text and "word" not in text


def test_other_messages_stay_as_they_are() -> None:
    """A message without a secret keeps its arguments; so does any message where no secret is set."""
    for secrets in ([Secret(PASSWORD)], [None]):
        made = without_secrets(logging.LogRecord, secrets)(
            "x", logging.INFO, "x.py", 1, "read %d of %s", (1, "y"), None
        )
        assert (made.getMessage(), made.args) == ("read 1 of y", (1, "y"))


def test_arguments_that_do_not_fit_are_left_to_logging() -> None:
    """A library's own mistake raises nothing where it logs."""
    make = without_secrets(logging.LogRecord, [Secret(PASSWORD)])
    assert make("x", logging.INFO, "x.py", 1, "%d", ("y",), None).args == ("y",)
