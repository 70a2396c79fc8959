"""Mail of one notice or of several, as plain text (RFC 5322)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

import orjson

from schemas.notification import digest_id
from streams.alerts.chat import fitted_lines, head_of, lines_of
from streams.alerts.delivery_types import MessageItem
from streams.alerts.endpoint import Endpoint
from streams.alerts.escaping import mail_text
from streams.alerts.message import Context, Message, cut
from streams.alerts.smtp_client import MailServer
from streams.config.receivers import Email
from streams.config.secret import Secret

SUBJECT, TEXT = 200, 100_000  # characters


def mail_message(endpoint: Endpoint, items: Sequence[MessageItem], context: Context) -> Message:
    """Return a mail. All mails of one incident refer to the same id, so that a reader shows them together."""
    assert isinstance(endpoint.receiver, Email)
    domain = endpoint.receiver.sender.rpartition("@")[2]
    identity = items[0].id if len(items) == 1 else digest_id(context.receiver, [item.id for item in items])
    headers = {
        "From": endpoint.receiver.sender,
        "To": ", ".join(endpoint.receiver.to),
        "Subject": cut(mail_text(head_of(items)), SUBJECT),
        "Date": format_datetime(datetime.fromtimestamp(int(context.now), UTC)),
        "Message-ID": f"<{identity}@{domain}>",
        "Auto-Submitted": "auto-generated",
    }
    if len(items) == 1:
        headers["References"] = f"<{items[0].notice.subject}.{items[0].notice.id}@{domain}>"
    body = fitted_lines([mail_text(head_of(items)), "", *lines_of(items, context, mail_text)], TEXT)
    shown = {name: headers[name] for name in ("From", "To", "Subject")} | {"text": body}
    secret = {name: Secret(text) for name, text in headers.items()}
    return Message(endpoint.url, secret, Secret(body), orjson.dumps(shown).decode(), method="MAIL")


def email_of(message: Message) -> EmailMessage:
    """Return a message as it is sent: 7-bit or base64, with lines that no server cuts."""
    mail = EmailMessage()
    for name, value in message.headers.items():
        mail[name] = value.reveal()
    text = message.body.reveal() + "\n"
    mail.set_content(text, cte="7bit" if text.isascii() and max(map(len, text.split("\n"))) < 900 else "base64")
    return mail


def mail_server(endpoint: Endpoint) -> MailServer:
    """Return the server of a receiver, with the password."""
    receiver = endpoint.receiver
    assert isinstance(receiver, Email)
    return MailServer(receiver.host, receiver.real_port, receiver.tls, receiver.username, endpoint.token)
