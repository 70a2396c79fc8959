"""One plain sentence on an incident: what, where, how much, since when, how sure, and whether it is over."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from babel import Locale

from detectors.incidents.model import FAULT, Told
from schemas.rejections import one_line
from schemas.times import format_time

_ENGLISH = Locale("en")
_WITH_THE = ("United", "Isle", "European")
_WITH_THE_ENDS = ("Islands", "Republic", "Territories", "Emirates")
_THE = {"Bahamas", "Comoros", "Gambia", "Maldives", "Netherlands", "Philippines"}
_DOWN = {"total": "down", "major": "mostly down", "partial": "partly down"}
MANY = 3  # names of places that a sentence bears
SERVICES = 5  # and of services
HALF = 0.5  # of a country: regions that are as much of it are not named


def country_name(code: str) -> str:
    """Return a country's name as it stands in a sentence, or the code where there is none.

    >>> country_name("GB"), country_name("MM"), country_name("XX")
    ('the United Kingdom', 'Myanmar', 'XX')
    """
    name = re.sub(r" \([^)]*\)$", "", str(_ENGLISH.territories.get(code, code)))
    name = name.replace(" SAR China", "").replace(" & ", " and ").replace(" - ", "-")
    needs = name in _THE or name.startswith(_WITH_THE) or name.endswith(_WITH_THE_ENDS)
    return f"the {name}" if needs else name


def headline(told: Told, names: Mapping[str, str]) -> str:
    """Return the sentence. `names`: of regions and networks by entity, as far as they are known."""
    if told.merged_into:
        return f"{_what(told)} in {_where(told, names)}: part of a larger incident, which tells what follows."
    if told.kinds == (FAULT,):
        return _fault(told)
    subject = f"{_what(told)} {_verb(told)} in {_where(told, names)}"
    return f"{subject}: {_how_much(told)}, {_when(told)}; {_how_sure(told)}{_course(told)}{_expected(told)}."


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence.

    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def _fault(told: Told) -> str:
    feed, is_over = _safe(told.feeds[0]), told.ended_at is not None
    if not told.outage_ids and not told.is_doubted:
        return f"Nothing {'came' if is_over else 'comes'} from the feed {feed}, {_when(told)}; no outage."
    many = _count(len(told.outage_ids), "series") if told.outage_ids else "most"
    what = f"{_when(told)}: {many} of it fell at once"
    if told.is_refuted:
        return f"The feed {feed} was suspected of a fault, {what}; others show the same, so it was none."
    return f"The feed {feed} {'was' if is_over else 'is'} at fault, {what}; no outage."


def _what(told: Told) -> str:
    """What is down, as far as it was measured: of which lines, where to, and which services."""
    line = {"mobile": "Mobile Internet", "fixed": "Fixed-line Internet"}.get(_side(told, "access"), "")
    services = [_safe(value) for name, value in told.facets if name == "service"]
    if services:
        those = listed(services) if len(services) <= SERVICES else _count(len(services), "services")
        return f"Access to {those}" + (f" by {line[0].lower()}{line[1:]}" if line else "")
    way = {"international": " to the outside", "domestic": " within the country"}.get(_side(told, "direction"), "")
    return (line or "The Internet") + way


def _side(told: Told, facet: str) -> str:
    """The value of a facet that all of it has, or that it is known to be only of; empty where there is none."""
    only = {"access": ("mobile", "fixed"), "direction": ("international",)}[facet]
    values = [value for value in only if f"{value}-only" in told.kinds]
    values = values or [value for name, value in told.facets if name == facet]
    return values[0] if len(values) == 1 else ""


def _verb(told: Told) -> str:
    is_past = told.state in ("ended", "expired")
    surely, maybe = ("was", "may have been") if is_past else ("is", "may be")
    return f"{surely if told.is_sure else maybe} {_DOWN[told.severity]}"


def _where(told: Told, names: Mapping[str, str]) -> str:
    """The country, or the regions or networks of it when they are fewer."""
    countries = listed([country_name(code) for code in told.countries])
    regions = [_safe(names.get(f"region/{region}", region)) for region in told.regions]
    networks = [_network(asn, names) for asn in told.asns]
    is_half = not regions or (told.affected_share or 0.0) >= HALF
    if not countries or not told.is_wide or not is_half:
        few = (regions or networks) if len(regions or networks) <= MANY else []
        places = listed(few) or (_count(len(regions), "regions") if regions else _count(len(networks), "networks"))
        return f"{places}{', ' if few else ' of '}{countries}" if countries else places
    return countries


def _network(asn: int, names: Mapping[str, str]) -> str:
    name = names.get(f"asn/{asn}")
    return f"AS{asn} ({_safe(name)})" if name else f"AS{asn}"


def _how_much(told: Told) -> str:
    share = told.affected_share or 0.0
    lost = f"{_percent(told.drop)} of normal lost"
    drops = f" in {len(told.drops)} drops" if len(told.drops) > 1 else ""
    if told.countries and 0.01 <= share < told.drop - 0.05:
        return f"{lost}{drops}, {_percent(share)} of the country"
    return lost + drops


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _when(told: Told) -> str:
    since = _clock(told.started_at)
    if told.state == "expired":
        return f"from {since} UTC on"
    return f"since {since} UTC" if told.ended_at is None else f"from {since} to {_clock(told.ended_at)} UTC"


def _clock(time: float) -> str:
    return format_time(time)[:16].replace("T", " ")


def _how_sure(told: Told) -> str:
    sure = f"{'shown' if told.is_sure else 'suspected'} by {listed([_safe(feed) for feed in told.seen_by])}"
    return sure + (f", not by {listed([_safe(feed) for feed in told.against])}" if told.against else "")


def _course(told: Told) -> str:
    if told.state == "spreading":
        regions, networks = len(told.regions), len(told.asns)
        many = _count(regions, "regions") if regions > 1 else _count(networks, "networks") if networks > 1 else ""
        return f"; spreading, {many} by now" if many else "; spreading"
    if told.state == "ended" and not told.is_sure:
        return "; not confirmed"
    ends = {"recovering": "; coming back", "ended": "; over", "expired": "; its feeds stopped, so its end is unknown"}
    return ends.get(told.state, "; ongoing")


def _expected(told: Told) -> str:
    if told.suppressed_by is None:
        return ""
    note = _safe(told.suppressed_by.note).rstrip(". ")
    return f"; expected{': ' if note else ''}{note}"


def _count(number: int, plural: str) -> str:
    return f"{number:,} {plural if number != 1 or plural == 'series' else plural[:-1]}"


def _safe(name: str) -> str:
    return one_line(name)
