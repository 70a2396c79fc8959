"""Requests to servers that fail, hang, redirect, close early or never end; and to where we must not go."""

from __future__ import annotations

import os
import socket
import threading
import time

import pytest

from streams.alerts.delivery_types import Job, MessageItem, Outcome
from streams.alerts.endpoint import load_endpoint
from streams.alerts.sender import HttpSender
from streams.config.alerts import Webhook
from streams.config.secret import Secret
from streams.config.types import Duration
from tests.streams.alerts.helpers import KEY, incident
from tests.streams.alerts.servers import Receiver, raw

JOB = Job([MessageItem("msg_" + "0" * 32, incident(), "opened", "confirmed", None)], [], [])


def send(url: str, *, allow: bool = True, timeout: float = 5.0) -> Outcome:
    """Send a notification there, as a webhook whose path is a secret."""
    receiver = Webhook(url=Secret(f"{url}/s3cr3t"), keys=(Secret(KEY),), allow_private=allow, timeout=Duration(timeout))
    return HttpSender(load_endpoint("noc", receiver), None)(JOB)


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
    """What is delivered, what is tried again, and what is final; a redirection is not followed."""
    headers = {"Location": "http://169.254.169.254/", "Retry-After": "7", "Content-Length": "2"}
    with Receiver(status, headers={} if status == 204 else headers, body=b"" if status == 204 else b"ok") as server:
        outcome = send(server.url)
        assert len(server.got) == 1
    assert (outcome.result, outcome.reason) == (result, reason)
    assert outcome.retry_after == (7.0 if result == "again" else None)


def test_what_a_server_answers_is_told_without_secrets() -> None:
    """An answer that repeats the address or a key does not bring them into a dead letter."""
    with Receiver(400, body=f"no such hook: {KEY} \x1b[31m".encode()) as server:
        outcome = send(server.url)
    assert outcome.detail == "HTTP 400: no such hook: *** \\x1b[31m"


@pytest.mark.parametrize(("path", "shown"), [("/services/T0", "***"), ("/hook?key=a", "***?***")])
def test_an_answer_that_repeats_only_a_part_of_the_address_is_told_without_it(path: str, shown: str) -> None:
    """Many servers say which path they do not know, and at a chat's hook the path is the secret."""
    with Receiver(404, body=f"Cannot POST {path}/s3cr3t".encode()) as server:
        outcome = send(f"{server.url}{path}")
    assert outcome.detail == f"HTTP 404: Cannot POST {shown}"


def test_hanging_up_early_is_tried_again() -> None:
    """Before any answer, in the middle of its status, or with no answer that is one: it may have arrived."""
    for answer in (b"", b"HTTP/1.1 2", b"not HTTP at all\r\n\r\n"):
        with raw(lambda connection, answer=answer: connection.sendall(answer)) as url:  # type: ignore[misc]
            outcome = send(url)
        assert (outcome.result, outcome.unsure) == ("again", True), answer


def test_an_answer_that_is_cut_off_after_its_status_counts() -> None:
    """The status came: it is delivered."""
    with raw(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab")) as url:
        assert send(url).result == "delivered"


def test_an_answer_without_end_is_not_read_to_it() -> None:
    """Four kilobytes are enough."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 500 Oops\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65_536)

    with raw(behave) as url:
        outcome = send(url)
    assert outcome.reason == "server-error"
    assert len(outcome.detail) < 300


def test_a_server_that_hangs_or_drips_is_left_in_time() -> None:
    """A byte now and then does not keep it alive: the time is for all of it."""
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 ")
        while not done.wait(0.02):
            connection.sendall(b"x")

    def hang(connection: socket.socket) -> None:
        done.wait()

    for behave in (drip, hang):
        with raw(behave) as url:
            outcome = send(url, timeout=0.2)
        assert (outcome.result, outcome.unsure) == ("again", True)
    done.set()


def test_nobody_there() -> None:
    """Refused connections are tried again, and surely did not arrive."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    outcome = send(f"http://127.0.0.1:{port}")
    assert (outcome.result, outcome.reason, outcome.unsure) == ("again", "network", False)
    assert "refused" in outcome.detail


def test_private_addresses_only_if_allowed() -> None:
    """The receiver says so for itself; without that nothing is connected to, and the reason is final."""
    with Receiver(200) as server:
        outcome = send(server.url, allow=False)
        assert server.got == []
    assert (outcome.result, outcome.reason) == ("refused", "address")


def test_the_address_that_was_checked_is_the_one_that_is_used() -> None:
    """A name is looked up once: what it leads to a moment later is not asked."""
    asked: list[str] = []

    def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with Receiver(200) as server:
        url = server.url.replace("127.0.0.1", "rebinding.invalid")
        receiver = Webhook(url=Secret(f"{url}/x"), keys=(Secret(KEY),), allow_private=True)
        assert HttpSender(load_endpoint("noc", receiver), None, time.time, lookup)(JOB).result == "delivered"
        assert server.got[0].headers["host"] == url.removeprefix("http://")
    assert asked == ["rebinding.invalid"]


def test_a_certificate_of_nobody_we_know_is_not_accepted() -> None:
    """What answers in the clear, or with a certificate of its own making, gets nothing."""
    with Receiver(200) as server:
        outcome = send(server.url.replace("http:", "https:"))
        assert server.got == []
    assert (outcome.result, outcome.unsure) == ("again", False)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would connect to addresses that we have not checked."""
    monkeypatch.setitem(os.environ, "http_proxy", "http://127.0.0.1:1")
    with Receiver(200) as server:
        assert send(server.url).result == "delivered"
