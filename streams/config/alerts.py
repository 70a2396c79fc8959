"""The section `[alerts]`: receivers, and the routes that lead to them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from schemas.incident import Kind
from schemas.incident import State as IncidentState
from schemas.measurement import Country
from schemas.outage import State as OutageState
from schemas.severity import Severity
from streams.config.quiet_hours import span, zone_named
from streams.config.secret import Secret
from streams.config.types import Duration, Name, Natural, Port, Section, check_secrets

PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
Topic: TypeAlias = Literal["incidents", "outages"]


class Receiver(Section, tag_field="type", frozen=True, kw_only=True):
    """The settings of all kinds of receivers.

    Only `ebbtide alerts` checks that no secret is missing (`load_endpoint`), since other programs need none of them.
    """

    url: Secret | None = None
    url_file: str | None = None
    allow_private: bool = False
    ca_file: str | None = None
    timeout: Duration = Duration(10)
    give_up_after: Duration = Duration(3600)
    per_minute: Annotated[int, Meta(ge=1, le=6000)] = 30
    digest_over: Natural = 5

    def __post_init__(self) -> None:
        check_secrets(self, ("url", *self.own_secrets))
        if self.url is not None:
            check_url(self.url.reveal())

    @property
    def own_secrets(self) -> tuple[str, ...]:
        """The secrets that only its kind has."""
        return ()


class Webhook(Receiver, tag="webhook", frozen=True, kw_only=True):
    """Any program that accepts Standard Webhooks. Each of several keys signs, so a key can be exchanged."""

    keys: tuple[Secret, ...] = ()
    keys_file: str | None = None

    @property
    def own_secrets(self) -> tuple[str, ...]:
        """The secrets that only its kind has."""
        return ("keys",)


class Slack(Receiver, tag="slack", frozen=True, kw_only=True):
    """An incoming webhook of Slack. Its URL is the secret."""


class PagerDuty(Receiver, tag="pagerduty", frozen=True, kw_only=True):
    """A service of PagerDuty, by its integration key for the Events API v2."""

    url: Secret | None = Secret(PAGERDUTY)
    routing_key: Secret | None = None
    routing_key_file: str | None = None

    @property
    def own_secrets(self) -> tuple[str, ...]:
        """The secrets that only its kind has."""
        return ("routing_key",)


class Alertmanager(Receiver, tag="alertmanager", frozen=True, kw_only=True):
    """An Alertmanager, which gets open incidents again every `repeat`."""

    token: Secret | None = None
    token_file: str | None = None
    repeat: Duration = Duration(60)
    labels: dict[Annotated[str, Meta(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*\Z")], str] = msgspec.field(default_factory=dict)

    @property
    def own_secrets(self) -> tuple[str, ...]:
        """The secrets that only its kind has."""
        return ("token",)


def check_url(url: str) -> None:
    """Raise ValueError, which does not show the URL, when it is unusable."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("`url` is an http or https address")
    if parts.username is not None or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("`url` has no user, no fragment and no character that must be escaped")
    if parts.port == 0:
        raise ValueError("`url` has no port 0")


AnyReceiver: TypeAlias = Webhook | Slack | PagerDuty | Alertmanager


class Route(Section, frozen=True, kw_only=True):
    """Which incidents or outages go to which receivers, and when. A filter that is not set matches everything."""

    receivers: Annotated[tuple[Name, ...], Meta(min_length=1)]
    topics: tuple[Topic, ...] = ("incidents",)
    countries: tuple[Country, ...] = ()
    asns: tuple[Natural, ...] = ()
    feeds: tuple[Name, ...] = ()
    kinds: tuple[Kind, ...] = ()
    severities: tuple[Severity, ...] = ()
    states: tuple[IncidentState | OutageState, ...] = ()
    suspected: bool = False
    goes_on: bool = msgspec.field(name="continue", default=False)
    quiet: tuple[str, ...] = ()
    timezone: str = "UTC"
    critical_passes: bool = True

    def __post_init__(self) -> None:
        zone_named(self.timezone)
        for text in self.quiet:
            span(text)


class AlertsSettings(Section, frozen=True, kw_only=True):
    """Receivers of alerts, the routes to them, and where the metrics of `ebbtide alerts` are."""

    bind: Annotated[str, Meta(description="address that the metrics of `ebbtide alerts` listen on")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="port that the metrics listen on")] = 6067
    link: Annotated[str | None, Meta(description="address put into messages, such as that of the worker's page")] = None
    queue_limit: Annotated[Natural, Meta(description="revisions that may wait for one receiver")] = 10_000
    forget_after: Annotated[
        Duration, Meta(description="how long the deliveries of something that ended are remembered")
    ] = Duration(14 * 86_400)
    receivers: Annotated[
        dict[Name, AnyReceiver], Meta(description="tables `[alerts.receivers.NAME]`; see alerts.md")
    ] = msgspec.field(default_factory=dict)
    routes: Annotated[tuple[Route, ...], Meta(description="tables `[[alerts.routes]]`; see alerts.md")] = ()

    def __post_init__(self) -> None:
        for route in self.routes:
            for name in route.receivers:
                if name not in self.receivers:
                    raise ValueError(f"a route names the receiver `{name}`, which is not there")
