"""`ebbtide explain`: the bins of one entity around a time, and why each of them fired or did not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from schemas.incident import Incident
from schemas.rejections import one_line
from streams.config.errors import NO_FEEDS, EbbtideError, UsageError
from streams.config.holidays import Holiday, holidays_at
from streams.config.line_files import read_chunks
from streams.config.reference_data import reference_data_of
from streams.config.settings import FeedSettings, Settings
from streams.evaluation.bin_history import History, HistoryBin, HistoryRecorder
from streams.evaluation.detect import detect_chunks, grouped
from streams.evaluation.explain_causes import causes_sentences, causes_table
from streams.evaluation.explain_clock import clock
from streams.evaluation.explain_incidents import incident_sentences, lasts, of_entity, span_of
from streams.evaluation.explain_text import sentences, table
from streams.pipeline.areas.area_sums import Summed
from streams.pipeline.emitted import Emitted
from streams.pipeline.feed import Feed
from streams.pipeline.incidents.headline import country_name
from streams.pipeline.process import Tally
from streams.pipeline.shard import Shard


class UnknownEntityError(EbbtideError):
    """The entity was never measured. The message names entities with similar names."""


class Question(NamedTuple):
    """A question about an entity. `feed` None: all feeds. `at` (Unix seconds) None: the newest outage, else the end.
    `bins`: number of bins to show before and after.
    """

    entity: str
    feed: str | None = None
    at: float | None = None
    bins: int = 12


class View(NamedTuple):
    """The bins of one series that answer a question; `feed`: its settings."""

    history: History
    feed: FeedSettings
    bins: Sequence[HistoryBin]

    def title(self, entity: str) -> str:
        """Return the series in words: entity, facets and feed."""
        facets = "".join(f" {value}" for _, value in self.history.facets)
        return one_line(f"{entity}{facets}, feed {self.history.feed}")  # names may hold a terminal's control codes


class ExplainAnswer(NamedTuple):
    """What answers a question: the bins of each series, and the incidents and public holidays at that time."""

    views: list[View]
    incidents: list[Incident]
    holidays: Sequence[Holiday] = ()


def explain(
    settings: Settings,
    question: Question,
    files: Sequence[str],
    now: Callable[[], float],
    tick: Callable[[Tally], None],
    read: Callable[[Sequence[str]], Iterable[list[bytes]]] = read_chunks,
    watched: Callable[[Shard, Iterable[Emitted]], Iterable[Emitted]] = lambda _, steps: steps,
) -> ExplainAnswer:
    """Run the pipeline on files and return the bins asked for, a view per series, in order of feed and facets.

    `now` returns the time of receipt (Unix seconds); `tick` is called with the counts after each chunk;
    `watched` passes the steps on, and may raise at their end. Raises
    UsageError for a feed that is not in the settings, UnknownEntityError when nothing of the entity was measured,
    InputError when a file cannot be read.
    """
    shard, tally = Shard(settings, reference=reference_data_of(settings)), Tally()
    names = _feeds(settings, question.feed)
    watches = [HistoryRecorder(name, source, question.entity) for name in names for source in _watched(shard, name)]
    newest: dict[str, Incident] = {}
    for revisions in grouped(shard, watched(shard, detect_chunks(shard, tally, read(files), now))):
        newest.update({revision.incident_id: revision for revision in revisions})
        tick(tally)
    histories = [history for watch in watches for _, history in sorted(watch.histories.items())]
    if not histories:
        raise UnknownEntityError(_missing(shard, question))
    incidents = of_entity(newest.values(), question.entity, question.feed)
    start, end = _around(histories, question.at, incidents)
    views = [_view(settings, history, start, end, question.bins) for history in histories]
    shown = [incident for incident in incidents if lasts(incident, start, end)]
    return ExplainAnswer(views, shown, holidays_of_answer(settings, question.entity, shown, start))


def holidays_of_answer(settings: Settings, entity: str, incidents: Sequence[Incident], time: float) -> list[Holiday]:
    """Return the public holidays at a time in the country of an entity, or in those of its incidents."""
    own = [] if entity.startswith("asn/") else [entity.partition("/")[2][:2]]
    countries = {*own, *(code for incident in incidents for code in incident.scope.countries)}
    return holidays_at(countries.intersection(settings.holidays.countries), time)


def _feeds(settings: Settings, feed: str | None) -> list[str]:
    if not settings.feeds:
        raise UsageError(NO_FEEDS)
    if feed is not None and feed not in settings.feeds:
        raise UsageError(f"no feed {feed!r} in the settings; they name {', '.join(settings.feeds)}")
    return [feed] if feed is not None else list(settings.feeds)


def _watched(shard: Shard, name: str) -> list[Feed | Summed]:
    """Return the holders of a feed's series: the feed itself, and the areas summed from it."""
    return [shard.feeds[name], *(shard.areas[name].summed.values() if name in shard.areas else ())]


def _missing(shard: Shard, question: Question) -> str:
    """Return why the entity has no history: no bin closed, other feeds only, or no such name."""
    entity = question.entity
    holders = {
        name: {measured for source in _watched(shard, name) for measured, _ in source.index.by_series}
        for name in shard.feeds
    }
    feeds = [name for name, measured in holders.items() if entity in measured]
    if question.feed in feeds or (feeds and question.feed is None):
        return f"{entity} was measured, but none of its bins has closed: the end of the input closes nothing"
    if feeds:
        return f"nothing of {entity} in feed {question.feed}; it is in {', '.join(feeds)}"
    names = set().union(*holders.values())
    near = get_close_matches(entity, sorted(names), n=3, cutoff=0.7)
    return f"no such entity among {len(names):,} measured: {entity}" + (f"; near: {', '.join(near)}" if near else "")


def _around(histories: list[History], at: float | None, incidents: Sequence[Incident] = ()) -> tuple[float, float]:
    """Return the time asked for, else the newest outage (one that was more than suspected, if any), else the end.

    An incident counts where no feed shows an outage by itself.
    """
    if at is not None:
        return at, at
    end = max(history.bins[-1].start for history in histories)
    spans = [span for history in histories for span in history.spans()]
    if incidents and not any(span.certain for span in spans):
        return span_of(incidents[-1], end)
    if not spans:
        return end, end
    newest = max(spans, key=lambda span: (span.certain, span.start))
    return newest.start, end if newest.end is None else newest.end


def _view(settings: Settings, history: History, start: float, end: float, bins: int) -> View:
    margin, width = bins * history.rule.width, history.rule.width
    inside = [
        closed for closed in history.bins if start - margin < closed.start + width and closed.start <= end + margin
    ]
    return View(history, settings.feeds[history.feed], inside)


def report(answer: ExplainAnswer, question: Question) -> Iterator[str]:
    """Yield the lines of the answer: for each series a heading, its tables, and what the bins mean; then incidents."""
    for number, view in enumerate(answer.views):
        history, feed = view.history, view.feed
        unit = f", {feed.unit}" if feed.unit else ""
        yield from [""] * (number > 0)
        yield f"{view.title(question.entity)} ({feed.signal}, {feed.kind}, bins of {history.rule.width} s{unit})"
        if not view.bins:
            first, last = clock(history.bins[0].start), clock(history.bins[-1].start)
            yield f"No closed bin there: they run from {first} to {last}; the end of the input closes nothing."
            continue
        yield from table(view.bins, history.threshold, question.at, history.rule.width)
        yield from causes_table(view.bins, history.threshold)
        yield from sentences(history, view.bins, question.at)
        yield from causes_sentences(view.bins, history.threshold)
    for incident in answer.incidents:
        yield ""
        yield from incident_sentences(incident)
    for holiday in answer.holidays:
        yield ""
        yield holiday_sentence(holiday)


def holiday_sentence(holiday: Holiday) -> str:
    """Return what day it is, where."""
    return f"{holiday.day} is a public holiday in {country_name(holiday.country)}: {one_line(holiday.name)}."
