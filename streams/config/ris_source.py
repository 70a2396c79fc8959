"""The type of sources that read RIPE RIS over the network."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from streams.config.network_sources import NetworkSource, StreamAddress
from streams.config.route_sources import AT_THE_END, ROUTE_FIELDS, RouteRules
from streams.config.sources import Fields
from streams.config.types import Duration, WebAddress

RIS_TERMS: Final = (
    "RIPE RIS, RIPE NCC: for products, the terms at "
    "https://www.ripe.net/analyse/internet-measurements/routing-information-service-ris/commercial-use/"
)
#: Beacons of two hours, as https://ris.ripe.net/docs/routing-beacons lists them from February 2024 on: those of several
#: collectors in a region, in both families, and those of collectors with an IPv4 beacon.
BEACONS: Final = (
    "84.205.64.0/24", "84.205.69.0/24", "84.205.70.0/24", "84.205.75.0/24", "84.205.82.0/24", "93.175.153.0/24",
    "2001:7fb:ee00::/48", "2001:7fb:ee01::/48", "2001:7fb:ee02::/48", "2001:7fb:ee03::/48", "2001:7fb:ee04::/48",
    "2001:7fb:ee05::/48", "84.205.65.0/24", "84.205.67.0/24", "84.205.76.0/24", "2001:7fb:fe01::/48",
    "2001:7fb:fe03::/48", "2001:7fb:fe0c::/48",
)  # fmt: skip
PREFIX: Final = r"^[0-9a-fA-F:.]+/[0-9]{1,3}\Z"


class RisSource(NetworkSource, tag="ris", frozen=True, kw_only=True):
    """Routes of RIPE RIS: a table and messages of its archive, then RIS Live; see sources/ris.md."""

    collectors: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^rrc[0-9]{2}\Z")], ...],
        Meta(min_length=1, description="route collectors that are read; each takes memory and time"),
    ] = ("rrc00",)
    stream: Annotated[StreamAddress, Meta(description="address of RIS Live")] = (
        "wss://ris-live.ripe.net/v1/ws/?client=ebbtide"
    )
    archive: Annotated[WebAddress, Meta(description="address of the archive")] = "https://data.ris.ripe.net"
    routes: Annotated[RouteRules, Meta(description="table `[sources.NAME.routes]`")] = RouteRules()
    backfill: Annotated[
        Duration, Meta(description="how far the first run goes back, and the longest gap that is filled after a break")
    ] = Duration(28_800)
    archive_patience: Annotated[
        Duration,
        Meta(
            description="how late a file of the archive may be; then peers of its collector do not count before a table"
        ),
    ] = Duration(1800)
    beacons: Annotated[
        tuple[Annotated[str, Meta(pattern=PREFIX)], ...],
        Meta(description="prefixes that RIS announces and withdraws every two hours: without them the stream is deaf"),
    ] = BEACONS
    beacon_patience: Annotated[
        Duration, Meta(description="how long after its time an event of a beacon is waited for")
    ] = Duration(900)
    silent_after: Annotated[
        Duration, Meta(description="time without a message, though pings come, after which the connection is given up")
    ] = Duration(300)
    lateness: Annotated[Duration, Meta(description="how long messages wait for earlier ones")] = Duration(10)

    @property
    def waits(self) -> float:
        """Nothing: a value comes when its bin is over."""
        return AT_THE_END

    @property
    def terms(self) -> str:
        """The terms of use."""
        return RIS_TERMS

    @property
    def preset(self) -> Fields:
        """What is made of a network in a bin."""
        return ROUTE_FIELDS
