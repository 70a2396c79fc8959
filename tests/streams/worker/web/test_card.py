"""The card of an incident: its texts, what is unknown, hostile names, and the picture itself."""

from __future__ import annotations

import struct
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from aiohttp.test_utils import TestClient
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from schemas.incident import decode_incident
from schemas.times import parse_time
from streams.worker.web import card
from streams.worker.web.card import HEIGHT, WIDTH, card_png, card_svg, wrapped
from streams.worker.web.formatting import instant
from streams.worker.web.page_models import Chart, Item
from tests.schemas.examples import INCIDENT
from tests.streams.worker.web.server import WorkerServer
from tests.streams.worker.web.site import application, read, story

EXAMPLE = decode_incident(INCIDENT)
SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: bytes) -> list[str]:
    """Return the texts of a card, which must be XML."""
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def drawn(**changes: Any) -> bytes:  # noqa: ANN401
    """Return the card of an incident of which no bin is kept."""
    item = Item(msgspec.structs.replace(EXAMPLE, **changes), None, 0.0, None)
    return card_svg(item, "https://pages.example")


def test_what_is_unknown_is_said_to_be() -> None:
    """No bins, no share and no end are words on the card, never 0 and never an empty picture."""
    shown = texts(drawn(affected_share=None, state="expired", ended_at=None))
    assert "What was measured is unknown here: no bins are kept." in shown
    assert any("end unknown" in text for text in shown)
    assert "Lost at most: unknown" in shown
    assert any("reach" in text and "pages.example" in text for text in shown)


def test_a_suppressed_incident_says_so() -> None:
    """A card without it would look like an alarm."""
    assert any("suppressed" in text for text in texts(drawn(suppressed_by="calendar:exam")))


def test_the_time_of_a_card_is_that_of_its_newest_word() -> None:
    """An incident that lasts unchanged is of the newest bin that the card draws; one that is over, of its end."""
    end = parse_time(EXAMPLE.updated_at)
    chart = Chart(Markup(""), int(end) - 3600, int(end) + 7200, 1.0, "reach")
    for state, ended_at, time in (("ongoing", None, end + 7200), ("ended", EXAMPLE.updated_at, end)):
        incident = msgspec.structs.replace(EXAMPLE, state=state, ended_at=ended_at)
        shown = " ".join(texts(card_svg(Item(incident, chart, 0.0, None), "https://pages.example")))
        assert f"as of {instant(time)}" in shown


@pytest.mark.parametrize("length", [1, 40, 100, 200, 2000])
def test_headlines_fit(length: int) -> None:
    """At most five lines; a headline that is longer ends with an ellipsis."""
    head = wrapped(("Mobile Internet is down in IR-30 " * 100)[:length])
    assert len(head.lines) <= 5
    assert head.lines[-1].endswith("…") is (length == 2000)
    assert 84 + head.size + (len(head.lines) - 1) * head.size * 1.2 < 300


@given(st.text(max_size=400))
def test_every_headline_is_a_card(text: str) -> None:
    """Whatever the names are: XML of the same elements, with lines that end."""
    plain = [element.tag for element in ElementTree.fromstring(drawn(headline="x")).iter() if "text" not in element.tag]
    made = [element.tag for element in ElementTree.fromstring(drawn(headline=text)).iter() if "text" not in element.tag]
    assert made == plain


def size_of(png: bytes) -> tuple[int, int]:
    """Return the width and height that the head of a PNG says."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.skipif(card.why_no_png() is not None, reason=str(card.why_no_png()))
def test_a_png_has_the_size_that_others_show_and_letters() -> None:
    """A picture without letters would be a few bytes; the same card gives the same bytes."""
    png = card_png(drawn())
    assert size_of(png) == (WIDTH, HEIGHT)
    assert png == card_png(drawn())
    assert len(png) > len(card_png(drawn(headline="x"))) > 5000


@pytest.fixture(scope="module")
def found() -> Any:  # noqa: ANN401
    """The view of a worker that has read the story."""
    return read(story())


async def test_pages_of_cards(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    """Both kinds, tags of Open Graph on the page, 404 for another id, and a clear answer without the library."""
    (first, *_) = found.incidents()
    async with TestClient(WorkerServer(application(found))) as client:
        path = f"/incidents/{first.incident_id}"
        svg = await client.get(f"{path}/card.svg")
        assert (svg.status, svg.content_type) == (200, "image/svg+xml")
        root = ElementTree.fromstring(await svg.read())
        assert (root.get("width"), root.get("height")) == ("1200", "630")
        assert [element for element in root.iter(f"{SVG}path") if element.get("stroke") == "#0b6e7f"]
        assert "class=" not in (await svg.text())
        page = await (await client.get(path)).text()
        for name in ("og:title", "og:description", "og:url"):
            assert f'property="{name}"' in page
        if card.why_no_png() is None:
            assert f"{path}/card.png" in page
            png = await client.get(f"{path}/card.png")
            assert (png.status, png.content_type) == (200, "image/png")
            assert size_of(await png.read()) == (WIDTH, HEIGHT)
        assert (await client.get("/incidents/0000000000000000/card.svg")).status == 404
        for user in ("card_pages", "html_pages"):
            monkeypatch.setattr(f"streams.worker.web.{user}.why_no_png", lambda: "cards as PNG need resvg: pip install")
        missing = await client.get(f"{path}/card.png")
        assert missing.status == 501
        assert "pip install" in (await missing.json())["detail"]
        assert "card.png" not in await (await client.get(path)).text()
