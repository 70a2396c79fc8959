"""The collector of outages, incidents and the watch list. It reads the state at each scrape, so nothing lingers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain
from typing import NamedTuple, Protocol

from prometheus_client.core import GaugeMetricFamily

from schemas.incident import Incident
from schemas.outage import Outage
from streams.config.settings import Settings
from streams.worker.exposition import incidents, outages, watch_list
from streams.worker.exposition.families import Exported, gauge
from streams.worker.exposition.membership import incidents_by_outage, split_by_faults
from streams.worker.exposition.outages import CountrySignal
from streams.worker.exposition.watch_list import WatchedRows, WatchedStage, WatchList


class StageState(WatchedStage, Protocol):
    """The part of a stage that the metrics read."""

    @property
    def open_outages(self) -> Mapping[str, Outage]:
        """Outages that have not ended, by id."""


class ScrapedState(NamedTuple):
    """What the event loop has copied for one scrape.

    `outages`: with repeated ones; `incidents`: grouped here; `of_all`: those of all workers; `watched`: of each feed.
    """

    feeds: Sequence[str]
    outages: Sequence[Outage]
    incidents: Sequence[Incident]
    of_all: Sequence[Incident]
    watched: Sequence[WatchedRows]
    measured: Set[CountrySignal]

    def running(self) -> Iterable[Outage]:
        """Return the outages that have not ended, each once."""
        return {outage.outage_id: outage for outage in self.outages}.values()

    def in_faults(self) -> Iterable[Outage]:
        """Return the outages that incidents, which judge whole feeds, have under a fault of their feed."""
        inside, _ = split_by_faults(self.running(), self.of_all)
        return inside


class StateMetrics:
    """Metrics of outages, incidents and watched series, each list up to its limit in `[metrics]`.

    `stages`: returns the stages of the worker; `incidents`: returns the incidents grouped here that have not ended,
    `of_all` those of all workers.
    """

    def __init__(
        self,
        settings: Settings,
        stages: Callable[[], Iterable[StageState]],
        incidents: Callable[[], Sequence[Incident]],
        of_all: Callable[[], Sequence[Incident]],
    ) -> None:
        self.settings, self.stages, self.incidents, self.of_all = settings, stages, incidents, of_all
        self._watch = WatchList(settings.metrics.watch, settings.metrics.max_watched)

    def read(self) -> ScrapedState:
        """Copy the state, quickly."""
        stages = list(self.stages())
        running = list(chain.from_iterable(stage.open_outages.values() for stage in stages))
        watched = list(self._watch.rows(stages))
        incidents = self.incidents(), self.of_all()
        return ScrapedState(tuple(self.settings.feeds), running, *incidents, watched, self._measured(stages))

    def families(self, reading: ScrapedState) -> Iterator[GaugeMetricFamily]:
        """Yield all families of a copy, in any thread. The last one counts what the limits leave out."""
        limits, open_, running = self.settings.metrics, reading.incidents, list(reading.running())
        incident_of = {name: home.incident_id for name, home in incidents_by_outage(reading.of_all).items()}
        lists = {
            "places": outages.by_place(running, reading.measured, limits.max_places),
            "outages": outages.worst_outages(running, incident_of, limits.max_outages),
            "incidents": incidents.worst_incidents(open_, limits.max_incidents),
            "watched": self._watched(reading),
        }
        yield incidents.counted(open_)
        for exported in lists.values():
            yield from exported.families
        text = "Number of elements that the limits in the settings leave out of a list."
        left_out = (((name,), float(exported.left_out)) for name, exported in lists.items())
        yield gauge("left_out", text, ("list",), left_out)

    def _watched(self, reading: ScrapedState) -> Exported:
        more = sum(rows.left_out for rows in reading.watched)
        return watch_list.families(self._watch.numbers(reading.watched), self.settings.metrics.max_watched, more)

    def _measured(self, stages: Iterable[StageState]) -> Set[CountrySignal]:
        """Return each country that a feed has named, with the signal of the feed."""
        signals = {name: feed.signal for name, feed in self.settings.feeds.items()}
        return {
            (country, signals[name])
            for stage in stages
            for name, index, _ in stage.scored()
            for country in index.countries
        }
