"""The collector of outages, incidents and the watch list. It reads the state at each scrape, so nothing lingers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain
from typing import NamedTuple, Protocol

from prometheus_client.core import GaugeMetricFamily

from schemas.incident import Incident
from schemas.outage import Outage
from streams.config.settings import Settings
from streams.pipeline.shard import Scored
from streams.worker.exposition import countries, incidents, outages, watch_list
from streams.worker.exposition.families import Exported, gauge
from streams.worker.exposition.membership import incidents_by_outage, is_fault, split_by_faults
from streams.worker.exposition.newest_bins import NewestBins
from streams.worker.exposition.outages import CountrySignal
from streams.worker.exposition.watch_list import WatchedRows, WatchList


class StageState(Protocol):
    """The part of a stage of measurements or areas that the metrics read."""

    def scored(self) -> Iterable[Scored]:
        """Return the name, the series index and the detector of each feed."""

    @property
    def open_outages(self) -> Mapping[str, Outage]:
        """Outages that have not ended, by id."""


class ScrapedState(NamedTuple):
    """What the event loop has copied for one scrape.

    `outages`: with repeated ones; `incidents`: grouped here; `of_all`: those of all workers; `watched`: of each feed.
    `measured`: countries that a feed has named, with its signal; `judged`: those in which a feed that is not silent
    or at fault compares series with what is expected of them; `newest`: the newest bins of such feeds.
    """

    feeds: Sequence[str]
    outages: Sequence[Outage]
    incidents: Sequence[Incident]
    of_all: Sequence[Incident]
    watched: Sequence[WatchedRows]
    measured: Set[CountrySignal]
    judged: Set[str]
    newest: NewestBins

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

    def read(self, silent: Collection[str] = ()) -> ScrapedState:
        """Copy the state, quickly. `silent`: feeds that have stopped, so that their newest bins say nothing of now."""
        stages = list(self.stages())
        scored = [part for stage in stages for part in stage.scored()]
        live, of_all = [part for part in scored if part[0] not in silent], self.of_all()
        return ScrapedState(
            feeds=tuple(self.settings.feeds),
            outages=list(chain.from_iterable(stage.open_outages.values() for stage in stages)),
            incidents=self.incidents(),
            of_all=of_all,
            watched=list(self._watch.rows(live)),
            measured=self._measured(scored),
            judged=_judged(live, {feed for incident in of_all if is_fault(incident) for feed in incident.feeds}),
            newest=NewestBins(live),
        )

    def families(self, reading: ScrapedState) -> Iterator[GaugeMetricFamily]:
        """Yield all families of a copy, in any thread. The last one counts what the limits leave out."""
        limits, open_, running = self.settings.metrics, reading.incidents, list(reading.running())
        incident_of = incidents_by_outage(reading.of_all)
        lists = {
            "places": outages.by_place(running, reading.measured, limits.max_places),
            "countries": countries.affected(open_, reading.judged, limits.max_places),
            "outages": outages.worst_outages(running, incident_of, reading.newest, limits.max_outages),
            "incidents": incidents.worst_incidents(open_, limits.max_incidents),
            "watched": self._watched(reading),
        }
        yield from descriptions(self.settings)
        yield incidents.counted(open_)
        for exported in lists.values():
            yield from exported.families
        text = "Number of elements that the limits in the settings leave out of a list."
        left_out = (((name,), float(exported.left_out)) for name, exported in lists.items())
        yield gauge("left_out", text, ("list",), left_out)

    def _watched(self, reading: ScrapedState) -> Exported:
        more = sum(rows.left_out for rows in reading.watched)
        return watch_list.families(self._watch.numbers(reading.watched), self.settings.metrics.max_watched, more)

    def _measured(self, scored: Iterable[Scored]) -> Set[CountrySignal]:
        """Return each country that a feed has named, with the signal of the feed."""
        signals = {name: feed.signal for name, feed in self.settings.feeds.items()}
        return {(country, signals[name]) for name, index, _ in scored for country in index.countries}


def _judged(scored: Iterable[Scored], faults: Set[str]) -> Set[str]:
    """Return the countries in which feeds that are not at fault compared series with what was expected of them."""
    sound = ((index, detector) for feed, index, detector in scored if feed not in faults)
    judged = (index for index, detector in sound if detector.judged and not detector.scalars["fault"])
    return {country for index in judged for country in index.countries}


def descriptions(settings: Settings) -> Iterator[GaugeMetricFamily]:
    """Yield what the settings say of the feeds and of the worker's pages, so that dashboards can name and link them."""
    feeds = (((name, feed.signal, feed.kind, feed.unit), 1.0) for name, feed in settings.feeds.items())
    yield gauge("feed_info", "Description of a feed; always 1.", ("feed", "signal", "kind", "unit"), feeds)
    yield gauge("web_info", "Address of the worker's pages; always 1.", ("url",), [((settings.web.address,), 1.0)])
