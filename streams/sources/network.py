"""Which reader reads which type of source over the network."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

from streams.config.network_sources import AtlasSource, IodaSource, NetworkSource, OoniSource, PrometheusSource
from streams.config.ris_source import RisSource
from streams.sources import atlas, poll, ris
from streams.sources.ioda import IodaService
from streams.sources.link import Link
from streams.sources.ooni import OoniService
from streams.sources.part_clock import Position
from streams.sources.prometheus import PrometheusService
from streams.sources.records import Arrival
from streams.sources.route_bins import PART, RouteBins


class NetworkReader(Protocol):
    """One connection to a service of others. `begins`: where each part begins."""

    begins: Mapping[str, int]

    def arrivals(self) -> AsyncGenerator[Arrival, None]:
        """Yield what comes, first an arrival that shows that the service answers. Raises ConnectionLostError."""


def network_reader(
    source: NetworkSource, link: Link, positions: Mapping[str, Position], routes: RouteBins | None = None
) -> NetworkReader:
    """Return what reads a source from its position. `routes`: of a source of routes, what outlives a connection."""
    if isinstance(source, RisSource) and routes is not None:
        return ris.RisReader(source, link, positions.get(PART), routes)
    if isinstance(source, AtlasSource):
        return atlas.AtlasReader(source, link, positions.get(atlas.PART))
    return poll.PollReader(_service(source), source, link, positions.get(poll.PART))


def _service(source: NetworkSource) -> poll.RangeService:
    if isinstance(source, PrometheusSource):
        return PrometheusService(source)
    if isinstance(source, IodaSource):
        return IodaService(source)
    if isinstance(source, OoniSource):
        return OoniService(source)
    raise NotImplementedError(type(source).__name__)
