"""A network with 300,000 facets: no page holds the event loop, and each answer is bounded."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from urllib.parse import urljoin

import pytest

from tests.streams.worker.web.crowd_of_facets import ENTITY, FEED, Loop, crowded, traced

FACETS = 300_000
MAX_WORK = 50_000  # lines of Python in one callback of the event loop: some milliseconds, less than one a facet
MAX_BYTES = 6_000_000


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    """Yield the pages of a worker with that many facets, and the work of its event loop."""
    with traced(crowded(FACETS)) as found:
        yield found


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/outages",
        f"/outages?entity={ENTITY}&limit=1000",
        "/outages/0000000000000007",
        "/incidents",
        "/incidents/0000000000000000",
        f"/series?entity={ENTITY}",
        "/api/v1/outages?limit=1000",
        "/api/v1/outages/0000000000000007",
        "/api/v1/incidents?limit=1000",
        "/api/v1/incidents/0000000000000000",
        "/api/v1/annotations/outages?limit=1000",
        "/api/v1/annotations/incidents",
        f"/api/v1/series/{ENTITY}?limit=1000",
        f"/api/v1/series/{ENTITY}?feed={FEED}&service=service-299999",
        "/api/v1/status",
        "/api/v1/openapi.json",
        "/metrics",
        "/healthz",
        "/readyz",
    ],
)
def test_no_page_holds_the_event_loop(loop: Loop, path: str) -> None:
    """The loop copies and looks up; a thread chooses, sorts, draws and writes, a bounded part of it all."""
    before = len(loop.work)
    with urllib.request.urlopen(loop.url + path) as answer:
        body = answer.read()
    assert 0 < len(body) < MAX_BYTES
    assert max(loop.work[before - 1 :]) < MAX_WORK


def test_all_series_are_reached_page_by_page(loop: Loop) -> None:
    """In order, each once, with their bins; the pages in HTML are linked."""
    url, found = f"{loop.url}/api/v1/series/{ENTITY}?limit=1000&bins=2", list[str]()
    for _ in range(3):
        with urllib.request.urlopen(url) as answer:
            page = json.loads(answer.read())
        assert {len(series["bins"]) for series in page["series"]} == {2}
        found += [series["facets"]["service"] for series in page["series"]]
        url = urljoin(url, page["next"])
    assert found == [f"service-{number:06d}" for number in range(3000)]
    with urllib.request.urlopen(f"{loop.url}/series?entity={ENTITY}") as answer:
        text = answer.read().decode()
    assert text.count('<div class="large">') == 50
    assert "More series" in text
