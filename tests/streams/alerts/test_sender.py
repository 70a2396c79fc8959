"""Requests to servers that fail, hang, redirect, close early or never end, and to private addresses."""

from __future__ import annotations

import os
import socket
import threading
import time

import pytest

from streams.alerts.delivery_types import Job, MessageItem, Outcome
from streams.alerts.endpoint import load_endpoint
from streams.alerts.sender import MessageSender
from streams.config.receivers import Webhook
from streams.config.secret import Secret
from streams.config.types import Duration
from tests.streams.alerts.helpers import KEY, incident
from tests.streams.alerts.servers import Receiver, raw

JOB = Job([MessageItem("msg_" + "0" * 32, incident(), "opened", "confirmed", None)], [], [])


def send(url: str, *, allow: bool = True, timeout: float = 5.0) -> Outcome:
    """Send a notification to a webhook whose path is a secret."""
    receiver = Webhook(url=Secret(f"{url}/s3cr3t"), keys=(Secret(KEY),), allow_private=allow, timeout=Duration(timeout))
    return MessageSender(load_endpoint("noc", receiver), None)(JOB)


@pytest.mark.parametrize(
    ("status", "result", "reason"),
    [
        (200, "delivered", ""),
        (204, "delivered", ""),
        (302, "refused", "redirected"),
        (400, "refused", "refused"),
        (404, "refused", "refused"),
        (408, "again", "timeout"),
        (410, "refused", "gone"),
        (429, "again", "busy"),
        (500, "again", "server-error"),
        (503, "again", "server-error"),
    ],
)
def test_statuses(status: int, result: str, reason: str) -> None:
    """A status means delivered, retry or refused. A redirect is not followed."""
    headers = {"Location": "http://169.254.169.254/", "Retry-After": "7", "Content-Length": "2"}
    with Receiver(status, headers={} if status == 204 else headers, body=b"" if status == 204 else b"ok") as server:
        outcome = send(server.url)
        assert len(server.got) == 1
    assert (outcome.result, outcome.reason) == (result, reason)
    assert outcome.retry_after == (7.0 if result == "again" else None)


def test_the_detail_of_an_answer_contains_no_secret() -> None:
    """An answer that repeats the URL or a key does not put them into a dead letter."""
    with Receiver(400, body=f"no such hook: {KEY} \x1b[31m".encode()) as server:
        outcome = send(server.url)
    assert outcome.detail == "HTTP 400: no such hook: *** \\x1b[31m"


@pytest.mark.parametrize(("path", "shown"), [("/services/T0", "***"), ("/hook?key=a", "***?***")])
def test_the_detail_contains_no_part_of_the_url(path: str, shown: str) -> None:
    """Many servers repeat an unknown path, and the path of a chat's webhook is a secret."""
    with Receiver(404, body=f"Cannot POST {path}/s3cr3t".encode()) as server:
        outcome = send(f"{server.url}{path}")
    assert outcome.detail == f"HTTP 404: Cannot POST {shown}"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 2", b"not HTTP at all\r\n\r\n"])
def test_an_answer_without_status_is_retried(answer: bytes) -> None:
    """The server hung up before the status, or sent something else. The message may have arrived."""
    with raw(lambda connection: connection.sendall(answer)) as url:
        outcome = send(url)
    assert (outcome.result, outcome.unsure) == ("again", True)


def test_an_answer_that_is_cut_off_after_its_status_counts() -> None:
    """The status says that the message was delivered."""
    with raw(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab")) as url:
        assert send(url).result == "delivered"


def test_an_endless_answer_is_cut() -> None:
    """The client reads four kilobytes."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 500 Oops\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65_536)

    with raw(behave) as url:
        outcome = send(url)
    assert outcome.reason == "server-error"
    assert len(outcome.detail) < 300


@pytest.mark.parametrize(("start", "pause"), [(b"HTTP/1.1 ", 0.02), (b"", 60.0)], ids=["drips", "hangs"])
def test_a_server_that_hangs_or_drips_is_left_in_time(start: bytes, pause: float) -> None:
    """The timeout is for the whole request, so a byte now and then does not extend it."""
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(start)
        while not done.wait(pause):
            connection.sendall(b"x")

    with raw(drip) as url:
        outcome = send(url, timeout=0.2)
    done.set()
    assert (outcome.result, outcome.unsure) == ("again", True)


def test_a_refused_connection_is_retried() -> None:
    """The message surely did not arrive."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    outcome = send(f"http://127.0.0.1:{port}")
    assert (outcome.result, outcome.reason, outcome.unsure) == ("again", "network", False)
    assert "refused" in outcome.detail


def test_a_private_address_must_be_allowed() -> None:
    """Without `allow_private` the client does not connect, and the outcome is final."""
    with Receiver(200) as server:
        outcome = send(server.url, allow=False)
        assert server.got == []
    assert (outcome.result, outcome.reason) == ("refused", "address")


def test_the_client_connects_to_the_checked_address() -> None:
    """A name is resolved once, so it cannot lead to another address after the check."""
    asked: list[str] = []

    def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with Receiver(200) as server:
        url = server.url.replace("127.0.0.1", "rebinding.invalid")
        receiver = Webhook(url=Secret(f"{url}/x"), keys=(Secret(KEY),), allow_private=True)
        assert MessageSender(load_endpoint("noc", receiver), None, time.time, lookup)(JOB).result == "delivered"
        assert server.got[0].headers["host"] == url.removeprefix("http://")
    assert asked == ["rebinding.invalid"]


def test_a_server_without_valid_certificate_gets_nothing() -> None:
    """An https URL of a server without TLS fails before the message is sent."""
    with Receiver(200) as server:
        outcome = send(server.url.replace("http:", "https:"))
        assert server.got == []
    assert (outcome.result, outcome.unsure) == ("again", False)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would connect to addresses that were not checked."""
    monkeypatch.setitem(os.environ, "http_proxy", "http://127.0.0.1:1")
    with Receiver(200) as server:
        assert send(server.url).result == "delivered"
