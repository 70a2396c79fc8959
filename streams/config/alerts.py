"""The section `[alerts]`: receivers, and the routes that lead to them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from schemas.incident import Kind
from schemas.incident import State as IncidentState
from schemas.measurement import Country
from schemas.outage import State as OutageState
from schemas.severity import Severity
from streams.config.meant import meant
from streams.config.quiet_hours import span, zone_named
from streams.config.receivers import AnyReceiver
from streams.config.types import Duration, Name, Natural, Port, Section

Topic: TypeAlias = Literal["incidents", "outages"]


class Route(Section, frozen=True, kw_only=True):
    """Which incidents or outages go to which receivers, and when. A filter that is not set matches everything."""

    receivers: Annotated[tuple[Name, ...], Meta(min_length=1)]
    topics: tuple[Topic, ...] = ("incidents",)
    countries: tuple[Country, ...] = ()
    regions: tuple[Annotated[str, Meta(pattern=r"^[A-Z]{2}-.{1,61}\Z")], ...] = ()
    services: tuple[str, ...] = ()
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
                    hint = meant(name, self.receivers)
                    raise ValueError(f"a route names the receiver `{name}`, which is not there{hint}")
