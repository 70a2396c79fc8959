"""The HTML pages of lists, of one outage, and of the series of an entity."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request

from schemas.outage import RUNNING
from streams.config.settings import MetricsSettings
from streams.worker.web.formatting import from_day_before
from streams.worker.web.page_state import PageState, copied
from streams.worker.web.series_page import series_items
from tests.streams.worker.web.pages import VIEW, made, page
from tests.streams.worker.web.site import START, read, story

DASHBOARDS = Path(__file__).parents[4] / "deploy" / "grafana" / "dashboards"


def test_lists_are_asked_by_a_form() -> None:
    """Empty fields ask for nothing; the answer keeps what was asked, and links to the same as JSON and to more."""
    shown = page(VIEW, "/outages?country=&asn=41&state=")
    assert "AS41" in shown.text
    assert "AS7" not in shown.text
    assert "./api/v1/outages?asn=41&limit=100" in shown.links
    more = page(VIEW, "/outages?limit=3&state=open")
    (link,) = [link for link in more.links if "cursor=" in link]
    assert "AS5" in page(VIEW, link.removeprefix(".")).text


@pytest.mark.parametrize("asked", ["country=az", "country=%20Az", "asn=AS41", "asn=as41%20", "asn=41"])
def test_a_form_takes_what_people_type(asked: str) -> None:
    """In small letters, with the letters of an AS, with a space at either end, as a phone's keyboard puts it."""
    text = page(VIEW, f"/outages?{asked}").text
    assert "AS41" in text
    assert "AS7" not in text


def test_the_page_of_an_outage_is_complete() -> None:
    """It has the reason, details, the incident, and the bins as a table."""
    outage = next(found for found in VIEW.outages() if (found.entity, found.feed) == ("asn/1", "traffic"))
    shown = page(VIEW, f"/outages/{outage.outage_id}", "/outages/{id}", id=outage.outage_id)
    assert outage.explain["reason"] in shown.text
    assert "97 % lost: 1.57 measured, 52.5 Mbit/s expected" in shown.text
    assert "9 networks of Iran" in shown.text
    assert [tag for tag, _ in shown.tags].count("tr") == 1 + 48
    assert f"../api/v1/outages/{outage.outage_id}" in shown.links


def test_a_suppressed_outage_shows_the_note_of_the_calendar() -> None:
    """An outage that the calendar suppresses shows the note of the entry."""
    outage = VIEW.outages()[0]
    mine = msgspec.structs.replace(outage, suppressed_by="0123", explain={**outage.explain, "calendar": "an exam"})
    view = dataclasses.replace(VIEW, outages=lambda: [mine])
    assert "an exam" in page(view, f"/outages/{mine.outage_id}", "/outages/{id}", id=mine.outage_id).text


@pytest.mark.parametrize("entity", ["AS3", "3", "asn/3"])
def test_all_series_of_a_network_are_shown(entity: str) -> None:
    """Asked for in any way that names it: a picture of each, what goes on, and its outages."""
    shown = page(VIEW, f"/series?entity={entity}")
    text = re.sub(r"\s+", " ", shown.text)
    assert text.index("reach active-probing") < text.index("traffic, mobile traffic") < text.index("97 % lost")
    assert text.count("outage ongoing") == 2
    assert [tag for tag, _ in shown.tags].count("svg") == 1 + 2 * 3 + 2  # a picture of a series has two axes
    assert "./api/v1/series/asn/3" in shown.links


def test_grafana_is_linked_where_it_has_the_entity() -> None:
    """Its dashboard shows what is dark, from a day before, and what is on the watch list."""
    dark = min((outage for outage in VIEW.outages() if outage.entity == "asn/3"), key=lambda outage: outage.started_at)
    link = "https://grafana.example/ebbtide/d/ebbtide-entity?var-entity=asn/3"
    assert f"{link}{from_day_before(dark.started_at)}" in page(VIEW, "/series?entity=AS3").links
    shown = page(VIEW, f"/outages/{dark.outage_id}", "/outages/{id}", id=dark.outage_id)
    assert f"{link}{from_day_before(dark.started_at)}" in shown.links
    running = {outage.entity for outage in VIEW.outages() if outage.state in RUNNING}
    calm = min({f"asn/{asn}" for asn in range(1, 40) if VIEW.rows_of_entity(f"asn/{asn}")[0].series} - running)
    assert not [link for link in page(VIEW, f"/series?entity={calm}").links if "ebbtide-entity" in link]
    configured = msgspec.structs.replace(VIEW.settings, metrics=MetricsSettings(watch=(calm,)))
    watching = dataclasses.replace(VIEW, settings=configured)
    assert link.replace("asn/3", calm) in page(watching, f"/series?entity={calm}").links
    names = [json.loads(file.read_bytes())["uid"] for file in DASHBOARDS.glob("*.json")]
    assert {"ebbtide-overview", "ebbtide-entity"} <= set(names)


def test_an_entity_without_measurements_has_a_page() -> None:
    """Its name stays text, and no name at all is a wrong question; a young network has nothing expected of it yet."""
    assert "This worker does not measure it" in page(VIEW, "/series?entity=region/%3Cb%3E").text
    request = make_mocked_request("GET", "/series?entity=")
    assert made(VIEW, "/series", request).status == 400
    young = read(story()[: 50 * 4])
    assert "warming up" in page(young, "/series?entity=1").text


def test_an_ended_outage_shows_its_worst() -> None:
    """Not the drop at its end, which is zero."""
    outage = next(found for found in VIEW.outages() if found.state == "closed")
    shown = page(VIEW, f"/outages/{outage.outage_id}", "/outages/{id}", id=outage.outage_id)
    assert "At worst 100 % lost; at the end: " in shown.text
    assert "100 % lost at worst" in page(VIEW, "/outages?country=AZ").text


def test_a_closed_outage_is_shaded_in_the_picture_of_its_series() -> None:
    """What it lost, without the mark of an ongoing one; the axes have hours and levels."""
    closed = next(found for found in VIEW.outages() if found.state == "closed" and found.max_drop == 1)
    state = PageState(copied(dataclasses.replace(VIEW, outages=lambda: [closed])))
    histories = [rows.history(at) for rows in VIEW.rows_of_entity(closed.entity) for _, at in rows.of(closed.entity)]
    drawn = {item.title: re.findall(r'path class="(\w+)"', item.chart.svg) for item in series_items(state, histories)}
    (shaded,) = [kinds for kinds in drawn.values() if "lost" in kinds]
    assert "since" not in shaded
    assert shaded[0] == "grid"
    assert re.search(r"\d\d:\d\d", page(VIEW, f"/series?entity={closed.entity}").text)


def test_bins_that_are_not_kept_are_not_drawn() -> None:
    """An outage that was over before the oldest bin has no picture, and one of a series that is gone has none."""
    start, end = "2019-12-24T00:00:00Z", "2019-12-24T01:00:00Z"
    old = [
        msgspec.structs.replace(outage, started_at=start, ended_at=end, state="closed") for outage in VIEW.outages()[:1]
    ]
    assert START < 1_577_232_000
    text = page(dataclasses.replace(VIEW, outages=lambda: old, incidents=list), "/").text
    assert "no bins kept" in text
    gone = dataclasses.replace(VIEW, histories=lambda outages: [lambda: None for _ in outages])
    assert page(gone, "/").text.count("no bins kept") == 16
