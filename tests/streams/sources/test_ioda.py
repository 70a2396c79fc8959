"""IODA as a source: answers in the documented form, and the holes in them."""

from __future__ import annotations

import asyncio
import json
import tomllib
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from streams.config.settings import Settings, from_builtins
from streams.sources.ioda import signals_of
from streams.sources.metrics import SourceMetrics
from streams.sources.run import SourceRun
from streams.sources.until import until_named
from tests.streams.sources.fake_server import serving
from tests.streams.sources.virtual_clock import VirtualClock

BEGIN = 1_700_000_100  # the start of five minutes


def settings_of(api: str, entities: list[str]) -> Settings:
    """Return settings with a source of IODA."""
    text = f"""
[feeds.bgp]
signal = "bgp"
kind = "gauge"
bin = "5m"
[sources.ioda]
type = "ioda"
feed = "bgp"
datasource = "bgp"
entities = {json.dumps(entities)}
api = "{api}"
backfill = "1h"
"""
    return from_builtins(tomllib.loads(text))


def signal(begin: int, values: list[Any], datasource: str = "bgp") -> dict[str, Any]:
    """Return a signal in the documented form."""
    return {
        "entityType": "asn",
        "datasource": datasource,
        "from": begin,
        "step": 300,
        "nativeStep": 300,
        "values": values,
    }


async def test_only_what_has_grown_to_the_end_is_read(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Each step half an hour after its end; null, a list in place of a number and a negative number are unknown.

    The value of a step grows for 20 minutes after its end: the source never sends what it was before.
    """
    clock, asked = VirtualClock(BEGIN + 3600), list[str]()

    async def handle(request: web.Request) -> web.Response:
        asked.append(request.match_info["code"])
        start, until = int(request.query["from"]), int(request.query["until"])
        assert request.query["datasource"] == "bgp"
        values: list[Any] = []
        for ts in range(start, until, 300):
            is_whole = clock.now() >= ts + 300 + 1200
            special = {BEGIN + 300: None, BEGIN + 600: [{"agg": 1}], BEGIN + 900: -1}
            values.append(special.get(ts, 100 if is_whole else 40))
        return web.json_response({"type": "signals", "data": [[signal(start, values), signal(start, values, "gtr")]]})

    async with serving({"/v2/signals/raw/asn/{code}": handle}) as address:
        settings = settings_of(f"http://{address}/v2", ["asn/9121", "asn/3333"])
        metrics = SourceMetrics(CollectorRegistry(), {"ioda": "bgp"}, {})
        until = until_named("2023-11-14T23:45:00Z")
        await asyncio.wait_for(SourceRun(settings, "ioda", True, until, clock.ports(), metrics).run(), 60)
    found = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    steps = [BEGIN + 300 * n for n in range(18) if n not in (1, 2, 3)]
    assert [(m["ts"], m["asn"], m["value"]) for m in found] == [(ts, asn, 100) for ts in steps for asn in (3333, 9121)]
    value = metrics.registry.get_sample_value
    assert value("ebbtide_source_unknown_total", {"source": "ioda"}) == 6
    assert value("ebbtide_source_gap_seconds_total", {"source": "ioda"}) == 900
    assert set(asked) == {"9121", "3333"}


@pytest.mark.parametrize("body", [b'{"data": [[', b'{"data": null}', b'{"data": [], "error": "bad entity"}', b"<html>"])
def test_what_is_no_answer_is_an_error(body: bytes) -> None:
    """Half an answer, another form, an error, a page."""
    with pytest.raises(ValueError, match=r"."):
        list(signals_of(body, "bgp"))


def test_countries_and_networks_are_two_sources() -> None:
    """Their measurements are of different entities."""
    with pytest.raises(ValueError, match="make two sources"):
        settings_of("http://127.0.0.1:9/v2", ["asn/9121", "country/TR"])
    assert settings_of("http://127.0.0.1:9/v2", ["country/TR"]).sources["ioda"].preset.country == "country"
