"""The API: filters, pages, series, annotations, conditional requests and errors."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from aiohttp.test_utils import TestClient

from schemas.outage import decode_outage
from schemas.remark import Remark
from streams.worker import view
from streams.worker.health import STANDBY
from streams.worker.view import warnings
from tests.streams.worker.web.server import WorkerServer
from tests.streams.worker.web.site import HOUR, SETTINGS, START, application, read, story, worker_of


class Answer(NamedTuple):
    """A response: status, headers, and the body as JSON (None when it is empty)."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Asking:
    """A client of the pages."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self._client = client

    async def __call__(self, path: str, **headers: str) -> Answer:
        """Ask for a path."""
        async with self._client.get(path, headers=headers) as answer:
            body = await answer.read()
            return Answer(answer.status, answer.headers, json.loads(body) if body else None)

    async def outages(self, path: str) -> list[dict[str, Any]]:
        """Return the outages of a page."""
        found: list[dict[str, Any]] = (await self(path)).body["outages"]
        return found

    async def series(self, query: str) -> list[dict[str, Any]]:
        """Return the series of AS1 that match a query."""
        found: list[dict[str, Any]] = (await self(f"/api/v1/series/asn/1?{query}")).body["series"]
        return found


VIEW = read(story())


@pytest.fixture
async def ask() -> AsyncIterator[Asking]:
    """Yield a client of the pages of a worker that has read a story."""
    async with TestClient(WorkerServer(application(VIEW))) as client:
        yield Asking(client)


async def test_outages_are_the_messages_newest_beginning_first(ask: Asking) -> None:
    """Each outage is its message in the topic, with the incident that goes on and has it; ended ones are listed too."""
    found = await ask.outages("/api/v1/outages")
    assert (await ask(f"/api/v1/outages/{found[0]['outage_id']}")).body == found[0]
    homes = {name: each.incident_id for each in VIEW.incidents() if each.state != "ended" for name in each.outage_ids}
    assert [outage["incident_id"] for outage in found] == [homes.get(outage["outage_id"]) for outage in found]
    assert len(homes) > 3
    outages = [decode_outage(json.dumps({**outage, "incident_id": None}).encode()) for outage in found]
    by_id = attrgetter("outage_id")
    assert sorted(outages, key=by_id) == sorted(VIEW.outages(), key=by_id)
    began = [outage["started_at"] for outage in found]
    assert began == sorted(began, reverse=True)
    assert {outage["state"] for outage in found} == {"open", "closed"}


@pytest.mark.parametrize(
    ("query", "entities"),
    [
        ("country=AZ", {"asn/41"}),
        ("asn=1&asn=41&state=open", {"asn/1"}),
        ("entity=asn/9&entity=asn/41", {"asn/9", "asn/41"}),
        ("feed=reach&severity=major", {"asn/7", "asn/9"}),
        ("feed=none", set()),
        (f"to={START + 61 * HOUR}", {"asn/41"}),
        (f"from={START + 66 * HOUR}&country=AZ", set()),
        (f"from={START + 66 * HOUR - 1}&country=AZ", {"asn/41"}),
        ("from=2019-12-27T07:00:00%2B02:00&to=2019-12-27T05:00:00Z", set()),
        ("from=2019-12-27T07:00:00%2B02:00&to=2019-12-27T05:00:00.5Z&feed=reach", {"asn/1", "asn/3", "asn/5"}),
    ],
)
async def test_filters_of_outages(ask: Asking, query: str, entities: set[str]) -> None:
    """Any of the values of one parameter, and all parameters; an interval is half open, at either end."""
    assert {outage["entity"] for outage in await ask.outages(f"/api/v1/outages?{query}")} == entities


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("country=IR", 1), ("country=AZ&state=ended", 1), ("state=ended&country=IR", 0), ("asn=41", 1),
        ("kind=partial", 1),
        ("country=ir", 1), ("asn=AS41", 1), ("asn=0.41", 1), ("entity=ir", 1), ("entity=as41&entity=ir-30", 1),
        ("entity=country/IR", 1), ("entity=asn/41&entity=region/IR-30", 1), ("feed=traffic", 2), ("kind=feed-fault", 0),
    ],
)  # fmt: skip
async def test_filters_of_incidents(ask: Asking, query: str, count: int) -> None:
    """A place matches when any part of the incident lies there."""
    assert len((await ask(f"/api/v1/incidents?{query}")).body["incidents"]) == count


async def test_pages_are_walked_to_the_end(ask: Asking) -> None:
    """Each outage is listed once, in the order of one long page, and filters apply to all pages."""
    query, found = "?limit=4&state=open&from=1", list[str]()
    while query:
        page = (await ask(f"/api/v1/outages{query}")).body
        assert len(page["outages"]) <= 4
        found += [outage["outage_id"] for outage in page["outages"]]
        query = page["next"]
    assert found == [outage["outage_id"] for outage in await ask.outages("/api/v1/outages?state=open&limit=1000")]
    assert len(found) == 14


async def test_an_outage_and_an_incident_by_id(ask: Asking) -> None:
    """An outage and an incident are found by their ids; an unknown id is a problem that names it."""
    outage, incident = VIEW.outages()[0], VIEW.incidents()[0]
    assert (await ask(f"/api/v1/outages/{outage.outage_id}")).body["outage_id"] == outage.outage_id
    assert (await ask(f"/api/v1/incidents/{incident.incident_id}")).body["headline"] == incident.headline
    for path in ("/api/v1/outages/0123456789abcdef", "/api/v1/incidents/0123456789abcdef"):
        answer = await ask(path)
        assert (answer.status, answer.body["status"]) == (404, 404)
        assert "0123456789abcdef" in answer.body["detail"]


async def test_an_incident_has_what_operators_say() -> None:
    """The remarks of the incident are in its answer, those of others are not."""
    name = VIEW.incidents()[0].incident_id
    said = [
        Remark(incident_id=found, kind="note", by="noc", text="A cable", written_at="2026-01-01T00:00:00Z")
        for found in (name, "0" * 16)
    ]
    seen = replace(VIEW, remarks_of=lambda _: said)
    async with TestClient(WorkerServer(application(seen))) as client:
        body = (await Asking(client)(f"/api/v1/incidents/{name}")).body
    assert [remark["text"] for remark in body["remarks"]] == ["A cable"]


async def test_series_have_measured_and_expected_levels(ask: Asking) -> None:
    """Of each feed and facets, the newest bins: before the fall within the band, after it far below."""
    series = (await ask("/api/v1/series/asn/1")).body["series"]
    assert (await ask("/api/v1/series/asn/AS1")).body["series"] == series
    assert [(found["feed"], found["facets"], found["unit"]) for found in series] == [
        ("reach", {}, ""),
        ("traffic", {"access": "mobile"}, "Mbit/s"),
    ]
    before, after = series[1]["bins"][-8], series[1]["bins"][-1]
    assert before["start"] == "2019-12-27T03:00:00Z"
    assert before["low"] < before["value"] < before["high"]
    assert after["value"] < 0.1 * after["low"] < after["expected"] < after["high"]
    assert all(bin_["high"] <= 1 for bin_ in series[0]["bins"])


async def test_series_are_narrowed(ask: Asking) -> None:
    """By feed, by facets and by number of bins; an entity without measurements is a problem."""
    assert [series["feed"] for series in await ask.series("feed=reach")] == ["reach"]
    assert [series["feed"] for series in await ask.series("access=mobile")] == ["traffic"]
    assert [len(series["bins"]) for series in await ask.series("bins=3")] == [3, 3]
    assert await ask.series("feed=atlas") == []
    assert (await ask("/api/v1/series/region/IR-30")).status == 404
    unnamed = await ask("/api/v1/series/asn/telecom")
    assert (unnamed.status, unnamed.body["detail"].count("'asn/telecom' is no entity")) == (404, 1)


async def test_annotations_have_grafanas_columns(ask: Asking) -> None:
    """Times in milliseconds, an end only where there is one, tags with commas between."""
    (found,) = (await ask("/api/v1/annotations/outages?country=AZ&feed=traffic")).body
    assert list(found) == ["time", "timeEnd", "title", "text", "tags"]
    assert (found["time"], found["timeEnd"]) == (1000 * (START + 60 * HOUR), 1000 * (START + 66 * HOUR))
    assert "asn/41" in found["title"]
    assert {"outage", "closed", "AZ", "traffic"} < set(found["tags"].split(","))
    (ongoing,) = (await ask("/api/v1/annotations/incidents?state=ongoing")).body
    assert ongoing["timeEnd"] is None
    assert "networks of Iran" in ongoing["text"]


async def test_what_has_not_changed_is_not_sent_again(ask: Asking) -> None:
    """A request that names the ETag gets 304 and no body; another query has another ETag."""
    first = await ask("/api/v1/outages")
    assert first.headers["Cache-Control"] == "no-cache"
    again = await ask("/api/v1/outages", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, None)
    assert again.headers["ETag"] == first.headers["ETag"]
    other = await ask("/api/v1/outages?limit=1", **{"If-None-Match": first.headers["ETag"]})
    assert other.status == 200


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("limit=0", "`limit`: expected `int` >= 1"),
        ("limit=1001", "`limit`: expected `int` <= 1000"),
        ("limit=many", "`limit`: expected `int`"),
        ("limit=1&limit=2", "`limit` is given 2 times, once is enough"),
        ("contry=IR", "there is an unknown field `contry`"),
        ("country=Iran", "`country[0]`: invalid enum value 'Iran'"),
        ("country=" + "&country=".join(["IR"] * 21), "`country`: expected `array` of length <= 20"),
        ("asn=4294967296", "`asn[0]`: expected `int` <= 4294967295"),
        ("from=yesterday", "`from`: expected RFC 3339 or Unix seconds, got 'yesterday'"),
        ("to=2019-02-30T00:00:00Z", "`to`: expected RFC 3339 or Unix seconds, got '2019-02-30T00:00:00Z'"),
        ("cursor=1", "`cursor`: expected `str` matching regex"),
        ("state=shut", "`state[0]`: invalid enum value 'shut'"),
    ],
)
async def test_wrong_parameters_are_problems(ask: Asking, query: str, detail: str) -> None:
    """A problem as RFC 9457 has it names the parameter and what is wrong with it."""
    answer = await ask(f"/api/v1/outages?{query}")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {**answer.body, "detail": ""} == {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": ""}
    assert answer.body["detail"].startswith(detail)


@pytest.mark.parametrize("kind", ["outages", "incidents"])
async def test_a_feed_that_does_not_exist_is_said(ask: Asking, kind: str) -> None:
    """An empty list would say that the feed shows nothing; what is left of a feed that was removed is listed."""
    there, misspelt = [await ask(f"/api/v1/{kind}?feed={name}") for name in ("reach", "raech")]
    assert misspelt.body[kind] == []
    assert set(misspelt.body["warnings"]) - set(there.body["warnings"]) == {
        "no feed raech in the settings; they name reach, traffic, atlas"
    }


async def test_lists_say_why_they_may_be_old() -> None:
    """The worker is not ready, a feed is silent, records cannot be read; a worker on standby is as good as any."""
    worker = worker_of(SETTINGS)
    feed, calm = next(iter(SETTINGS.feeds)), warnings(worker)
    worker.topic_events.put([SimpleNamespace(topic="outages", partition=0, offset=3, key=b"x", value=b"[")])
    worker.liveness.note({feed: 0.0}, worker.clock() - 36_000)
    worker.topic_events.is_whole = False
    found = warnings(worker)
    assert found[0] == "this worker is not ready: reading outages and incidents"
    assert found[1].startswith("1 record of the topics of outages and incidents cannot be read")
    assert found[2:] == [f"feed {feed}: nothing new for 600 min"]
    async with TestClient(WorkerServer(application(replace(VIEW, warnings=lambda: found)))) as client:
        for kind in ("outages", "incidents"):
            assert (await Asking(client)(f"/api/v1/{kind}")).body["warnings"] == found
    with patch.object(view, "not_ready", lambda worker: STANDBY):
        assert warnings(worker) == found[1:]
    assert calm == [] or calm[0].startswith("this worker is not ready")
