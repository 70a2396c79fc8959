"""The HTML pages: their content, escaping and bounds."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.incident import Incident
from schemas.outage import Outage, lost
from streams.cli.tables import line
from streams.worker.view import view_of
from streams.worker.web.page_models import Item, drawn
from streams.worker.web.page_state import PageState, copied
from streams.worker.web.worker_view import WorkerView
from tests.streams.helpers import records
from tests.streams.worker.web.pages import VIEW, Reader, made, page
from tests.streams.worker.web.site import SETTINGS, Dark, read, story, worker_of

HOSTILE = [
    '"><script>alert(1)</script>',
    "' onload='x",
    "{{ 7 * 7 }}",
    "</title><b>",
    "a\nb\u202e",
    "&lt;",
    "\x00\x1b[2J",
]


def items(view: WorkerView, values: Sequence[Outage | Incident]) -> list[Item]:
    """Return the items that a page shows for these."""
    return asyncio.run(drawn(view, PageState(copied(view)), values))


def every_page(view: WorkerView) -> list[Reader]:
    """Return one page of each sort."""
    outage, incident = view.outages()[0].outage_id, view.incidents()[0].incident_id
    return [
        *(page(view, path) for path in ("/", "/outages", "/incidents", "/series?entity=asn/1")),
        page(view, f"/outages/{outage}", "/outages/{id}", id=outage),
        page(view, f"/incidents/{incident}", "/incidents/{id}", id=incident),
    ]


def named(text: str) -> WorkerView:
    """Return the story with one outage and one incident that hold this text wherever a message may hold any."""
    outage, incident = VIEW.outages()[0], VIEW.incidents()[1]
    mine = msgspec.structs.replace(
        outage,
        entity=f"region/IR-{text}",
        region=text,
        facets={"service": text},
        signal=text,
        suppressed_by=text,
        explain={"reason": text, "baseline": text},
    )
    scope = msgspec.structs.replace(incident.scope, regions=[text])
    confidence = msgspec.structs.replace(incident.confidence, seen_by=[text], note=text)
    changed = msgspec.structs.replace(
        incident, headline=text, scope=scope, services=[text], suppressed_by=text, confidence=confidence
    )
    return dataclasses.replace(VIEW, outages=lambda: [mine], incidents=lambda: [changed])


PLAIN = [reader.tags for reader in every_page(named("plain"))]


@settings(max_examples=40)
@given(st.one_of(st.sampled_from(HOSTILE), st.text(min_size=1, max_size=64)))
def test_names_stay_text(text: str) -> None:
    """Whatever a name holds, the pages have the same tags and attributes as with a plain one."""
    assert [reader.tags for reader in every_page(named(text))] == PLAIN


def test_a_headline_is_shown_as_it_is() -> None:
    """Escaped once, not twice."""
    assert "<i>1 & 2</i>" in page(named("<i>1 & 2</i>"), "/").text


def test_the_overview_shows_the_present_state() -> None:
    """Incidents with their outages folded under them, then ended ones, then the state of the feeds."""
    shown = page(VIEW, "/")
    text = re.sub(r"\s+", " ", shown.text)
    assert "1 ongoing incident" in text
    order = [
        "Iran: 86 % of normal lost",
        "14 ongoing outages: 9 networks",
        "AS1 mobile",
        "AS7 mobile",
        "Each outage belongs to an incident above.",
        "Recently ended",
        "AS41, Azerbaijan",
        "no data yet",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert [tag for tag, names in shown.tags].count("details") == 1
    assert [tag for tag, _ in shown.tags].count("svg") == 1 + 1 + 14 + 1  # the mark, an incident, its outages, one over
    assert "https://grafana.example/ebbtide/d/ebbtide-overview" in shown.links


def test_no_measurements_are_not_reported_as_normal() -> None:
    """Before the first measurement, and when all feeds have stopped, the page says that the state is unknown."""
    assert "No measurements yet" in page(read([]), "/").text
    calm = read(story(darks=()))
    assert "Nothing is dark" in page(calm, "/").text
    health = calm.health()
    stopped = health._replace(feeds=[feed._replace(stalled=True) for feed in health.feeds])
    text = page(dataclasses.replace(calm, health=lambda: stopped), "/").text
    assert "All feeds have stopped" in text
    waiting = health._replace(not_ready="partitions [0] are behind")
    assert (
        "is not ready: partitions [0] are behind" in page(dataclasses.replace(calm, health=lambda: waiting), "/").text
    )


def test_nothing_is_dark_needs_a_judgement() -> None:
    """Series in warm-up, and those of a feed at fault, were compared with nothing; a fault counts as no incident."""
    calm = read(story(darks=()))
    health = calm.health()
    fresh = health._replace(feeds=[feed._replace(judged=0) for feed in health.feeds])
    assert "Nothing has been judged yet" in page(dataclasses.replace(calm, health=lambda: fresh), "/").text
    (ended,) = (item for item in VIEW.incidents() if item.state == "ended")
    fault = msgspec.structs.replace(ended, state="ongoing", kinds=["feed-fault"], feeds=["reach"], ended_at=None)
    text = page(dataclasses.replace(calm, incidents=lambda: [fault]), "/").text
    assert "Nothing is dark" in text
    assert "ongoing incident" not in text
    fallen = [msgspec.structs.replace(each, state="open", ended_at=None) for each in VIEW.outages()[:2]]
    apart = msgspec.structs.replace(fault, outage_ids=[fallen[0].outage_id])
    both = dataclasses.replace(calm, incidents=lambda: [apart], outages=lambda: fallen)
    assert "1 ongoing outage" in page(both, "/").text  # not the one that its feed's fault has
    every = msgspec.structs.replace(fault, feeds=[feed.name for feed in health.feeds])
    assert "All feeds are at fault" in page(dataclasses.replace(calm, incidents=lambda: [every]), "/").text


def test_an_outage_that_its_partition_alone_doubts_says_so() -> None:
    """Its message says that it is suspected, and the incident that it is real: the page says why they differ."""
    going = next(incident for incident in VIEW.incidents() if incident.state != "ended")
    first = next(outage for outage in VIEW.outages() if outage.outage_id in going.outage_ids)
    doubted = msgspec.structs.replace(first, state="suspected", explain={**first.explain, "held": "feed"})
    fault = msgspec.structs.replace(going, kinds=["feed-fault"])
    for incident, is_said in ((going, True), (fault, False)):
        view = dataclasses.replace(VIEW, outages=lambda: [doubted], incidents=partial(list, [incident]))
        text = page(view, f"/outages/{first.outage_id}", "/outages/{id}", id=first.outage_id).text
        assert ("Its partition alone suspects a fault" in text) == is_said


def test_a_fault_lasts_by_the_clock_on_the_wall() -> None:
    """Nothing comes from the feed, so its time stands still while the fault goes on."""
    (ended,) = (item for item in VIEW.incidents() if item.state == "ended")
    fault = msgspec.structs.replace(ended, state="ongoing", kinds=["feed-fault"], feeds=["reach"], ended_at=None)
    health = VIEW.health()
    silent = health._replace(feeds=[feed._replace(silence=7200.0) for feed in health.feeds])
    (before,) = items(VIEW, [fault])
    (after,) = items(dataclasses.replace(VIEW, health=lambda: silent), [fault])
    quiet = next(feed.silence for feed in health.feeds if feed.name == "reach") or 0.0
    assert after.duration - before.duration == 7200.0 - quiet


def test_what_is_lost_agrees_with_the_numbers_beside_it() -> None:
    """The level is down to nothing, and the newest bin measured 10 of 19.7: half is lost, not all of it."""
    outage = msgspec.structs.replace(VIEW.outages()[0], state="open", value=10.0, expected=19.7, drop=1.0)
    assert f"{lost(outage):.2f}" == "0.49"
    assert "49%" in line(outage)
    view = dataclasses.replace(VIEW, outages=lambda: [outage], incidents=list)
    assert "49 % lost" in page(view, "/outages").text
    assert lost(msgspec.structs.replace(outage, value=None)) == 1.0


def test_what_was_deleted_unread_is_shown() -> None:
    """Pages of an outage and of an incident say what is missing; where nothing is, they say nothing."""
    outage, incident = VIEW.outages()[0], VIEW.incidents()[0]

    def texts(view: WorkerView) -> tuple[str, str]:
        ids = ("outages", outage.outage_id), ("incidents", incident.incident_id)
        own, whole = (page(view, f"/{kind}/{name}", f"/{kind}/{{id}}", id=name).text for kind, name in ids)
        return own, whole

    assert "deleted unread" not in "".join(texts(VIEW))
    marked = msgspec.structs.replace(outage, missing_bins=3)
    part = msgspec.structs.replace(incident, incomplete_feeds=["<i>reach"])
    own, whole = texts(dataclasses.replace(VIEW, outages=lambda: [marked], incidents=lambda: [part]))
    assert "3 bins unknown: measurements were deleted unread" in own
    assert "measurements of <i>reach were deleted unread" in whole  # as text, not as a tag


def test_a_stopped_feed_is_reported_first() -> None:
    """The headline does not cover what it measures, and in a storm the table of feeds is far below."""
    calm = read(story(darks=()))
    assert "What reach measures" not in page(calm, "/").text
    health = calm.health()
    stopped = health._replace(feeds=[feed._replace(stalled=feed.name == "reach") for feed in health.feeds])
    shown = page(dataclasses.replace(calm, health=lambda: stopped), "/")
    text = " ".join(shown.text.split())
    assert "What reach measures is not known: it is silent for 0 s." in text
    assert "What atlas measures is not known: it has sent nothing yet." in text
    assert text.index("What reach") < text.rindex("Nothing is dark in 1 of 3 feeds") < text.index("No ongoing incident")
    assert "No ongoing incident is known. " in text
    assert "No network or area of the judged feeds is below its expected level. " in text


def test_a_feed_in_warm_up_says_from_when_it_is_judged() -> None:
    """Of bins of an hour six are learnt, so the seventh is judged: the worker says so before, and judges it then."""
    rows = story(darks=())
    early, then = rows[: 4 * 75], rows[: 9 * 75]
    text = " ".join(page(read(early), "/").text.split())
    assert "What traffic measures is not known: it warms up, judged from 2019-12-24 06:00." in text
    assert "Nothing has been judged yet" in text
    assert "What traffic measures" not in page(read(then), "/").text


def test_dead_letters_are_on_the_page() -> None:
    """How many of each reason, and the newest of each partition, as text; where there is none, the page says so."""
    worker = worker_of(SETTINGS)
    worker.measuring.at(2).process(records([b"\x1b[2J", b"[1", b'{"feed": "reach"}'], 7), 0.0)
    found = view_of(worker).health()
    assert found.dead == {"not-json": 2, "missing-field": 1}
    (newest,) = found.last_dead
    assert newest.startswith("partition 2, offset 9, missing-field: ")
    assert "No dead letter of the partitions here" in page(VIEW, "/").text
    health = VIEW.health()._replace(dead={"bad-time": 1200, "empty": 1}, last_dead=["partition 0, <b>: `ts`"])
    text = " ".join(page(dataclasses.replace(VIEW, health=lambda: health), "/").text.split())
    assert "1,200 bad-time, 1 empty. The newest: partition 0, <b>: `ts`" in text


def test_a_share_and_its_word_stay_on_a_line() -> None:
    """No line breaks within "97 % lost", wherever it stands."""
    outage = next(found for found in VIEW.outages() if found.state == "open").outage_id
    for path, pattern, match in [("/", "/", {}), (f"/outages/{outage}", "/outages/{id}", {"id": outage})]:
        text = made(VIEW, pattern, make_mocked_request("GET", path, match_info=match)).text or ""
        headline = VIEW.incidents()[1].headline.replace(" %", "\xa0%")
        assert headline in text
        shares = re.findall(r"[0-9]+(.)%(?:</b>)?(.{1,6})lost", text.replace(headline, ""))
        assert shares
        assert all(pair == ("\xa0", "&nbsp;") for pair in shares)


def test_the_places_of_an_incident_are_links() -> None:
    """Its networks and countries lead to their series."""
    incident = next(found for found in VIEW.incidents() if found.state == "ongoing")
    shown = page(VIEW, f"/incidents/{incident.incident_id}", "/incidents/{id}", id=incident.incident_id)
    assert {"../series?entity=asn/1", "../series?entity=country/IR"} <= set(shown.links)


def test_the_picture_of_an_incident_counts_nothing_twice() -> None:
    """The sum of its networks alone, though their country is down too: a sum of both would be twice as high."""
    incident = next(found for found in VIEW.incidents() if found.state == "ongoing")
    country = msgspec.structs.replace(VIEW.outages()[0], outage_id="0" * 16, entity="country/IR", feed="traffic")
    more = msgspec.structs.replace(incident, outage_ids=[*incident.outage_ids, country.outage_id])
    both = dataclasses.replace(VIEW, outages=lambda: [country, *VIEW.outages()])
    (item,), (alone,) = items(both, [more]), items(VIEW, [incident])
    assert item.chart is not None
    assert item.chart == alone.chart
    assert item.chart.name == "9 series of networks, feed traffic"
    assert item.chart.name in item.chart.svg
    shown = page(VIEW, f"/incidents/{incident.incident_id}", "/incidents/{id}", id=incident.incident_id)
    assert item.chart.name in shown.text


def test_a_storm_is_bounded() -> None:
    """A page shows at most a hundred of hundreds of outages, and links to all of them."""
    storm = read(story(300, [Dark(asn, 78, 9, 0.95) for asn in range(1, 290)]))
    answer = made(storm, "/", make_mocked_request("GET", "/"))
    assert answer.text is not None
    shown = Reader(answer.text)
    assert len([link for link in shown.links if link.startswith("./outages/")]) == 100
    assert "./outages?state=open&state=recovering" in shown.links
    assert len(answer.text) < 250_000
    assert len([link for link in page(storm, "/outages?limit=1000").links if link.startswith("./outages/")]) == 100


def test_suspicions_are_counted_apart() -> None:
    """Suspected outages are counted behind a link."""
    suspected = [msgspec.structs.replace(outage, state="suspected") for outage in VIEW.outages()]
    shown = page(dataclasses.replace(VIEW, outages=lambda: suspected, incidents=list), "/")
    assert "Nothing is dark" in shown.text
    assert f"{len(suspected)} outages suspected" in shown.text
    assert "outages?state=suspected" in shown.links


@pytest.mark.parametrize(
    ("changes", "is_listed"), [({}, True), ({"state": "retracted"}, False), ({"merged_into": "0" * 16}, False)]
)
def test_retracted_and_merged_incidents_are_not_listed_as_ended(changes: dict[str, Any], is_listed: bool) -> None:
    """An incident of Azerbaijan is over: it is listed, unless it was never confirmed or is a part of another."""
    incidents = [msgspec.structs.replace(item, **changes) for item in VIEW.incidents() if item.state == "ended"]
    outages = [outage for outage in VIEW.outages() if outage.country == "AZ"]
    view = dataclasses.replace(VIEW, outages=lambda: outages, incidents=lambda: incidents)
    assert ("AS41, Azerbaijan" in page(view, "/").text) == is_listed


def test_an_incident_says_whether_it_was_confirmed() -> None:
    """Its page has the time, and of a retracted one that it never was."""
    (ended,) = (item for item in VIEW.incidents() if item.state == "ended")
    changes: list[tuple[dict[str, Any], str]] = [
        ({"confirmed_at": "2019-12-26T13:00:00Z"}, "Confirmed2019-12-26 13:00"),
        ({"state": "retracted", "confirmed_at": None}, "Confirmedno "),
        ({"state": "suspected", "confirmed_at": None, "ended_at": None}, "Confirmednot yet"),
    ]
    for change, words in changes:
        view = dataclasses.replace(VIEW, incidents=[msgspec.structs.replace(ended, **change)].copy)
        shown = page(view, f"/incidents/{ended.incident_id}", "/incidents/{id}", id=ended.incident_id)
        assert words in " ".join(shown.text.split())


def test_networks_are_called_by_their_names() -> None:
    """Where the metadata have one, in lists and on the page of an outage, escaped like all others."""
    view = dataclasses.replace(named("plain"), name_of=lambda entity: f"<b>{entity}</b>")
    assert [reader.tags for reader in every_page(view)[:3]] == PLAIN[:3]
    assert "<b>region/IR-plain</b>, Azerbaijan" in page(view, "/outages").text
    outage = view.outages()[0].outage_id
    assert "<b>region/IR-plain</b>" in page(view, f"/outages/{outage}", "/outages/{id}", id=outage).text
