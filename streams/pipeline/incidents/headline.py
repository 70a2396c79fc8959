"""The headline of an incident: what is down, where, how much, since when, how sure, and whether it is over."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from babel import Locale

from detectors.incidents.model import FEED_FAULT, OVER, IncidentRevision
from detectors.outages.outage_lifecycle import MATERIAL
from schemas.rejections import one_line
from schemas.severity import SEVERITIES
from schemas.times import format_time

_ENGLISH = Locale("en")
_WITH_THE = ("United", "Isle", "European")
_WITH_THE_ENDS = ("Islands", "Republic", "Territories", "Emirates")
_THE = {"Bahamas", "Comoros", "Gambia", "Maldives", "Netherlands", "Philippines"}
MAX_PLACES = 3  # named in a sentence; more are counted
MAX_SERVICES = 5
NO_COUNTRY = re.compile("AA|Q[M-Z]|X[A-JL-Z]|ZZ")  # codes that ISO 3166-1 leaves to users; Kosovo's XK is agreed upon
_PAST = {" is ": " was ", " may be ": " may have been ", "Nothing comes": "Nothing came"}
_STATES = "|".join(["at fault", "coming back in", *(f"{severity.predicate} in" for severity in SEVERITIES.values())])
_PRESENT = re.compile(rf" (?:is|may be) (?=(?:{_STATES})\b)|^Nothing comes(?= from the feed )")
_SINCE = re.compile(r", since ([-0-9: ]+) UTC")
_GOES_ON = re.compile(r"; ongoing|; spreading(?:, [0-9,]+ (?:regions|networks) by now)?")
ROUNDS_TO_NOTHING = 0.005  # share that is 0 in whole per cent
HALF = 0.5  # share of a country from which the country is named in place of its regions


def territory(code: str) -> str | None:
    """Return the English name of a country; None of a code that names none.

    >>> territory("GB"), territory("XK"), territory("XA")
    ('United Kingdom', 'Kosovo', None)
    """
    name = None if NO_COUNTRY.fullmatch(code) else _ENGLISH.territories.get(code)
    return None if name is None else str(name)


def country_name(code: str) -> str:
    """Return a country's English name for use within a sentence, or the code where there is none.

    >>> country_name("GB"), country_name("MM"), country_name("XX")
    ('the United Kingdom', 'Myanmar', 'XX')
    """
    name = re.sub(r" \([^)]*\)$", "", territory(code) or code)
    name = name.replace(" SAR China", "").replace(" & ", " and ").replace(" - ", "-")
    needs = name in _THE or name.startswith(_WITH_THE) or name.endswith(_WITH_THE_ENDS)
    return f"the {name}" if needs else name


def headline(revision: IncidentRevision, names: Mapping[str, str]) -> str:
    """Return one plain sentence. `names`: of regions and networks by entity, as far as they are known."""
    if revision.merged_into:
        return (
            f"{_subject(revision)} in {_where(revision, names)}: part of a larger incident, which tells what follows."
        )
    if revision.kinds == (FEED_FAULT,):
        return _fault(revision)
    event = f"{_subject(revision)} {_verb(revision)} in {_where(revision, names)}"
    details = f"{_how_much(revision)}, {_when(revision)}; {_how_sure(revision)}{_course(revision)}"
    return f"{event}: {details}{_incomplete(revision)}{_expected(revision)}."


def given_up(text: str, why: str) -> str:
    """Return the headline of an incident that goes on as one of the past. `why`: it is not known how it went on.

    >>> given_up("The Internet is down in Iran: 90 % of normal lost, since 2019-11-16 11:00 UTC; ongoing.", "given up")
    'The Internet was down in Iran: 90 % of normal lost, from 2019-11-16 11:00 UTC on; given up.'
    """
    past = _PRESENT.sub(lambda found: _PAST[found[0]], text, count=1)
    past = _SINCE.sub(r", from \1 UTC on", past, count=1)
    if _GOES_ON.search(past):
        return _GOES_ON.sub(lambda _: f"; {why}", past, count=1)
    return f"{past.removesuffix('.')}; {why}."


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence.

    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def _fault(revision: IncidentRevision) -> str:
    feed, is_over = _safe(revision.seen_by[0]), revision.ended_at is not None
    if not revision.outage_ids and not revision.is_doubted:
        return f"Nothing {'came' if is_over else 'comes'} from the feed {feed}, {_when(revision)}; no outage."
    many = _count(len(revision.outage_ids), "series") if revision.outage_ids else "most"
    fall = f"{_when(revision)}: {many} of it fell at once"
    if revision.is_refuted:
        return f"The feed {feed} was suspected of a fault, {fall}; others show the same, so it was none."
    return f"The feed {feed} {'was' if is_over else 'is'} at fault, {fall}; no outage."


def _subject(revision: IncidentRevision) -> str:
    """Return what is down as far as it was measured: which lines, to where, and which services."""
    line = {"mobile": "Mobile Internet", "fixed": "Fixed-line Internet"}.get(_side(revision, "access"), "")
    services = [_safe(value) for name, value in revision.facets if name == "service"]
    if services:
        names = listed(services) if len(services) <= MAX_SERVICES else _count(len(services), "services")
        return f"Access to {names}" + (f" by {line[0].lower()}{line[1:]}" if line else "")
    way = {"international": " to the outside", "domestic": " within the country"}.get(_side(revision, "direction"), "")
    return (line or "The Internet") + way


def _side(revision: IncidentRevision, facet: str) -> str:
    """Return the one value of a facet that all outages have, or that is down alone; empty where there is none."""
    only = {"access": ("mobile", "fixed"), "direction": ("international",)}[facet]
    values = [value for value in only if f"{value}-only" in revision.kinds]
    values = values or [value for name, value in revision.facets if name == facet]
    return values[0] if len(values) == 1 else ""


def _verb(revision: IncidentRevision) -> str:
    is_past = revision.state in OVER
    surely, maybe = ("was", "may have been") if is_past else ("is", "may be")
    if revision.state == "recovering":
        return f"{surely if revision.is_sure else maybe} coming back"
    return f"{surely if revision.is_sure else maybe} {SEVERITIES[revision.severity].predicate}"


def _where(revision: IncidentRevision, names: Mapping[str, str]) -> str:
    """Return the country, or its regions or networks when they are few."""
    countries = listed([country_name(code) for code in revision.countries])
    regions = [_safe(names.get(f"region/{region}", region)) for region in revision.regions]
    networks = [_network(asn, names) for asn in revision.asns]
    is_half = not regions or (revision.affected_share or 0.0) >= HALF
    if not countries or not revision.is_wide or not is_half:
        few = (regions or networks) if len(regions or networks) <= MAX_PLACES else []
        places = listed(few) or (_count(len(regions), "regions") if regions else _count(len(networks), "networks"))
        return f"{places}{', ' if few else ' of '}{countries}" if countries else places
    return countries


def _network(asn: int, names: Mapping[str, str]) -> str:
    name = names.get(f"asn/{asn}")
    return f"AS{asn} ({_safe(name)})" if name else f"AS{asn}"


def _how_much(revision: IncidentRevision) -> str:
    share = revision.affected_share or 0.0
    lost = _lost(revision)
    if revision.state == "recovering":
        back = f"{_percent(revision.back)} of the loss is back, " if revision.back else ""
        return f"{back}{_percent(revision.drop)} of normal lost at worst"
    drops = f" in {len(revision.drops)} drops" if len(revision.drops) > 1 else ""
    if revision.countries and 0.01 <= share < revision.drop - 0.05:
        return f"{lost}{drops}, {_percent(share)} of the country"
    return lost + drops


def _lost(revision: IncidentRevision) -> str:
    """Return what is lost now, or was on average, and at worst where that was clearly more."""
    is_over, worst = revision.state in OVER, revision.drop
    mean = worst if revision.mean_drop is None else revision.mean_drop
    share = mean if is_over else worst * (1 - revision.back)
    if worst - share < MATERIAL:
        return f"{_percent(worst)} of normal lost"
    return f"{_percent(share)} of normal lost{' on average' if is_over else ''}, {_percent(worst)} at worst"


def _percent(share: float) -> str:
    """Return a share in words that say neither all nor nothing where it is not."""
    if 0 < share <= ROUNDS_TO_NOTHING:
        return "less than 1 %"
    return "more than 99 %" if 1 - ROUNDS_TO_NOTHING <= share < 1 else f"{100 * share:.0f} %"


def _when(revision: IncidentRevision) -> str:
    since = _clock(revision.started_at)
    if revision.state == "expired":
        return f"from {since} UTC on"
    return f"since {since} UTC" if revision.ended_at is None else f"from {since} to {_clock(revision.ended_at)} UTC"


def _clock(time: float) -> str:
    return format_time(time)[:16].replace("T", " ")


def _how_sure(revision: IncidentRevision) -> str:
    sure = f"{'shown' if revision.is_sure else 'suspected'} by {listed([_safe(feed) for feed in revision.seen_by])}"
    return sure + (f", not by {listed([_safe(feed) for feed in revision.against])}" if revision.against else "")


def _course(revision: IncidentRevision) -> str:
    if revision.state == "spreading":
        regions, networks = len(revision.regions), len(revision.asns)
        many = _count(regions, "regions") if regions > 1 else _count(networks, "networks") if networks > 1 else ""
        return f"; spreading, {many} by now" if many else "; spreading"
    ends = {
        "recovering": "",
        "ended": "; over",
        "expired": "; its feeds stopped, so its end is unknown",
        "retracted": "; not confirmed",
    }
    return ends.get(revision.state, "; ongoing")


def _incomplete(revision: IncidentRevision) -> str:
    """Return which feeds lack measurements that were deleted unread."""
    feeds = listed([_safe(feed) for feed in revision.incomplete])
    return f"; measurements of {feeds} are missing" if feeds else ""


def _expected(revision: IncidentRevision) -> str:
    if revision.suppressed_by is None:
        return ""
    note = _safe(revision.suppressed_by.note).rstrip(". ")
    return f"; expected{': ' if note else ''}{note}"


def _count(number: int, plural: str) -> str:
    return f"{number:,} {plural if number != 1 or plural == 'series' else plural[:-1]}"


def _safe(name: str) -> str:
    return one_line(name)
