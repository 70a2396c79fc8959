"""Feeds of incidents: stable ids, order, bounds, and hostile names as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from aiohttp.test_utils import TestClient
from hypothesis import given
from hypothesis import strategies as st

from schemas.api import FeedQuery
from schemas.incident import Incident, decode_incident
from streams.worker.web.public_feed import LENGTH, MAX_ENTRIES, atom_feed, json_feed, newest
from tests.schemas.examples import INCIDENT
from tests.streams.worker.web.server import WorkerServer
from tests.streams.worker.web.site import application, read, story

ADDRESS, ATOM = "https://pages.example", "{http://www.w3.org/2005/Atom}"
EXAMPLE = decode_incident(INCIDENT)


def incident(number: int = 0, **changes: Any) -> Incident:  # noqa: ANN401
    """Return an incident with an id; a larger number changed later."""
    fields = {"incident_id": f"{number:016x}", "updated_at": f"2026-01-01T{number // 60:02}:{number % 60:02}:00Z"}
    return msgspec.structs.replace(EXAMPLE, **{**fields, **changes})


def entries(incidents: Sequence[Incident]) -> list[dict[str, str]]:
    """Return the texts of the entries of the Atom feed by their names."""
    root = ElementTree.fromstring(atom_feed(incidents, ADDRESS, "/feed.atom"))
    return [{part.tag.removeprefix(ATOM): part.text or "" for part in entry} for entry in root.iter(f"{ATOM}entry")]


def test_the_newest_changes_come_first_and_the_feed_is_bounded() -> None:
    """Fifty of a hundred incidents; ids stay when a revision changes everything else."""
    found = newest([incident(number) for number in range(100)], FeedQuery())
    assert [item.incident_id for item in found] == [f"{number:016x}" for number in range(99, 99 - MAX_ENTRIES, -1)]
    before, after = incident(7), incident(7, revision=9, updated_at="2026-02-01T00:00:00Z", headline="other")
    (first,), (second,) = entries([before]), entries([after])
    assert first["id"] == second["id"] == json_feed([before], ADDRESS, "").items[0].id
    assert (first["updated"], second["updated"]) == (before.updated_at, after.updated_at)


@pytest.mark.parametrize(
    ("changes", "is_there"),
    [
        ({}, True),
        ({"state": "suspected", "confirmed_at": None}, False),
        ({"state": "retracted", "confirmed_at": None}, False),
        ({"state": "retracted", "confirmed_at": "2026-01-01T00:00:00Z"}, True),
        ({"kinds": ["feed-fault"]}, False),
    ],
)
def test_only_what_was_confirmed_is_published(changes: dict[str, Any], is_there: bool) -> None:
    """And what was published and is withdrawn says so."""
    found = newest([incident(**changes)], FeedQuery())
    assert bool(found) == is_there
    assert all(entry["title"].startswith("Withdrawn: ") == ("state" in changes) for entry in entries(found))


def test_a_feed_is_of_a_country() -> None:
    """Any of the countries of the incident matches."""
    assert newest([incident()], FeedQuery(country=("AZ", "IR")))
    assert not newest([incident()], FeedQuery(country=("AZ",)))


@given(st.text(min_size=1, max_size=2 * LENGTH))
def test_hostile_names_stay_text(text: str) -> None:
    """Whatever a name holds, the feeds are read as XML and JSON, with as many elements, and of bounded length."""
    hostile = incident(headline=text, confidence=msgspec.structs.replace(EXAMPLE.confidence, seen_by=[text]))
    (entry,) = entries([hostile])
    (item,) = json_feed([hostile], ADDRESS, "").items
    assert entry["title"] == item.title
    assert entry["title"].isprintable() or set(entry["title"]) & {"\u200c", "\u200d", "\xa0"}
    assert len(entry["title"]) <= 10 * LENGTH


async def test_feeds_are_served() -> None:
    """With their types, of what a worker has, and a wrong parameter is refused; no incident gives a feed, too."""
    async with TestClient(WorkerServer(application(read(story())))) as client:
        for path, kind in (("/feed.atom", "application/atom+xml"), ("/feed.json", "application/feed+json")):
            async with client.get(f"{path}?country=ir") as answer:
                assert (answer.status, answer.content_type) == (200, kind)
                assert "Iran" in await answer.text()
            async with client.get(f"{path}?country=FR") as answer:
                assert answer.status == 200
                assert "Iran" not in await answer.text()
            async with client.get(f"{path}?limit=9") as answer:
                assert answer.status == 400
