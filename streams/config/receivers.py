"""Receivers of alerts: one type for each kind, with the keys of its table in the settings."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from streams.config.secret import Secret
from streams.config.types import Duration, Natural, Section, check_secrets

PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
OPSGENIE = "https://api.opsgenie.com"
NTFY = "https://ntfy.sh"
TELEGRAM = "https://api.telegram.org"
OWN_HEADERS = (
    "host", "content-length", "transfer-encoding", "connection", "user-agent",
    "webhook-id", "webhook-timestamp", "webhook-signature",
)  # fmt: skip
MAX_TEMPLATE = 65_536  # characters
Template: TypeAlias = Annotated[str, Meta(max_length=MAX_TEMPLATE)]
HeaderName: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z")]
Mailbox: TypeAlias = Annotated[str, Meta(pattern=r"^[!-~]+@[!-~]+\Z", max_length=254)]
Line: TypeAlias = Annotated[str, Meta(min_length=1, max_length=255)]


class Receiver(Section, tag_field="type", frozen=True, kw_only=True):
    """The settings of all kinds of receivers.

    Only `ebbtide alerts` checks that no secret is missing (`load_endpoint`), since other programs need none of them.
    """

    #: The keys that are secrets: each may come from a file, by its name with `_file` behind it.
    secret_keys: ClassVar[tuple[str, ...]] = ()
    #: The key whose secret goes into each message, and whether it may be missing.
    token_key: ClassVar[str] = ""
    token_is_optional: ClassVar[bool] = False
    #: Whether it keeps an alert open until its end is sent, so that an end wakes nobody.
    keeps_alerts: ClassVar[bool] = False
    #: Whether incidents that begin together share one alert, which ends with the last of them.
    shares_alerts: ClassVar[bool] = False

    allow_private: bool = False
    ca_file: str | None = None
    timeout: Duration = Duration(10)
    give_up_after: Duration = Duration(3600)
    per_minute: Annotated[int, Meta(ge=1, le=6000)] = 30
    digest_over: Natural = 5

    def __post_init__(self) -> None:
        check_secrets(self, self.secret_keys)

    @property
    def sends_alone(self) -> bool:
        """Whether each notice is a message of its own, also in a storm."""
        return False


class HttpReceiver(Receiver, frozen=True, kw_only=True):
    """A receiver that has a URL."""

    url: Secret | None = None
    url_file: str | None = None

    def __post_init__(self) -> None:
        check_secrets(self, ("url", *self.secret_keys))
        if self.url is not None:
            check_url(self.url.reveal())


class Webhook(HttpReceiver, tag="webhook", frozen=True, kw_only=True):
    """Any program that accepts HTTP. Each of several keys signs, so a key can be exchanged; without keys none does."""

    secret_keys: ClassVar[tuple[str, ...]] = ("keys", "token")
    token_key: ClassVar[str] = "token"
    token_is_optional: ClassVar[bool] = True

    keys: tuple[Secret, ...] = ()
    keys_file: str | None = None
    token: Secret | None = None
    token_file: str | None = None
    body: Template | None = None
    body_file: str | None = None
    headers: dict[HeaderName, Template] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.body is not None and self.body_file is not None:
            raise ValueError("`body` and `body_file`: give one of them")
        for name in self.headers:
            if name.lower() in OWN_HEADERS:
                raise ValueError(f"`headers` cannot have `{name}`, which is made with the message")

    @property
    def sends_alone(self) -> bool:
        """Whether each notice is a message of its own, also in a storm: a body of the operator's is of one notice."""
        return self.body is not None or self.body_file is not None


class Slack(HttpReceiver, tag="slack", frozen=True, kw_only=True):
    """An incoming webhook of Slack. Its URL is the secret."""


class Mattermost(HttpReceiver, tag="mattermost", frozen=True, kw_only=True):
    """An incoming webhook of Mattermost. Its URL is the secret."""


class PagerDuty(HttpReceiver, tag="pagerduty", frozen=True, kw_only=True):
    """A service of PagerDuty, by its integration key for the Events API v2."""

    secret_keys: ClassVar[tuple[str, ...]] = ("routing_key",)
    token_key: ClassVar[str] = "routing_key"
    keeps_alerts: ClassVar[bool] = True
    shares_alerts: ClassVar[bool] = True

    url: Secret | None = Secret(PAGERDUTY)
    routing_key: Secret | None = None
    routing_key_file: str | None = None


class Opsgenie(HttpReceiver, tag="opsgenie", frozen=True, kw_only=True):
    """Opsgenie, or another service with its Alert API, by the key of an API integration."""

    secret_keys: ClassVar[tuple[str, ...]] = ("token",)
    token_key: ClassVar[str] = "token"
    keeps_alerts: ClassVar[bool] = True
    shares_alerts: ClassVar[bool] = True

    url: Secret | None = Secret(OPSGENIE)
    token: Secret | None = None
    token_file: str | None = None


class Alertmanager(HttpReceiver, tag="alertmanager", frozen=True, kw_only=True):
    """An Alertmanager, which gets open incidents again every `repeat`."""

    secret_keys: ClassVar[tuple[str, ...]] = ("token",)
    token_key: ClassVar[str] = "token"
    token_is_optional: ClassVar[bool] = True
    keeps_alerts: ClassVar[bool] = True

    token: Secret | None = None
    token_file: str | None = None
    repeat: Duration = Duration(60)
    labels: dict[Annotated[str, Meta(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*\Z")], str] = msgspec.field(default_factory=dict)


class Ntfy(HttpReceiver, tag="ntfy", frozen=True, kw_only=True):
    """A topic of ntfy. Whoever has the name of the topic can read it, so it is a secret."""

    secret_keys: ClassVar[tuple[str, ...]] = ("token", "topic")
    token_key: ClassVar[str] = "token"
    token_is_optional: ClassVar[bool] = True

    url: Secret | None = Secret(NTFY)
    token: Secret | None = None
    token_file: str | None = None
    topic: Secret | None = None
    topic_file: str | None = None


class Telegram(HttpReceiver, tag="telegram", frozen=True, kw_only=True):
    """A chat or channel of Telegram, to which a bot writes."""

    secret_keys: ClassVar[tuple[str, ...]] = ("token",)
    token_key: ClassVar[str] = "token"

    url: Secret | None = Secret(TELEGRAM)
    token: Secret | None = None
    token_file: str | None = None
    chat: Annotated[str, Meta(pattern=r"^(-?[0-9]{1,20}|@[A-Za-z0-9_]{1,64})\Z")]


class Matrix(HttpReceiver, tag="matrix", frozen=True, kw_only=True):
    """A room of Matrix without encryption, to which a user of its homeserver `url` writes."""

    secret_keys: ClassVar[tuple[str, ...]] = ("token",)
    token_key: ClassVar[str] = "token"

    token: Secret | None = None
    token_file: str | None = None
    room: Annotated[str, Meta(pattern=r"^![!-~]{1,254}\Z")]


class Email(Receiver, tag="email", frozen=True, kw_only=True):
    """Mail over SMTP. A password is sent over TLS only."""

    secret_keys: ClassVar[tuple[str, ...]] = ("password",)
    token_key: ClassVar[str] = "password"
    token_is_optional: ClassVar[bool] = True

    host: Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:_-]{1,253}\Z")]
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: Line | None = None
    password: Secret | None = None
    password_file: str | None = None
    sender: Mailbox = msgspec.field(name="from")
    to: Annotated[tuple[Mailbox, ...], Meta(min_length=1, max_length=100)]

    def __post_init__(self) -> None:
        super().__post_init__()
        has_password = self.password is not None or self.password_file is not None
        if has_password != (self.username is not None):
            raise ValueError("`username` and `password`: give both or none")
        if has_password and self.tls == "none":
            raise ValueError("`password` is sent over TLS only: `tls` is `starttls` or `implicit`")

    @property
    def real_port(self) -> int:
        """The port, by default that of the kind of TLS."""
        return self.port or {"starttls": 587, "implicit": 465, "none": 25}[self.tls]


def check_url(url: str) -> None:
    """Raise ValueError, which does not show the URL, when it is unusable."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("`url` is an http or https address")
    if parts.username is not None or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("`url` has no user, no fragment and no character that must be escaped")
    if parts.port == 0:
        raise ValueError("`url` has no port 0")


AnyReceiver: TypeAlias = (
    Webhook | Slack | PagerDuty | Alertmanager | Email | Ntfy | Telegram | Matrix | Mattermost | Opsgenie
)
RECEIVER_TYPES: tuple[type[Receiver], ...] = get_args(AnyReceiver)
