"""The collector of outages, incidents and the watch list. It reads the state at each scrape, so nothing lingers."""

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
from streams.worker.exposition.outages import CountrySignal
from streams.worker.exposition.watch_list import WatchedStage


class StageState(WatchedStage, Protocol):
    """The part of a stage that the collector reads."""

    @property
    def open_outages(self) -> Mapping[str, Outage]:
        """Outages that have not ended, by id."""


class StateCollector(Collector):
    """Collects outages, incidents and watched series, each list up to its limit in `[metrics]`.

    `stages`: returns the stages of the worker; `incidents`: returns the incidents that have not ended.
    """

    def __init__(
        self,
        settings: Settings,
        stages: Callable[[], Iterable[StageState]],
        incidents: Callable[[], Sequence[Incident]],
    ) -> None:
        self.settings, self.stages, self.incidents = settings, stages, incidents
        self._watch = watch_list.WatchList(settings.metrics.watch)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield all families. The last one counts what the limits leave out."""
        limits, stages, open_ = self.settings.metrics, list(self.stages()), self.incidents()
        running = list({name: outage for stage in stages for name, outage in stage.open_outages.items()}.values())
        incident_of = {outage: incident.incident_id for incident in open_ for outage in incident.outage_ids}
        lists = {
            "places": outages.by_place(running, self._measured(stages), limits.max_places),
            "outages": outages.worst_outages(running, incident_of, limits.max_outages),
            "incidents": incidents.worst_incidents(open_, limits.max_incidents),
            "watched": watch_list.families(self._watch.numbers(stages), limits.max_watched),
        }
        yield incidents.counted(open_)
        for exported in lists.values():
            yield from exported.families
        text = "Number of elements that the limits in the settings leave out of a list."
        left_out = (((name,), float(exported.left_out)) for name, exported in lists.items())
        yield gauge("left_out", text, ("list",), left_out)

    def _measured(self, stages: Iterable[StageState]) -> set[CountrySignal]:
        """Return each country that a feed has named, with the signal of the feed."""
        signals = {name: feed.signal for name, feed in self.settings.feeds.items()}
        return {
            (country, signals[name])
            for stage in stages
            for name, index, _ in stage.scored()
            for country in index.countries
        }
