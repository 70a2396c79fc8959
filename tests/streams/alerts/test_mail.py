"""Mail to a local SMTP server: TLS, passwords, refusals, recipients, and what a mail holds."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from streams.alerts.delivery_types import Job, Outcome
from streams.alerts.endpoint import load_endpoint
from streams.alerts.sender import MessageSender, fault_of
from streams.config.receivers import Email
from streams.config.secret import Secret
from streams.config.types import Duration
from tests.secure_kafka import Authority
from tests.streams.alerts.helpers import incident
from tests.streams.alerts.mail_server import PASSWORD, MailServer
from tests.streams.alerts.test_payloads import ENDED, item

FIRST, SECOND = "noc@noc.example", "duty@noc.example"
LINK = "https://grafana.example/d/x?id={id}"


def receiver(server: MailServer, **fields: Any) -> Email:  # noqa: ANN401
    """Return a receiver that mails to a server."""
    defaults: dict[str, Any] = {"tls": server.tls, "allow_private": True, "timeout": Duration(5)} | fields
    return Email(host="127.0.0.1", port=server.port, sender="ebbtide@noc.example", to=(FIRST, SECOND), **defaults)


def send(server: MailServer, *notices: Any, **fields: Any) -> Outcome:  # noqa: ANN401
    """Send a mail of notices, by default of one incident."""
    items = [item(notice, "ended" if notice.is_end else "opened") for notice in notices or (incident(),)]
    return MessageSender(load_endpoint("mail", receiver(server, **fields)), LINK, lambda: 1e9)(Job(items, [], []))


def read(mail: bytes) -> EmailMessage:
    """Return a mail as a reader sees it."""
    made = email.message_from_bytes(mail, policy=email.policy.default)
    assert isinstance(made, EmailMessage)
    assert made.defects == []
    return made


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority."""
    return Authority(tmp_path_factory.mktemp("mail"), "mail-ca")


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_mail_over_tls_with_a_password(tls: Any, authority: Authority) -> None:  # noqa: ANN401
    """The password comes after TLS, the certificate is checked, and all recipients get one mail."""
    with MailServer(tls, authority.issue(f"server-{tls}", "127.0.0.1")) as server:
        login = {"username": "ebbtide", "password": Secret(PASSWORD)}
        assert send(server, ca_file=str(authority.file), **login) == Outcome("delivered")
        assert fault_of(load_endpoint("mail", receiver(server, ca_file=str(authority.file), **login))) is None
        untrusted = send(server, **login)
        wrong = send(server, ca_file=str(authority.file), username="ebbtide", password=Secret("wr0ng-w0rd"))
    ((sender, to, _),) = server.mails
    assert (sender, to) == ("ebbtide@noc.example", [FIRST, SECOND])
    assert (untrusted.result, "certificate is not accepted" in untrusted.detail) == ("again", True)
    assert (wrong.result, wrong.detail) == ("refused", "SMTP 535: no: ***")


def test_no_mail_and_no_password_without_tls() -> None:
    """A server that offers no STARTTLS gets neither, whoever stands between."""
    with MailServer("none") as server:
        outcome = send(server, tls="starttls", username="ebbtide", password=Secret(PASSWORD))
    assert (outcome.result, server.mails, "AUTH" in server.log) == ("refused", [], False)
    assert "the server has no STARTTLS" in outcome.detail


def test_what_a_mail_says() -> None:
    """Subject, text and link; all mails of an incident are one thread; a digest has a line for each."""
    with MailServer() as server:
        for notices in ((incident(),), (ENDED,), (incident(), ENDED)):
            assert send(server, *notices).result == "delivered"
    opened, ended, digest = (read(mail) for _, _, mail in server.mails)
    assert opened["Subject"] == "🔴 IR: major, spreading" or opened["Subject"].startswith("🔴 IR: major")
    text = opened.get_content()
    assert incident().headline in text
    assert f"https://grafana.example/d/x?id={incident().id}" in text
    assert opened["Date"] == "Sun, 09 Sep 2001 01:46:40 +0000"
    assert opened["References"] == ended["References"] is not None
    assert opened["Message-ID"] != ended["Message-ID"]
    assert opened["Auto-Submitted"] == "auto-generated"
    assert digest["Subject"] == "2 notifications at once"
    assert len(digest.get_content().strip().split("\n")) == 4


def test_a_name_is_neither_a_header_nor_the_end_of_the_mail() -> None:
    """Line ends in a name are text, and so is a dot."""
    name = "x\r\nBcc: evil@evil.example\r\n\r\n.\r\nMAIL FROM:<evil@evil.example>\r\n."
    with MailServer() as server:
        assert send(server, incident(headline=name, feeds=[name], scope={"countries": [], "regions": [], "asns": []}))
    ((_, to, mail),) = server.mails
    assert to == [FIRST, SECOND]
    assert read(mail)["Bcc"] is None
    assert "evil@evil.example" in read(mail).get_content()


@pytest.mark.parametrize(
    ("answers", "result", "reason", "unsure"),
    [
        ({"MAIL": "451 later"}, "again", "busy", False),
        ({"MAIL": "550 no"}, "refused", "refused", False),
        ({"DATA": "452 full"}, "again", "busy", False),
        ({"DATA": "554 spam"}, "refused", "refused", False),
        ({"DATA": ""}, "again", "network", True),
        ({"EHLO": "421 busy", "HELO": "421 busy"}, "again", "busy", False),
        ({FIRST: "450 greylisted"}, "again", "busy", False),
        ({FIRST: "550 nobody", SECOND: "550 nobody"}, "refused", "refused", False),
    ],
)
def test_refusals(answers: dict[str, str], result: str, reason: str, unsure: bool) -> None:
    """Codes from 400 are for now, from 500 for good. A lost connection may have been too late."""
    with MailServer(answers=answers) as server:
        outcome = send(server)
    assert (outcome.result, outcome.reason, outcome.unsure) == (result, reason, unsure)
    assert server.mails == []


def test_a_recipient_that_is_refused_is_named_and_the_others_get_the_mail() -> None:
    """A person who left must not keep the mail from those who are there, nor leave in silence."""
    with MailServer(answers={FIRST: "550 nobody here"}) as server:
        outcome = send(server)
    assert (outcome.result, outcome.detail) == ("delivered", f"recipient {FIRST}: SMTP 550: nobody here")
    assert [to for _, to, _ in server.mails] == [[SECOND]]


def test_a_private_address_must_be_allowed() -> None:
    """Mail has the address policy of all receivers."""
    with MailServer() as server:
        outcome = send(server, allow_private=False)
    assert (outcome.result, outcome.reason, server.log) == ("refused", "address", [])


def test_a_server_that_hangs_is_left_in_time() -> None:
    """The timeout is for all of it, and nothing was sent."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = MailServer()
        server.port = silent.getsockname()[1]
        outcome = send(server, timeout=Duration(0.2))
    assert (outcome.result, outcome.unsure) == ("again", False)


def test_an_address_from_a_file(tmp_path: Path) -> None:
    """A password comes from a file, too, and is not shown."""
    (tmp_path / "p").write_text(PASSWORD + "\n")
    server = MailServer()
    server.port = 25
    made = load_endpoint("m", receiver(server, tls="implicit", username="u", password_file=str(tmp_path / "p")))
    assert made.token is not None
    assert made.token.reveal() == PASSWORD
    assert PASSWORD not in repr(made)
