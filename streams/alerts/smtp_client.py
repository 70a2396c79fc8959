"""The SMTP client: one mail to a checked address, over TLS where asked, within a time limit (RFC 5321)."""

from __future__ import annotations

import math
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from typing import Literal, NamedTuple

from streams.address_policy import Resolve
from streams.config.secret import Secret
from streams.http_client import CONNECT, RequestPolicy, UnreachableError, checked_addresses, reason_of, shut_down_after

TEMPORARY, PERMANENT = 400, 500  # the least codes of answers that refuse for now, and for good


class MailServer(NamedTuple):
    """A server, how it speaks TLS, and who logs in there."""

    host: str
    port: int
    tls: Literal["starttls", "implicit", "none"]
    username: str | None = None
    password: Secret | None = None


class RefusedMailError(Exception):
    """The server refused a mail. `code`: of its answer, 0 when it lacks what the settings ask for."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def send_mail(
    server: MailServer, mail: EmailMessage, sender: str, to: Sequence[str], policy: RequestPolicy, resolve: Resolve
) -> list[str]:
    """Send a mail, and return a line on each recipient that is refused for good while others are not.

    A mail goes to all or, when one is refused for now, to nobody yet, so that nobody gets it twice.
    Raises UnreachableError and RefusedMailError.
    """
    with _session(server, policy, resolve) as session:
        refused = _addressed(session, sender, to)
        _demand(session.data(mail.as_bytes(policy=mail.policy.clone(linesep="\r\n"))), "the mail")
    return refused


def reach_mail(server: MailServer, policy: RequestPolicy, resolve: Resolve) -> None:
    """Connect, log in and hang up. Raises UnreachableError and RefusedMailError."""
    with _session(server, policy, resolve):
        pass


def _addressed(session: smtplib.SMTP, sender: str, to: Sequence[str]) -> list[str]:
    """Name the sender and the recipients; return a line on each that is refused for good. Raises RefusedMailError."""
    _demand(session.mail(sender), "the sender")
    refused = []
    for recipient in to:
        answer = session.rcpt(recipient)
        if TEMPORARY <= answer[0] < PERMANENT:
            _demand(answer, f"recipient {recipient}")
        elif answer[0] >= PERMANENT:
            refused.append(f"recipient {recipient}: {_shown(answer)}")
    if len(refused) == len(to):
        raise RefusedMailError(PERMANENT, refused[0])
    return refused


class _CheckedSmtp(smtplib.SMTP):
    """An SMTP client that connects to checked addresses only, and resolves no name itself."""

    def __init__(self, server: MailServer, addresses: Sequence[str], policy: RequestPolicy) -> None:
        self._server, self._addresses, self._tls = server, addresses, policy.tls or ssl.create_default_context()
        super().__init__(server.host, server.port, local_hostname=socket.gethostname(), timeout=policy.timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Return a connection to the first address that accepts one, over TLS where the server begins with it."""
        deadline, last = time.monotonic() + timeout, OSError("no time left")
        for address in self._addresses:
            try:
                return self._secured(_connected(address, port, deadline), host)
            except OSError as error:
                last = error
        raise last

    def _secured(self, plain: socket.socket, host: str) -> socket.socket:
        return self._tls.wrap_socket(plain, server_hostname=host) if self._server.tls == "implicit" else plain


def _connected(address: str, port: int, deadline: float) -> socket.socket:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    made = socket.create_connection((address, port), timeout=min(CONNECT, left))
    made.settimeout(left)
    return made


@contextmanager
def _session(server: MailServer, policy: RequestPolicy, resolve: Resolve) -> Iterator[smtplib.SMTP]:
    """Yield a client that has said hello, speaks TLS and is logged in. It is shut down when the time is up."""
    addresses = checked_addresses(server.host, server.port, policy, resolve)
    started = time.monotonic()
    try:
        session = _CheckedSmtp(server, addresses, policy)
    except (OSError, smtplib.SMTPException) as error:
        raise _failure(error, "cannot connect", is_sent=False) from None
    left = policy.timeout - (time.monotonic() - started) if policy.timeout < math.inf else policy.timeout
    is_ready = False
    try:
        with shut_down_after(session, max(0.001, left)):
            _greet(session, server, policy)
            is_ready = True
            yield session
            with suppress(OSError, smtplib.SMTPException):
                session.quit()
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise _failure(error, "no answer", is_sent=is_ready) from None
    finally:
        session.close()


def _greet(session: smtplib.SMTP, server: MailServer, policy: RequestPolicy) -> None:
    """Say hello, begin TLS and log in. Raises RefusedMailError when the server cannot do that."""
    session.ehlo_or_helo_if_needed()
    if server.tls == "starttls":
        if not session.has_extn("starttls"):
            raise RefusedMailError(0, "the server has no STARTTLS; `tls` may be `implicit` or `none`")
        session.starttls(context=policy.tls or ssl.create_default_context())
        session.ehlo()
    if server.username is not None and server.password is not None:
        if not session.has_extn("auth"):
            raise RefusedMailError(0, "the server takes no user name and password")
        session.login(server.username, server.password.reveal())


def _failure(error: Exception, doing: str, is_sent: bool) -> Exception:
    """Return what an error of the library means, without anything that the mail holds."""
    if isinstance(error, smtplib.SMTPResponseException):
        return RefusedMailError(error.smtp_code, _shown((error.smtp_code, error.smtp_error)))
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return UnreachableError("network", f"{doing}: the server hung up", unsure=is_sent)
    if isinstance(error, smtplib.SMTPException):
        return RefusedMailError(0, type(error).__name__)
    kind = "timeout" if isinstance(error, TimeoutError) else "network"
    return UnreachableError(kind, f"{doing}: {reason_of(error)}", unsure=is_sent)


def _demand(answer: tuple[int, bytes | str], subject: str) -> None:
    """Raise RefusedMailError unless an answer accepts."""
    if answer[0] >= TEMPORARY or answer[0] < 0:
        raise RefusedMailError(answer[0], f"{subject}: {_shown(answer)}")


def _shown(answer: tuple[int, bytes | str]) -> str:
    text = answer[1].decode(errors="replace") if isinstance(answer[1], bytes) else answer[1]
    return f"SMTP {answer[0]}: {text}"
