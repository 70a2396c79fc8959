"""One POST: to an address that was checked, within a time, without redirection, and with little of the answer read."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from importlib.metadata import version
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from streams.alerts.address_policy import AddressRefusedError, Resolve, checked, resolve
from streams.alerts.message import Message

CONNECT = 5.0  # seconds for each address
MAX_ANSWER = 4096  # bytes that are read
# What may come of a connection that breaks, or that is cut under the hands of whoever reads it.
FAILURES = (HTTPError, HTTPException, OSError, ValueError, AttributeError)
AGENT = f"Ebbtide/{version('ebbtide')}"


class Policy(NamedTuple):
    """How a receiver may be reached: `timeout` is in seconds for all of it."""

    timeout: float
    allow_private: bool
    tls: ssl.SSLContext | None


class Answer(NamedTuple):
    """What came back."""

    status: int
    retry_after: str | None
    body: bytes


class UnreachableError(Exception):
    """No answer. `kind`: `network`, `timeout` or `address`; `unsure`: the request may have arrived."""

    def __init__(self, kind: str, text: str, unsure: bool) -> None:
        super().__init__(text)
        self.kind, self.unsure = kind, unsure


def post(message: Message, policy: Policy, resolve: Resolve = resolve) -> Answer:
    """Send a message and return the answer. Raises UnreachableError, whose text has nothing of the address in it."""
    url = message.url.reveal()
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {name: value.reveal() for name, value in message.headers.items()}
    headers |= {"Host": parts.netloc, "User-Agent": AGENT, "Connection": "close"}
    with _way_to(url, policy, resolve) as connection:
        return _exchange(connection, target, headers, message.body.reveal().encode())


@contextmanager
def _way_to(url: str, policy: Policy, resolve: Resolve) -> Iterator[HTTPConnection]:
    """Yield a connection to where an address leads, once that was checked."""
    parts = urlsplit(url)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    try:
        addresses = checked(host, port, policy.allow_private, resolve)
    except AddressRefusedError as error:
        raise UnreachableError("address", str(error), unsure=False) from None
    except (OSError, ValueError) as error:
        raise UnreachableError("network", f"the name has no address: {_reason(error)}", unsure=False) from None
    with _connected(addresses, port, host if is_tls else None, policy) as connection:
        yield connection


def reach(url: str, policy: Policy, resolve: Resolve = resolve) -> None:
    """Connect and hang up, to see whether somebody is there. Raises UnreachableError."""
    with _way_to(url, policy, resolve):
        pass


def _exchange(connection: HTTPConnection, target: str, headers: dict[str, str], body: bytes) -> Answer:
    try:
        connection.request("POST", target, body=body, headers=headers, preload_content=False, decode_content=False)
        answer = connection.getresponse()
    except FAILURES as error:
        kind = "timeout" if isinstance(error, TimeoutError | ReadTimeoutError) else "network"
        raise UnreachableError(kind, f"no answer: {_reason(error)}", unsure=True) from None
    return Answer(answer.status, answer.headers.get("Retry-After"), _start_of(answer))


def _start_of(answer: Any) -> bytes:  # noqa: ANN401
    """Return the first bytes of an answer's body; the status counts, whatever becomes of the rest."""
    try:
        return bytes(answer.read(MAX_ANSWER, decode_content=False))
    except FAILURES:
        return b""


@contextmanager
def _connected(addresses: list[str], port: int, tls_host: str | None, policy: Policy) -> Iterator[HTTPConnection]:
    """Yield a connection to the first address that takes one, which is cut when time is up."""
    deadline, last = time.monotonic() + policy.timeout, ""
    for address in addresses:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        connection = _connection(address, port, tls_host, min(CONNECT, left), policy)
        with _cut_after(connection, left):
            try:
                connection.connect()
            except FAILURES as error:
                last = _reason(error)
                connection.close()
                continue
            _set_timeout(connection, max(0.001, deadline - time.monotonic()))
            try:
                yield connection
            finally:
                connection.close()
            return
    raise UnreachableError("network" if last else "timeout", f"cannot connect: {last or 'no time left'}", unsure=False)


def _connection(address: str, port: int, tls_host: str | None, wait: float, policy: Policy) -> HTTPConnection:
    """Return a connection to an address and no other; its certificate is checked for the name."""
    if tls_host is None:
        return HTTPConnection(address, port, timeout=wait)
    context = policy.tls or ssl.create_default_context()
    return HTTPSConnection(address, port, timeout=wait, ssl_context=context, server_hostname=tls_host)


def _set_timeout(connection: HTTPConnection, seconds: float) -> None:
    connection.timeout = seconds
    if connection.sock is not None:
        connection.sock.settimeout(seconds)


@contextmanager
def _cut_after(connection: HTTPConnection, seconds: float) -> Iterator[None]:
    """In `with`: shut the connection when time is up, since a byte now and then would keep any other timeout off."""

    def cut() -> None:
        if connection.sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _reason(error: Exception) -> str:
    """Return what went wrong without the address, which may be a secret."""
    if isinstance(error, NewConnectionError):
        return _reason(error.__cause__) if isinstance(error.__cause__, Exception) else "refused"
    if isinstance(error, ConnectTimeoutError | TimeoutError | ReadTimeoutError):
        return "timed out"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {(error.reason or 'cut off').replace('_', ' ').lower()}"
    inner = error.args[-1] if error.args else None
    if isinstance(error, HTTPError) and isinstance(inner, Exception):
        return _reason(inner)
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def seconds_asked(text: str | None, clock: Callable[[], float]) -> float | None:
    """Return for how many seconds a Retry-After asks, as a number or a date; None for anything else."""
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return float(text.strip()[:10])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - clock())
