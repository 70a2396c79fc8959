"""The collector of what goes on: it reads the state of the worker at each scrape, and so never shows what is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from schemas.incident import Incident
from schemas.outage import Outage
from streams.config.settings import Settings
from streams.worker.exposition import incidents, outages, watch_list
from streams.worker.exposition.families import gauge
from streams.worker.exposition.outages import Place
from streams.worker.exposition.watch_list import Scoring


class Held(Scoring, Protocol):
    """What is read of a partition."""

    @property
    def running(self) -> Mapping[str, Outage]:
        """Outages that go on."""


class StateCollector(Collector):
    """Outages, incidents and what is watched, each list up to its limit in `[metrics]`.

    `partitions`, `incidents`: return what there is when they are called; incidents that are over are not among them.
    """

    def __init__(
        self,
        settings: Settings,
        partitions: Callable[[], Iterable[Held]],
        incidents: Callable[[], Sequence[Incident]],
    ) -> None:
        self.settings, self.partitions, self.incidents = settings, partitions, incidents
        self._watch = watch_list.WatchList(settings.metrics.watch)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield all families, and last how much the limits have left out of them."""
        limits, held, open_ = self.settings.metrics, list(self.partitions()), self.incidents()
        running = list({outage.outage_id: outage for one in held for outage in one.running.values()}.values())
        member = {outage: one.incident_id for one in open_ for outage in one.outage_ids}
        listed = {
            "places": outages.by_place(running, self._places(held), limits.max_places),
            "outages": outages.one_by_one(running, member, limits.max_outages),
            "incidents": incidents.one_by_one(open_, limits.max_incidents),
            "watched": watch_list.families(self._watch.numbers(held), limits.max_watched),
        }
        yield incidents.counted(open_)
        for exported in listed.values():
            yield from exported.families
        text = "How many of a list the limits in the settings have left out of these metrics."
        yield gauge("left_out", text, ("list",), (((name,), float(one.left_out)) for name, one in listed.items()))

    def _places(self, held: Iterable[Held]) -> set[Place]:
        """Return where something is measured: each country that a feed has named, with the feed's signal."""
        signals = {name: feed.signal for name, feed in self.settings.feeds.items()}
        return {
            (country, signals[name]) for one in held for name, index, _ in one.scored() for country in index.countries
        }
