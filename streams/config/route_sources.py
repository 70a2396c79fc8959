"""The types of sources that read routes of BGP, and which routes and peers count."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from streams.config.sources import Fields, SourceSettings
from streams.config.types import Duration, Section

AT_THE_END: Final = -1.0  # seconds: a value is of the last second of its bin, which is then over
Share = Annotated[float, Meta(gt=0, lt=1)]
#: What `sources/route_bins.py` makes of a network in a bin.
ROUTE_FIELDS: Final = Fields(ts="time", asn="asn", value="prefixes")


class RouteRules(Section, frozen=True):
    """Which routes and peers count; see sources/mrt.md."""

    family: Annotated[
        Literal["ipv4", "ipv6"], Meta(description="prefixes that are counted; for both make two sources and feeds")
    ] = "ipv4"
    share: Annotated[
        Share, Meta(description="a prefix is visible when more than this share of the peers that count have a route")
    ] = 0.5
    full_feed: Annotated[
        Share, Meta(description="a peer counts that has at least this share of the prefixes of the peer with the most")
    ] = 0.75
    least_peers: Annotated[
        int, Meta(ge=1, description="while fewer peers count, all networks are unknown, and nothing is sent")
    ] = 3
    peer_silent_after: Annotated[
        Duration, Meta(description="silence after which a peer does not count, though its session is up")
    ] = Duration(3600)
    gap_after: Annotated[
        Duration,
        Meta(description="silence of all peers after which messages are missing: no peer counts before the next table"),
    ] = Duration(900)


class MrtSource(SourceSettings, tag="mrt", frozen=True):
    """MRT files of one route collector: tables and updates, plain, gzip or bzip2; see sources/mrt.md."""

    paths: Annotated[
        tuple[str, ...],
        Meta(description="files, read in order of their first record's time; * and ? match names"),
    ] = ()
    routes: Annotated[RouteRules, Meta(description="table `[sources.NAME.routes]`")] = RouteRules()

    @property
    def waits(self) -> float:
        """Nothing: a value comes when its bin is over."""
        return AT_THE_END

    @property
    def preset(self) -> Fields:
        """What is made of a network in a bin."""
        return ROUTE_FIELDS
