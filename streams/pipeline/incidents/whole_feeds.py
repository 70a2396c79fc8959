"""Whether a feed is at fault as a whole, and which outages are under suspicion for it that their shard opened.

A shard knows its own series only: where it has few, or the falls are elsewhere, it sees no fault. Here the falls
of all shards are added up, and the sum is judged as a single shard judges. A shard that sees the fault itself judges
its own outages; those of the others are under suspicion until the bins after the fault show them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from detectors.incidents.fault_refutation import AGAIN, UNSEEN, cleared
from detectors.incidents.model import IncidentState, OutageRevision
from detectors.outages.feed_fault import SHARE, common_fall, gather, suspect
from schemas.bin_report import CountryFalls
from streams.config.settings import Settings
from streams.pipeline.common_falls import summed
from streams.pipeline.findings import AREAS
from streams.pipeline.incidents.feed_faults import SETTLING

AREA = AREAS.format("")  # how names of reporters begin that sum over all shards


class ShardFalls(NamedTuple):
    """What a shard says of a bin: the falls of its series, and whether it sees a fault by itself."""

    falls: CountryFalls
    fault: bool

    @property
    def scored(self) -> int:
        """How many series it scored."""
        return sum(self.falls.scored)

    def shows(self, country: str) -> bool:
        """Whether one of its series of a country has fallen."""
        return any(name == country and fell for name, fell in zip(self.falls.countries, self.falls.fell, strict=True))


@dataclass(slots=True)
class SuspectedOutage:
    """An outage under suspicion here. `needed`: bins for which it must be down after the fault, to be real.

    `down`: those so far, one after the other, in which its shard shows a fall in its country. `waited`: all bins since
    the fault. `returning`: its shard says that it is recovering.
    """

    reporter: str
    country: str
    needed: int
    down: int = 0
    waited: int = 0
    returning: bool = False

    def count(self, falls: bool) -> bool:
        """Count a bin after the fault, in which something `falls` in its country or not; return whether it is real."""
        is_down = falls and not self.returning
        self.down, self.waited = self.down + 1 if is_down else 0, self.waited + 1
        return not self.returning and (self.down >= self.needed or self.waited >= UNSEEN * self.needed)


@dataclass(slots=True)
class FeedVerdict:
    """What all shards together say of a feed. `going`: it is at fault. `gathered`: see `feed_fault.gather`.

    `judged`, `since`, `until`: ends of the newest bin, and of the first and the last bin of the newest fault; -1 for
    none. `seen`: by reporter, the end of the newest bin in which it saw a fault itself. `suspected`: outages under
    suspicion here, by id. Times are Unix seconds.
    """

    going: bool = False
    gathered: float = 0.0
    judged: int = -1
    since: int = -1
    until: int = -1
    seen: dict[str, int] = field(default_factory=dict)
    suspected: dict[str, SuspectedOutage] = field(default_factory=dict)

    def note_seen(self, reporters: Iterable[str], end: int) -> None:
        """Note who saw a fault in a bin; one that comes late takes back nothing of a newer one."""
        self.seen |= {reporter: max(end, self.seen.get(reporter, end)) for reporter in reporters}

    def suspect(self, outage: OutageRevision) -> None:
        """Put an outage under suspicion."""
        needed = SETTLING + AGAIN * outage.bins
        self.suspected[outage.outage_id] = SuspectedOutage(outage.reporter, outage.country or "", needed)

    def is_judge(self, reporter: str) -> bool:
        """Whether a reporter saw the end of the newest fault itself, so that it judges its own outages."""
        return self.seen.get(_judge(reporter), -1) >= self.until


class WholeFeeds:
    """The verdicts on all feeds, by name. `state`: the incidents that outages are in."""

    def __init__(self, settings: Settings, state: IncidentState, thresholds: Mapping[str, float]) -> None:
        self.settings, self.state, self.thresholds = settings, state, thresholds
        self.verdicts: dict[str, FeedVerdict] = {}

    def is_fresh(self, feed: str, end: int) -> bool:
        """Whether a bin has not been judged yet; what comes late of one changes no verdict."""
        return feed not in self.verdicts or end > self.verdicts[feed].judged

    def go_back(self, feed: str, end: int) -> None:
        """Forget what was judged of bins of a feed that end later: they have not been."""
        verdict = self.verdicts.get(feed)
        if verdict is not None and verdict.judged > end:
            seen = {reporter: min(at, end) for reporter, at in verdict.seen.items()}
            self.verdicts[feed] = FeedVerdict(judged=end, seen=seen, suspected=verdict.suspected)

    def judge(self, feed: str, end: int, parts: Mapping[str, ShardFalls], reported: bool) -> bool:
        """Judge a bin and return whether the feed is at fault. `reported`: a shard says so that sends no falls."""
        verdict = self.verdicts.setdefault(feed, FeedVerdict())
        verdict.note_seen(map(_judge, _who_see_it(parts)), end)
        if not self.is_fresh(feed, end):
            return reported or verdict.since <= end <= verdict.until
        going = reported or self._falls_together(feed, verdict, parts)
        if going and end > verdict.until + self._settling(feed):
            verdict.since = end
        verdict.going, verdict.judged, verdict.until = going, end, end if going else verdict.until
        return going

    def _falls_together(self, feed: str, verdict: FeedVerdict, parts: Mapping[str, ShardFalls]) -> bool:
        """Return whether the falls of all shards are a fault, as the detectors of the feed's kind decide."""
        falls = summed(part.falls for part in parts.values())
        if self.settings.feeds[feed].kind == "presence":
            return suspect(falls, verdict.going)
        if not falls:
            return verdict.going
        verdict.gathered = gather(verdict.gathered, common_fall(falls))
        return suspect(falls, verdict.going, verdict.gathered)

    def is_unaware(self, feed: str, reporter: str, at: float) -> bool:
        """Whether a feed is at fault at a time, or has just been, and a reporter does not know it."""
        verdict = self.verdicts.get(feed)
        return verdict is not None and self._is_in_effect(feed, verdict, at) and not verdict.is_judge(reporter)

    def _is_in_effect(self, feed: str, verdict: FeedVerdict, at: float) -> bool:
        return 0 <= verdict.since <= at <= verdict.until + self._settling(feed)

    def _settling(self, feed: str) -> float:
        return SETTLING * float(self.settings.feeds[feed].bin)

    def revised(self, outage: OutageRevision) -> OutageRevision:
        """Return a revision as it is to be taken: under suspicion of a fault of the feed, or free of one."""
        verdict = self.verdicts.get(outage.feed)
        if verdict is None or not outage.reporter:
            return outage
        home = self.state.incidents.get(self.state.roots.get(outage.outage_id, ""))
        previous = home.outages.get(outage.outage_id) if home else None
        in_fault, was_real = bool(home and home.fault), bool(previous and previous.confirmed)
        if outage.outage_id in verdict.suspected:
            return self._under_suspicion(verdict, outage) if in_fault else self._let_go(verdict, outage)
        if outage.suspected_fault:
            is_alone = not in_fault and not was_real and not self._is_in_effect(outage.feed, verdict, outage.updated_at)
            return self._without_fault(outage) if is_alone else outage
        is_fresh = not was_real and outage.started_at < verdict.until
        if (
            outage.running
            and (in_fault or is_fresh)
            and self.is_unaware(outage.feed, outage.reporter, outage.updated_at)
        ):
            verdict.suspect(outage)
            return self._under_suspicion(verdict, outage)
        return outage

    def _under_suspicion(self, verdict: FeedVerdict, outage: OutageRevision) -> OutageRevision:
        """Note how an outage goes on that is under suspicion here; one that ends was none."""
        if outage.running:
            verdict.suspected[outage.outage_id].returning = outage.state == "recovering"
        else:
            del verdict.suspected[outage.outage_id]
        return replace(outage, suspected_fault=True, state="suspected" if outage.running else "retracted")

    def _let_go(self, verdict: FeedVerdict, outage: OutageRevision) -> OutageRevision:
        """Return an outage as it is: another feed has shown that it is real."""
        del verdict.suspected[outage.outage_id]
        return outage

    def _without_fault(self, outage: OutageRevision) -> OutageRevision:
        """Return an outage of a shard that suspects a fault where all shards together show none."""
        is_sure = outage.evidence >= self.thresholds[outage.feed]
        return cleared(outage) if is_sure else replace(outage, suspected_fault=False)

    def announced(self, feed: str) -> Iterator[OutageRevision]:
        """Yield the mere suspicions that shards have of outages without knowing that the feed is at fault."""
        verdict = self.verdicts[feed]
        for incident in list(self.state.incidents.values()) if verdict.going else ():
            for outage in incident.outages.values():
                is_mere = outage.feed == feed and outage.state == "suspected" and outage.is_announced
                if is_mere and not outage.suspected_fault and outage.reporter and not verdict.is_judge(outage.reporter):
                    verdict.suspect(outage)
                    yield replace(outage, suspected_fault=True)

    def real(
        self, feed: str, end: int, parts: Mapping[str, ShardFalls], newest: Mapping[str, OutageRevision]
    ) -> Iterator[OutageRevision]:
        """Count a bin for the outages under suspicion, and yield the outages that are real after all.

        `newest`: revisions of this instant by outage id, where there are any.
        """
        verdict = self.verdicts[feed]
        for outage_id, trial in sorted(verdict.suspected.items()):
            if end <= verdict.until:
                trial.down = trial.waited = 0
            elif (falls := _shows(trial, parts)) is not None and trial.count(falls):
                del verdict.suspected[outage_id]
                outage = newest.get(outage_id) or self._stored(outage_id)
                if outage is not None:
                    yield replace(outage, suspected_fault=False, state="open", updated_at=float(end))

    def _stored(self, outage_id: str) -> OutageRevision | None:
        home = self.state.incidents.get(self.state.roots.get(outage_id, ""))
        return home.outages.get(outage_id) if home and home.fault else None


def _judge(reporter: str) -> str:
    """Return under which name it is known whether a reporter saw a fault: areas see what most shards see."""
    return AREA if reporter.startswith(AREA) else reporter


def _who_see_it(parts: Mapping[str, ShardFalls]) -> list[str]:
    """Return the shards that see a fault themselves, and the areas where those have half of the series."""
    seeing = [reporter for reporter, part in parts.items() if part.fault]
    weight = sum(parts[reporter].scored for reporter in seeing)
    of_most = 0 < weight >= SHARE * sum(part.scored for part in parts.values())
    return [*seeing, AREA] if of_most else seeing


def _shows(trial: SuspectedOutage, parts: Mapping[str, ShardFalls]) -> bool | None:
    """Return whether a bin shows a fall where an outage is; None where its shard does not report the bin."""
    if trial.reporter.startswith(AREA):
        return any(part.shows(trial.country) for part in parts.values())
    return parts[trial.reporter].shows(trial.country) if trial.reporter in parts else None
