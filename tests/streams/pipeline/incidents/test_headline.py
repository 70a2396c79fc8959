"""Headlines: whole sentences as they would be posted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detectors.incidents.model import Facets, IncidentKind, IncidentPhase, IncidentRevision
from detectors.types import Severity, Suppression
from schemas.incident import encode
from schemas.times import parse_time
from streams.pipeline.incidents.headline import country_name, given_up, headline, listed
from streams.pipeline.incidents.incident_messages import incident_of

CALLS: Facets = (("service", "skype"), ("service", "whatsapp"))
FIRST, LAST = parse_time("2019-12-25T05:00:00Z"), parse_time("2019-12-26T09:30:00Z")
MOBILE = IncidentRevision(
    root="4e423aff2ba6c822",
    revision=7,
    state="spreading",
    is_sure=True,
    is_wide=False,
    countries=("IR",),
    regions=("IR-12", "IR-30"),
    asns=(44244, 197207),
    kinds=("mobile-only", "international-only", "partial"),
    severity="major",
    drop=0.881,
    affected_share=0.31,
    services=(),
    started_at=FIRST,
    detected_at=FIRST,
    updated_at=LAST,
    ended_at=None,
    drops=((FIRST, 0.42), (FIRST + 6000, 0.88)),
    spread=(),
    outage_ids=("4e423aff2ba6c822",),
    seen_by=("reach",),
    against=("bgp",),
    silent=(),
    routes_up=None,
    evidence=112.0,
    merged_into=None,
    absorbed=(),
)
INCIDENT = replace(
    MOBILE,
    state="ongoing",
    regions=(),
    asns=(43754,),
    kinds=("total",),
    severity="total",
    drop=1.0,
    affected_share=0.04,
    drops=((FIRST, 1.0),),
    seen_by=("atlas", "probing"),
    against=(),
)


@pytest.mark.parametrize(
    ("revision", "sentence"),
    [
        (
            MOBILE,
            "Mobile Internet to the outside is mostly down in IR-12 and Khuzestan, Iran: 88 % of normal lost in 2 drops"
            ", 31 % of the country, since 2019-12-25 05:00 UTC; "
            "shown by reach, not by bgp; spreading, 2 regions by now.",
        ),
        (
            INCIDENT,
            "The Internet is down in AS43754 (Asiatech), Iran: 100 % of normal lost, 4 % of the country, "
            "since 2019-12-25 05:00 UTC; shown by atlas and probing; ongoing.",
        ),
        (
            replace(INCIDENT, state="ended", ended_at=LAST, asns=(1, 2, 3, 4), is_wide=True, affected_share=0.98),
            "The Internet was down in Iran: 100 % of normal lost, "
            "from 2019-12-25 05:00 to 2019-12-26 09:30 UTC; shown by atlas and probing; over.",
        ),
        (
            replace(
                INCIDENT, state="recovering", asns=(1, 2, 3, 4), severity="partial", drop=0.2, affected_share=0.001
            ),
            "The Internet is coming back in 4 networks of Iran: 20 % of normal lost at worst, "
            "since 2019-12-25 05:00 UTC; shown by atlas and probing.",
        ),
        (
            replace(INCIDENT, state="recovering", asns=(1, 2, 3, 4), is_wide=True, affected_share=0.98, back=0.63),
            "The Internet is coming back in Iran: 63 % of the loss is back, 100 % of normal lost at worst, "
            "since 2019-12-25 05:00 UTC; shown by atlas and probing.",
        ),
        (
            replace(INCIDENT, state="suspected", is_sure=False, countries=(), affected_share=0.0, seen_by=("atlas",)),
            "The Internet may be down in AS43754 (Asiatech): 100 % of normal lost, "
            "since 2019-12-25 05:00 UTC; suspected by atlas; ongoing.",
        ),
        (
            replace(INCIDENT, state="retracted", is_sure=False, ended_at=LAST, severity="partial", drop=0.06),
            "The Internet may have been partly down in AS43754 (Asiatech), Iran: 6 % of normal lost, "
            "from 2019-12-25 05:00 to 2019-12-26 09:30 UTC; suspected by atlas and probing; not confirmed.",
        ),
        (
            replace(INCIDENT, state="retracted", is_sure=False, ended_at=LAST, countries=("GB",), affected_share=None),
            "The Internet may have been down in AS43754 (Asiatech), the United Kingdom: 100 % of normal lost, "
            "from 2019-12-25 05:00 to 2019-12-26 09:30 UTC; suspected by atlas and probing; not confirmed.",
        ),
        (
            replace(INCIDENT, state="ended", ended_at=LAST, drop=0.67, mean_drop=0.514, severity="major"),
            "The Internet was mostly down in AS43754 (Asiatech), Iran: 51 % of normal lost on average, 67 % at worst, "
            "4 % of the country, from 2019-12-25 05:00 to 2019-12-26 09:30 UTC; shown by atlas and probing; over.",
        ),
        (
            replace(INCIDENT, drop=0.67, mean_drop=0.6, back=0.19, severity="major"),
            "The Internet is mostly down in AS43754 (Asiatech), Iran: 54 % of normal lost, 67 % at worst, "
            "4 % of the country, since 2019-12-25 05:00 UTC; shown by atlas and probing; ongoing.",
        ),
        (
            replace(INCIDENT, state="expired", kinds=("service-block", "total"), facets=CALLS, is_wide=True),
            "Access to skype and whatsapp was down in Iran: 100 % of normal lost, 4 % of the country, "
            "from 2019-12-25 05:00 UTC on; shown by atlas and probing; its feeds stopped, so its end is unknown.",
        ),
        (
            replace(INCIDENT, kinds=("fixed-only", "total"), merged_into="a"),
            "Fixed-line Internet in AS43754 (Asiatech), Iran: part of a larger incident, which tells what follows.",
        ),
        (
            replace(MOBILE, asns=tuple(range(1, 18)), is_wide=True, affected_share=0.49, against=()),
            "Mobile Internet to the outside is mostly down in IR-12 and Khuzestan, Iran: 88 % of normal lost in 2 drops"
            ", 49 % of the country, since 2019-12-25 05:00 UTC; shown by reach; spreading, 2 regions by now.",
        ),
        (
            replace(INCIDENT, regions=tuple(f"IR-{n}" for n in range(72)), asns=(), is_wide=True, affected_share=0.99),
            "The Internet is down in Iran: 100 % of normal lost, "
            "since 2019-12-25 05:00 UTC; shown by atlas and probing; ongoing.",
        ),
        (
            replace(INCIDENT, asns=tuple(range(1, 1235)), affected_share=0.0096, countries=("US",), state="spreading"),
            "The Internet is down in 1,234 networks of the United States: 100 % of normal lost, "
            "since 2019-12-25 05:00 UTC; shown by atlas and probing; spreading, 1,234 networks by now.",
        ),
        (
            replace(INCIDENT, regions=("IR-30",), affected_share=0.004, state="spreading"),
            "The Internet is down in Khuzestan, Iran: 100 % of normal lost, "
            "since 2019-12-25 05:00 UTC; shown by atlas and probing; spreading.",
        ),
        (
            replace(INCIDENT, kinds=("feed-fault",), seen_by=("bgp",), countries=(), outage_ids=("a", "b")),
            "The feed bgp is at fault, since 2019-12-25 05:00 UTC: 2 series of it fell at once; no outage.",
        ),
        (
            replace(INCIDENT, kinds=("feed-fault",), seen_by=("bgp",), countries=(), ended_at=LAST, is_refuted=True),
            "The feed bgp was suspected of a fault, from 2019-12-25 05:00 to 2019-12-26 09:30 UTC: 1 series of it fell "
            "at once; others show the same, so it was none.",
        ),
        (
            replace(INCIDENT, kinds=("feed-fault",), seen_by=("bgp",), countries=(), outage_ids=(), ended_at=LAST),
            "Nothing came from the feed bgp, from 2019-12-25 05:00 to 2019-12-26 09:30 UTC; no outage.",
        ),
    ],
)
def test_headlines(revision: IncidentRevision, sentence: str) -> None:
    """What, where, how much, since when, how sure, ongoing or over."""
    assert headline(revision, {"asn/43754": "Asiatech", "region/IR-30": "Khuzestan"}) == sentence


@pytest.mark.parametrize(
    ("facets", "kinds", "subject"),
    [
        ((), ("total",), "The Internet is down"),
        ((("access", "mobile"),), ("total",), "Mobile Internet is down"),
        ((("access", "fixed"), ("access", "mobile")), ("total",), "The Internet is down"),
        ((("direction", "domestic"),), ("total",), "The Internet within the country is down"),
        ((("direction", "international"), ("access", "fixed")), (), "Fixed-line Internet to the outside is down"),
        ((("service", "skype"),), ("total",), "Access to skype is down"),
        ((("service", "skype"), ("access", "mobile")), ("mobile-only",), "Access to skype by mobile Internet is down"),
        (tuple(("service", f"s{n}") for n in range(12)), ("service-block",), "Access to 12 services is down"),
        ((), ("mobile-only", "total"), "Mobile Internet is down"),
    ],
)
def test_no_more_is_said_to_be_down_than_was_measured(
    facets: Facets, kinds: tuple[IncidentKind, ...], subject: str
) -> None:
    """Facets that all outages have are named, whether the rest is normal or not measured."""
    assert headline(replace(INCIDENT, facets=facets, kinds=kinds), {}).startswith(f"{subject} in AS43754, Iran: ")


@pytest.mark.parametrize(
    ("note", "end"),
    [("works until\nnoon.", "ongoing; expected: works until\\nnoon."), ("", "ongoing; expected.")],
)
def test_what_is_expected_says_why(note: str, end: str) -> None:
    """The note of the calendar's entry ends the sentence, on one line."""
    revision = replace(INCIDENT, state="ongoing", suppressed_by=Suppression("fcf9d5a69dc3782d", note))
    assert headline(revision, {}).endswith(f"; {end}")


@pytest.mark.parametrize(
    ("routes_up", "note"),
    [
        (None, None),
        ((1, 1), "its routes are up: it is cut off behind working routes"),
        ((5, 6), "routes of 5 of 6 networks are up: they are cut off behind working routes"),
    ],
)
def test_routes_that_are_up_are_said_in_the_confidence(routes_up: tuple[int, int] | None, note: str | None) -> None:
    """Of the only network or the country itself, or of how many."""
    assert incident_of(replace(INCIDENT, routes_up=routes_up), {}).confidence.note == note


def test_names_cannot_break_out_of_the_sentence() -> None:
    """Control characters in names of networks and services are written as text."""
    revision = replace(INCIDENT, kinds=("service-block", "total"), facets=(("service", "\x1b[2J"),))
    assert headline(revision, {"asn/43754": "a\nb"}).isprintable()


@pytest.mark.parametrize(
    ("code", "name"),
    [
        *(("IR", "Iran"), ("GB", "the United Kingdom"), ("PH", "the Philippines"), ("MM", "Myanmar")),
        *(("HK", "Hong Kong"), ("CF", "the Central African Republic"), ("BA", "Bosnia and Herzegovina"), ("XX", "XX")),
        *(("CD", "Congo-Kinshasa"), ("CC", "the Cocos (Keeling) Islands"), ("EU", "the European Union")),
    ],
)
def test_names_of_countries(code: str, name: str) -> None:
    """They stand in a sentence as people write them; an unknown code stands for itself."""
    assert country_name(code) == name


def test_lists() -> None:
    """Words in a sentence."""
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


@pytest.mark.parametrize("state", ["ongoing", "spreading", "suspected"])
@pytest.mark.parametrize("base", [MOBILE, INCIDENT, replace(INCIDENT, countries=(), asns=tuple(range(1, 1235)))])
@pytest.mark.parametrize("severity", ["partial", "major", "total"])
def test_what_is_given_up_is_past(state: IncidentPhase, base: IncidentRevision, severity: Severity) -> None:
    """The headline of one that goes on becomes that of one that expired, but for the reason."""
    going = replace(base, state=state, severity=severity, is_sure=state != "suspected", incomplete=("reach",))
    over = headline(replace(going, state="expired"), {})
    assert given_up(headline(going, {}), "its feeds stopped, so its end is unknown") == over


def test_what_recovers_or_is_a_fault_is_given_up_too() -> None:
    """All of it is past, the fault of a feed too; what was said of names stays."""
    coming = headline(replace(INCIDENT, state="recovering", is_sure=True), {"asn/43754": "It is down in the sea"})
    assert given_up(coming, "given up") == (
        "The Internet was coming back in AS43754 (It is down in the sea), Iran: 100 % of normal lost at worst, "
        "from 2019-12-25 05:00 UTC on; shown by atlas and probing; given up."
    )
    fault = replace(INCIDENT, kinds=("feed-fault",), seen_by=("bgp",), countries=())
    assert given_up(headline(fault, {}), "given up") == (
        "The feed bgp was at fault, from 2019-12-25 05:00 UTC on: 1 series of it fell at once; no outage; given up."
    )
    stop = given_up(headline(replace(fault, outage_ids=()), {}), "given up")
    assert stop == "Nothing came from the feed bgp, from 2019-12-25 05:00 UTC on; no outage; given up."


def test_measurements_that_were_deleted_unread_are_named() -> None:
    """Feeds of which something is missing stand in the sentence and in a field of their own; others leave no trace."""
    revision = replace(INCIDENT, incomplete=("atlas", "bgp"))
    assert headline(revision, {}).endswith("; ongoing; measurements of atlas and bgp are missing.")
    assert incident_of(revision, {}).incomplete_feeds == ["atlas", "bgp"]
    assert b"incomplete_feeds" not in encode(incident_of(INCIDENT, {}))


@pytest.mark.parametrize(
    ("drop", "words"),
    [(1.0, "100 %"), (0.996, "more than 99 %"), (0.995, "more than 99 %"), (0.99, "99 %"), (0.004, "less than 1 %")],
)
def test_a_share_is_all_or_nothing_only_where_it_is(drop: float, words: str) -> None:
    """What rounds to 100 % may leave something, and what rounds to 0 % is not nothing."""
    assert f": {words} of normal lost" in headline(replace(MOBILE, drop=drop, drops=((FIRST, drop),)), {})


def test_a_trace_of_the_loss_that_is_back_is_less_than_a_hundredth() -> None:
    """A revision that recovers says how much is back, never "0 %"."""
    said = headline(replace(MOBILE, state="recovering", back=0.003), {})
    assert "less than 1 % of the loss is back, 88 % of normal lost at worst" in said
