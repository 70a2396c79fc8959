"""The types of sources that read services of others over the network."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from streams.config.sources import Fields, WatchedSource
from streams.config.types import Duration, WebAddress

StreamAddress = Annotated[str, Meta(pattern=r"^wss?://[^\s@#\"'<>]+\Z")]
RIPE_TERMS: Final = "RIPE Atlas, RIPE NCC: terms at https://atlas.ripe.net/about/terms-and-conditions"


class NetworkSource(WatchedSource, frozen=True, kw_only=True):
    """What all sources have that read a service over the network."""

    backfill: Annotated[
        Duration, Meta(description="how far the first run goes back, and the longest gap that is filled after a break")
    ] = Duration(86_400)
    timeout: Annotated[Duration, Meta(description="time in which a request must be answered")] = Duration(60)
    accept_terms: Annotated[
        bool, Meta(description="whether you accept the terms of use; only sources that forbid commercial use demand it")
    ] = False

    @property
    def waits(self) -> float:
        """Nothing: what is read comes in order, since the reader itself waits for the lateness."""
        return 0.0

    @property
    def forbids_commerce(self) -> bool:
        """Whether the terms of use forbid commercial use."""
        return False

    def __post_init__(self) -> None:
        if self.forbids_commerce and not self.accept_terms:
            raise ValueError(f"the terms forbid commercial use: read them and set `accept_terms = true` ({self.terms})")


class AtlasSource(NetworkSource, tag="atlas", frozen=True):
    """Connections of RIPE Atlas probes: the stream, and measurement 7000 for what came before; see sources/atlas.md."""

    stream: Annotated[StreamAddress, Meta(description="address of the stream")] = (
        "wss://atlas-stream.ripe.net/stream/?client=ebbtide"
    )
    api: Annotated[WebAddress, Meta(description="address of the API")] = "https://atlas.ripe.net/api/v2"
    history_lag: Annotated[
        Duration, Meta(description="age from which on the history is complete; a break is filled when it has passed")
    ] = Duration(900)
    silent_after: Annotated[
        Duration, Meta(description="time without an event, though pings come, after which the connection is given up")
    ] = Duration(300)
    lateness: Annotated[Duration, Meta(description="how long events wait for earlier ones")] = Duration(30)

    @property
    def terms(self) -> str:
        """The terms of use."""
        return RIPE_TERMS

    @property
    def preset(self) -> Fields:
        """What `sources/atlas_events.py` makes of an event."""
        return Fields(ts="timestamp", asn="asn_v4", country="country_code", member="probe", up="up")
