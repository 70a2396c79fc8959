"""The HTTP client of all rooms: one request to a checked address, within time and size limits.

It follows no redirect and uses no proxy, so a token or a secret URL reaches only the server it is meant for.
"""

from __future__ import annotations

import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from importlib.metadata import version
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from streams.address_policy import AddressRefusedError, Resolve, checked, resolve
from streams.config.secret import Secret

CONNECT = 5.0  # seconds for each address
MAX_ANSWER = 4096  # bytes of the body, unless a policy says otherwise
# A connection raises these when it breaks, or when another thread shuts it down during a read.
FAILURES = (HTTPError, HTTPException, OSError, ValueError, AttributeError)
AGENT = f"Ebbtide/{version('ebbtide')}"


class Connection(Protocol):
    """What has a socket while it is connected."""

    sock: Any


class RequestPolicy(NamedTuple):
    """The limits of a request.

    `timeout`: seconds for all of it. `idle`: seconds without a byte. `max_answer`: bytes of the body that are read.
    """

    timeout: float
    allow_private: bool
    tls: ssl.SSLContext | None
    idle: float = math.inf
    max_answer: int = MAX_ANSWER


class Answer(NamedTuple):
    """What a server answered. `cut_off`: why the body is incomplete, None when it is whole or reached `max_answer`."""

    status: int
    reason: str
    retry_after: str | None
    body: bytes
    cut_off: str | None = None


class UnreachableError(Exception):
    """The server did not answer.

    `kind`: `network`, `timeout` or `address`. `unsure`: the request may have arrived.
    """

    def __init__(self, kind: str, text: str, unsure: bool) -> None:
        super().__init__(text)
        self.kind, self.unsure = kind, unsure


def request(
    method: str,
    url: Secret,
    headers: Mapping[str, Secret],
    body: Secret | None,
    policy: RequestPolicy,
    resolve: Resolve = resolve,
) -> Answer:
    """Send a request and return the answer. Raises UnreachableError, whose text contains no part of the URL."""
    parts = urlsplit(url.reveal())
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {name: value.reveal() for name, value in headers.items()}
    sent |= {"Host": parts.netloc.rpartition("@")[2], "User-Agent": AGENT, "Connection": "close"}
    with _connection_to(url.reveal(), policy, resolve) as connection:
        return _exchange(connection, (method, target), sent, body, policy.max_answer)


def reach(url: str, policy: RequestPolicy, resolve: Resolve = resolve) -> None:
    """Connect to a server and hang up. Raises UnreachableError."""
    with _connection_to(url, policy, resolve):
        pass


@contextmanager
def _connection_to(url: str, policy: RequestPolicy, resolve: Resolve) -> Iterator[HTTPConnection]:
    """Yield a connection to the server of a URL, after its addresses were checked."""
    host, port, is_tls = _server_of(url)
    addresses = checked_addresses(host, port, policy, resolve)
    with _connected(addresses, port, host if is_tls else None, policy) as connection:
        yield connection


def checked_addresses(host: str, port: int, policy: RequestPolicy, resolve: Resolve) -> list[str]:
    """Return the addresses of a server that a request may go to. Raises UnreachableError."""
    try:
        return checked(host, port, policy.allow_private, resolve)
    except AddressRefusedError as error:
        raise UnreachableError("address", str(error), unsure=False) from None
    except (OSError, ValueError) as error:
        raise UnreachableError("network", f"the name has no address: {reason_of(error)}", unsure=False) from None


def _server_of(url: str) -> tuple[str, int, bool]:
    """Return host, port and whether it speaks TLS."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UnreachableError("address", "not an http or https URL", unsure=False)
    is_tls = parts.scheme == "https"
    return parts.hostname, parts.port or (443 if is_tls else 80), is_tls


def _exchange(
    connection: HTTPConnection, line: tuple[str, str], headers: dict[str, str], body: Secret | None, max_answer: int
) -> Answer:
    content = None if body is None else body.reveal().encode()
    try:
        connection.request(*line, body=content, headers=headers, preload_content=False, decode_content=False)
        answer = connection.getresponse()
    except FAILURES as error:
        kind = "timeout" if isinstance(error, TimeoutError | ReadTimeoutError) else "network"
        raise UnreachableError(kind, f"no answer: {reason_of(error)}", unsure=True) from None
    body_read, cut_off = _body_of(answer, max_answer)
    return Answer(answer.status, answer.reason or "", answer.headers.get("Retry-After"), body_read, cut_off)


def _body_of(answer: Any, max_answer: int) -> tuple[bytes, str | None]:  # noqa: ANN401
    """Return the start of an answer's body, and why it is incomplete. The status counts even without a body."""
    try:
        return bytes(answer.read(max_answer, decode_content=False)), None
    except FAILURES as error:
        return b"", reason_of(error)


@contextmanager
def _connected(
    addresses: list[str], port: int, tls_host: str | None, policy: RequestPolicy
) -> Iterator[HTTPConnection]:
    """Yield a connection to the first address that accepts one. It is shut down when the time is up."""
    deadline, last = time.monotonic() + policy.timeout, ""
    for address in addresses:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        connection = _connection(address, port, tls_host, min(CONNECT, left), policy)
        with shut_down_after(connection, left):
            try:
                connection.connect()
            except FAILURES as error:
                last = reason_of(error)
                connection.close()
                continue
            _set_timeout(connection, max(0.001, min(policy.idle, deadline - time.monotonic())))
            try:
                yield connection
            finally:
                connection.close()
            return
    raise UnreachableError("network" if last else "timeout", f"cannot connect: {last or 'no time left'}", unsure=False)


def _connection(address: str, port: int, tls_host: str | None, timeout: float, policy: RequestPolicy) -> HTTPConnection:
    """Return a connection to exactly this address. TLS checks the certificate against the host's name."""
    if tls_host is None:
        return HTTPConnection(address, port, timeout=timeout)
    context = policy.tls or ssl.create_default_context()
    return HTTPSConnection(address, port, timeout=timeout, ssl_context=context, server_hostname=tls_host)


def _set_timeout(connection: HTTPConnection, seconds: float) -> None:
    connection.timeout = seconds
    if connection.sock is not None:
        connection.sock.settimeout(seconds)


@contextmanager
def shut_down_after(connection: Connection, seconds: float) -> Iterator[None]:
    """In `with`: shut the connection down when the time is up. A socket's timeout starts again with each byte."""

    def shut_down() -> None:
        if connection.sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut_down)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def reason_of(error: Exception) -> str:
    """Return what went wrong without the URL, which may be a secret."""
    if isinstance(error, NewConnectionError):
        return reason_of(error.__cause__) if isinstance(error.__cause__, Exception) else "refused"
    if isinstance(error, ConnectTimeoutError | TimeoutError | ReadTimeoutError):
        return "timed out"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {(error.reason or 'cut off').replace('_', ' ').lower()}"
    inner = error.args[-1] if error.args else None
    if isinstance(error, HTTPError) and isinstance(inner, Exception):
        return reason_of(inner)
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def seconds_asked(text: str | None, clock: Callable[[], float]) -> float | None:
    """Return the seconds that a Retry-After header asks for, given as a number or a date; None for any other text."""
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
