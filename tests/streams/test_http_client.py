"""The parts of the HTTP client that no receiver shows: Retry-After, limits of the answer, URLs it cannot use.

`tests/streams/alerts/test_sender.py` tests the rest, against servers that misbehave.
"""

from __future__ import annotations

import socket
import threading

import pytest

from streams.config.secret import Secret
from streams.http_client import RequestPolicy, UnreachableError, request, seconds_asked
from tests.streams.alerts.servers import raw

POLICY = RequestPolicy(5.0, allow_private=True, tls=None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120.0), (" 0 ", 0.0), ("Wed, 25 Nov 2026 10:02:00 GMT", 120.0), ("Wed, 25 Nov 2026 09:00:00 GMT", 0.0)]
    + [(text, None) for text in (None, "", "soon", "-1", "1.5", "²")],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    """Retry-After is a number of seconds or a date; any other text is ignored."""
    assert seconds_asked(text, lambda: 1_795_600_800.0) == seconds


@pytest.mark.parametrize("url", ["127.0.0.1:6066", "file:///etc/passwd", "http://", "ftp://127.0.0.1/"])
def test_only_http_urls(url: str) -> None:
    """A URL of another scheme, or without a host, is refused before any connection."""
    with pytest.raises(UnreachableError, match="not an http or https URL"):
        request("GET", Secret(url), {}, None, POLICY)


def test_the_policy_limits_the_answer() -> None:
    """The client reads `max_answer` bytes of the body and no more."""
    with raw(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789")) as url:
        answer = request("GET", Secret(url), {}, None, POLICY._replace(max_answer=4))
    assert (answer.status, answer.reason, answer.body, answer.cut_off) == (200, "OK", b"0123", None)


def test_an_idle_server_is_left_before_the_timeout() -> None:
    """A body that stops is cut off after `idle` seconds, long before the timeout; the status is there."""
    done = threading.Event()

    def stop_after_the_head(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")
        done.wait()

    with raw(stop_after_the_head) as url:
        answer = request("GET", Secret(url), {}, None, POLICY._replace(timeout=60.0, idle=0.1))
    done.set()
    assert (answer.status, answer.cut_off) == (200, "timed out")
