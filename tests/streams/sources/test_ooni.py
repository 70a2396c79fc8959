"""OONI as a source: a bucket of files by hour, and what of them is a trial."""

from __future__ import annotations

import asyncio
import gzip
import json
import tomllib
from collections.abc import Iterable
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from streams.config.settings import Settings, from_builtins
from streams.sources.metrics import SourceMetrics
from streams.sources.ooni import keys_of, lines_of, trial_of
from streams.sources.run import SourceRun
from streams.sources.until import until_named
from tests.streams.sources.fake_server import serving
from tests.streams.sources.virtual_clock import VirtualClock

HOUR = 1_700_002_800  # 2023-11-14 23:00


def settings_of(bucket: str, accepts: bool = True) -> Settings:
    """Return settings with a source of OONI."""
    text = f"""
[feeds.services]
signal = "service-tests"
kind = "ratio"
bin = "1h"
[sources.ooni]
type = "ooni"
feed = "services"
bucket = "{bucket}"
countries = ["IT"]
tests = ["signal", "facebook_messenger"]
backfill = "4h"
accept_terms = {"true" if accepts else "false"}
"""
    return from_builtins(tomllib.loads(text))


def trial(test: str, asn: int = 30722, **keys: Any) -> bytes:  # noqa: ANN401
    """Return a measurement in OONI's form."""
    head = {
        "probe_asn": f"AS{asn}",
        "probe_cc": "IT",
        "test_name": test,
        "measurement_start_time": "2023-11-14 22:59:00",
    }
    return json.dumps({**head, "test_keys": keys}).encode()


def test_the_terms_must_be_accepted() -> None:
    """They forbid commercial use; the error names the source and the key."""
    with pytest.raises(ValueError, match=r"accept_terms = true.*CC BY-NC-SA.*sources\.ooni"):
        settings_of("http://127.0.0.1:9", accepts=False)
    settings_of("http://127.0.0.1:9")


NO_NAME = {"queries": [{"hostname": "a", "failure": "dns_timeout"}, {"hostname": "b", "failure": "dns_nxdomain_error"}]}
SOME_NAME = {"queries": [{"hostname": "a", "failure": "dns_timeout"}, {"hostname": "b", "failure": None}]}


@pytest.mark.parametrize(
    ("test", "keys", "is_ok"),
    [
        ("signal", {"signal_backend_status": "ok"}, True),
        ("signal", {"signal_backend_status": "blocked"}, False),
        ("signal", {"signal_backend_status": "blocked", **NO_NAME}, None),
        ("signal", {"signal_backend_status": "blocked", **SOME_NAME}, False),
        ("signal", {}, None),
        ("whatsapp", {"whatsapp_endpoints_status": "ok", "registration_server_status": "ok"}, True),
        ("whatsapp", {"whatsapp_endpoints_status": "ok", "registration_server_status": "blocked"}, False),
        ("whatsapp", {"whatsapp_endpoints_status": "ok", "registration_server_status": None}, None),
        ("telegram", {"telegram_tcp_blocking": False, "telegram_http_blocking": False}, True),
        ("telegram", {"telegram_tcp_blocking": True, "telegram_http_blocking": False}, False),
        ("facebook_messenger", {"facebook_dns_blocking": None, "facebook_tcp_blocking": False}, None),
        ("web_connectivity", {"blocking": False}, None),
    ],
)
def test_unknown_is_no_trial(test: str, keys: dict[str, Any], is_ok: bool | None) -> None:
    """Neither a success nor a failure; a probe whose resolver answers nothing says nothing of the service."""
    place, found = trial_of(trial(test, **keys))
    assert (place["service"], found) == (test, is_ok)


def test_half_a_file_is_an_error() -> None:
    """Not the trials of its first half."""
    body = gzip.compress(b"\n".join(trial("signal", n + 1) for n in range(200)))
    assert len(lines_of(body)) == 200
    for wrong in (body[: len(body) // 2], b"<Error/>", b""):
        with pytest.raises(ValueError, match=r"."):
            lines_of(wrong)
    with pytest.raises(ValueError, match="no listing"):
        keys_of(b"<Error><Code>SlowDown</Code></Error>")


def listing(keys: Iterable[str], more: str | None = None) -> str:
    """Return a listing in S3's form."""
    token = f"<NextContinuationToken>{more}</NextContinuationToken>" if more else ""
    found = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys)
    return f'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{token}{found}</ListBucketResult>'


async def test_hours_of_a_bucket(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """All pages of a listing are read; the service is a facet; a line that is no measurement is rejected."""
    ok: dict[str, Any] = {"signal_backend_status": "ok"}
    blocked: dict[str, Any] = {"signal_backend_status": "blocked"}
    free: dict[str, Any] = {"facebook_dns_blocking": False, "facebook_tcp_blocking": False}
    files = {
        "raw/20231114/22/IT/signal/1.jsonl.gz": [trial("signal", **ok), trial("signal", **blocked), trial("signal")],
        "raw/20231114/22/IT/signal/2.jsonl.gz": [trial("signal", **ok), trial("signal", 3269, **ok), b"{}"],
        "raw/20231114/22/IT/signal/2.tar.gz": [],
        "raw/20231114/22/IT/facebookmessenger/1.jsonl.gz": [trial("facebook_messenger", **free)],
        "raw/20231114/23/IT/signal/1.jsonl.gz": [trial("signal", **ok)],
        "raw/20231115/00/IT/signal/1.jsonl.gz": [trial("signal", **ok)],
    }

    async def pages(request: web.Request) -> web.Response:
        keys = [key for key in files if key.startswith(request.query["prefix"])]
        at = int(request.query.get("continuation-token", "0"))
        return web.Response(text=listing(keys[at : at + 1], str(at + 1) if at + 1 < len(keys) else None))

    async def file(request: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(b"\n".join(files[request.path[1:]]) + b"\n"))

    clock = VirtualClock(HOUR + 3 * 3600)  # so the hour that ends two hours before is read at once
    async with serving({"/": pages, "/{key:raw/.+}": file}) as address:
        metrics = SourceMetrics(CollectorRegistry(), {"ooni": "services"}, {})
        until = until_named("2023-11-15T00:00:00Z")
        run = SourceRun(settings_of(f"http://{address}"), "ooni", True, until, clock.ports(), metrics)
        await asyncio.wait_for(run.run(), 60)
    found = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [(m["ts"], m["asn"], m["country"], m["service"], m["value"], m["of"]) for m in found] == [
        (HOUR - 3600, 3269, "IT", "signal", 1, 1),
        (HOUR - 3600, 30722, "IT", "facebook_messenger", 1, 1),
        (HOUR - 3600, 30722, "IT", "signal", 2, 3),
        (HOUR, 30722, "IT", "signal", 1, 1),
    ]
    value = metrics.registry.get_sample_value
    assert value("ebbtide_source_unknown_total", {"source": "ooni"}) == 1
    assert value("ebbtide_source_rejected_total", {"source": "ooni", "reason": "missing-field"}) == 1
