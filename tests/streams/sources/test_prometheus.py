"""Prometheus as a source: a real one on loopback, and answers as on bad days."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from streams.config.errors import SettingsError
from streams.config.loader import load
from streams.sources.link import ConnectionLostError
from streams.sources.metrics import SourceMetrics
from streams.sources.run import SourceRun
from streams.sources.until import until_named
from tests.ebbtide import PROGRAM
from tests.prometheus import Server, blackbox_exporter, prometheus, run
from tests.secure_kafka import Authority
from tests.streams.sources.fake_server import Cut, Step, Throttle, serving, stepwise
from tests.streams.sources.fake_server import answer as reply
from tests.streams.sources.helpers import START
from tests.streams.sources.virtual_clock import VirtualClock

SETTINGS = """
[feeds.reach]
signal = "active-probing"
kind = "ratio"
bin = "1m"
lateness = "0s"

[sources.blackbox]
type = "prometheus"
url = "URL"
feed = "reach"
query = "sum by (asn, country) (sum_over_time(probe_success[1m]))"
of = "sum by (asn, country) (count_over_time(probe_success[1m]))"
backfill = "BACKFILL"
fields = { asn = "asn", country = "country" }
"""


def written(folder: Path, url: str, backfill: str, more: str = "") -> Path:
    """Return the file of the settings."""
    file = folder / "ebbtide.toml"
    text = SETTINGS.replace("URL", url).replace("BACKFILL", backfill)
    file.write_text(text.replace("[sources.blackbox]", f"[sources.blackbox]\n{more}"))
    return file


async def read(file: Path, clock: VirtualClock, until: str) -> SourceMetrics:
    """Run the source, printing, to a time."""
    metrics = SourceMetrics(CollectorRegistry(), {"blackbox": "reach"}, {})
    source = SourceRun(load(file, {}), "blackbox", True, until_named(until), clock.ports(), metrics)
    await asyncio.wait_for(source.run(), 30)
    return metrics


BEGIN = 1_700_000_100  # the start of five minutes
HOURS, DOWN = 48, range(42 * 3600 + 7, 43 * 3600 + 7)  # seconds in which the targets of a network do not answer
AWAY = range(40 * 3600, 40 * 3600 + 900)  # and in which Prometheus was away
KILLED = range(43 * 3600 + 1500, 43 * 3600 + 2400)  # and in which the exporter was
PROBED = range(DOWN.start - 1200, KILLED.stop + 1200)  # and in which it is asked; before and after, all answered


class Targets:
    """18 listening sockets in nine networks, and a blackbox exporter that connects to them."""

    def __init__(self, folder: Path) -> None:
        (folder / "blackbox.yml").write_text("modules: {tcp: {prober: tcp, tcp: {preferred_ip_protocol: ip4}}}")
        self.exporter = blackbox_exporter(folder, folder / "blackbox.yml")
        self.sockets = [self.listening(0) for _ in range(18)]
        self.ports = [found.getsockname()[1] for found in self.sockets]

    @staticmethod
    def listening(port: int) -> socket.socket:
        """Return a socket that the kernel accepts connections for."""
        found = socket.create_server(("127.0.0.1", port), backlog=1000)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return found

    @staticmethod
    def network(target: int) -> int:
        """Return the network of a target."""
        return 3333 if target < 2 else 1103 + target // 2

    def success(self, target: int) -> str:
        """Return what the exporter says of a target now."""
        url = f"{self.exporter.url}/probe?module=tcp&target=127.0.0.1:{self.ports[target]}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return str(next(line.split()[1] for line in lines if line.startswith("probe_success ")))

    def move(self, second: int) -> None:
        """Stop and start the targets of a network, and the exporter, when it is time."""
        if second == DOWN.start // 60 * 60 + 60:
            for found in self.sockets[:2]:
                found.close()
        if second == DOWN.stop // 60 * 60 + 60:
            self.sockets[:2] = [self.listening(port) for port in self.ports[:2]]
        if second == KILLED.start:
            self.exporter.__exit__()
        if second == KILLED.stop:
            self.exporter.__enter__()

    def samples(self) -> Iterator[str]:
        """Yield what a Prometheus would have scraped of the exporter every minute, as OpenMetrics."""
        yield "# TYPE probe_success gauge"
        for second in range(0, HOURS * 3600, 60):
            self.move(second)
            for target in range(18):
                if second in AWAY or second in KILLED:
                    continue
                labels = f'asn="{self.network(target)}",country="NL",instance="127.0.0.1:{self.ports[target]}"'
                value = self.success(target) if second in PROBED else "1"
                yield f"probe_success{{{labels}}} {value} {BEGIN + second}"
        yield "# EOF"


class Restarted(VirtualClock):
    """A clock at one time of which Prometheus ends; it starts again during the pause after."""

    def __init__(self, now: float, server: Server) -> None:
        super().__init__(now)
        self._server, self._ends_at, self._is_away = server, BEGIN + 41 * 3600, False

    async def sleep(self, seconds: float) -> None:
        """Move on."""
        await super().sleep(seconds)
        if self._is_away:
            self._server.__enter__()
            self.time += 900
            self._is_away, self._ends_at = False, 2**62
        elif self.time >= self._ends_at:
            self._server.__exit__()
            self._is_away = True


async def test_a_target_that_stops_is_one_outage(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """In its bin. That the exporter or Prometheus was away is a gap and no outage; a restart is filled from its store.

    The exporter, the targets and Prometheus are real; only the clock is not, so that two days pass.
    """
    config, store = tmp_path / "prometheus.yml", tmp_path / "prometheus"
    config.write_text("global: {}\n")
    targets = Targets(tmp_path)
    with targets.exporter:
        (tmp_path / "samples.txt").write_text("\n".join(targets.samples()))
    run("promtool", "tsdb", "create-blocks-from", "openmetrics", tmp_path / "samples.txt", store)
    text = written(tmp_path, "http://URL", "36h", 'step = "5m"').read_text().replace("1m", "5m")
    with prometheus(tmp_path, config) as server:
        (tmp_path / "ebbtide.toml").write_text(text.replace("http://URL", server.url))
        end = datetime.fromtimestamp(BEGIN + 47 * 3600, UTC).isoformat()
        metrics = await read(tmp_path / "ebbtide.toml", Restarted(BEGIN + 36 * 3600, server), end)
    printed = capfdbinary.readouterr().out
    found = [json.loads(line) for line in printed.splitlines()]
    steps = {BEGIN + second for second in range(0, 47 * 3600, 300)}
    steps -= {BEGIN + away.start + more for away in (AWAY, KILLED) for more in (0, 300)}
    assert Counter(m["ts"] for m in found) == dict.fromkeys(steps, 9)
    assert {(m["value"], m["of"]) for m in found if m["asn"] == 1104} == {(12, 12), (10, 10), (2, 2)}
    command = [*PROGRAM, "detect", "--settings", str(tmp_path / "ebbtide.toml"), "-"]
    lines = subprocess.run(command, input=printed, capture_output=True, check=True).stdout.splitlines()
    outages = {outage["outage_id"]: outage for outage in map(json.loads, lines)}
    (outage,) = outages.values()
    assert (outage["entity"], outage["state"], outage["country"]) == ("asn/3333", "closed", "NL")
    assert datetime.fromisoformat(outage["started_at"]).timestamp() == BEGIN + 42 * 3600
    value = metrics.registry.get_sample_value
    assert value("ebbtide_source_reconnects_total", {"source": "blackbox", "reason": "unreachable"}) == 1
    assert value("ebbtide_source_gap_seconds_total", {"source": "blackbox"}) == 1200


def answer(*values: tuple[str, int, str]) -> bytes:
    """Return an answer to a range query: network, minute and value of each sample."""
    series: dict[str, list[list[Any]]] = {}
    for asn, minute, value in values:
        series.setdefault(asn, []).append([START + 60 * minute, value])
    result = [{"metric": {"__name__": "up", "asn": asn}, "values": found} for asn, found in series.items()]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


async def test_bad_answers_are_survived(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """503, half an answer, an error with status 200: asked again. NaN, and trials alone: unknown, never 0."""
    values = answer(("3333", 1, "1"), ("3333", 2, "NaN"), ("3333", 3, "2"), ("1103", 3, "+Inf"), ("3333", 7, "1"))
    trials = answer(("3333", 1, "4"), ("3333", 2, "4"), ("3333", 3, "4"), ("286", 3, "4"), ("3333", 7, "1"))
    bad: list[Step] = [Throttle("30", 503), Cut(values[:40]), b'{"status":"error","error":"x"}', values[:60]]
    clock, requests = VirtualClock(START + 30 + 61), count()

    async def handle(request: web.Request) -> web.StreamResponse:
        assert int(request.query["start"]) % 60 == 0
        if next(requests) >= 2 and bad:
            return await reply(request, bad.pop(0))
        return await reply(request, trials if "count_over_time" in request.query["query"] else values)

    async with serving({"/api/v1/query_range": handle}) as address:
        metrics = await read(written(tmp_path, f"http://{address}", "2m"), clock, "2023-11-14T22:18:00Z")
    found = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [(m["ts"] - START, m["asn"], m["value"], m["of"]) for m in found] == [(0, 3333, 1, 4), (120, 3333, 2, 4)]
    assert 30.0 in clock.pauses
    value = metrics.registry.get_sample_value
    reasons = ("status", "closed", "garbage")
    names = [{"source": "blackbox", "reason": reason} for reason in reasons]
    assert [value("ebbtide_source_reconnects_total", name) for name in names] == [1, 1, 2]
    assert value("ebbtide_source_unknown_total", {"source": "blackbox"}) == 3


@pytest.mark.parametrize(
    ("more", "header"),
    [
        ('token = "open sesame"', "Bearer open sesame"),
        ('username = "ana"\npassword = "ünder"', f"Basic {base64.b64encode('ana:ünder'.encode()).decode()}"),
        ("", None),
    ],
)
async def test_it_logs_in(more: str, header: str | None, tmp_path: Path) -> None:
    """With a token, or a name and a password."""
    seen: list[str | None] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Authorization"))
        return web.Response(body=answer(("3333", 1, "1"), ("3333", 9, "1")))

    async with serving({"/api/v1/query_range": handle}) as address:
        await read(written(tmp_path, f"http://{address}", "10m", more), VirtualClock(START + 600), "1")
    assert set(seen) == {header}


async def test_both_sides_show_certificates(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The server demands one; without it, or with a server of another authority, the source ends with one line."""
    authority = Authority(tmp_path, "authority")
    served, shown = authority.issue("server", "127.0.0.1"), authority.issue("client")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    tls.load_cert_chain(*served)
    tls.verify_mode = ssl.CERT_REQUIRED
    trust = f'ca_file = "{authority.file}"'
    values = stepwise(answer(("3333", 1, "1"), ("3333", 9, "1")))
    async with serving({"/api/v1/query_range": values}, tls) as address:
        url, clock = f"https://{address}", VirtualClock(START + 600)
        certificate = f'{trust}\ncert_file = "{shown[0]}"\nkey_file = "{shown[1]}"'
        await read(written(tmp_path, url, "10m", certificate), clock, "1")
        with pytest.raises(ConnectionLostError) as caught:
            await read(written(tmp_path, url, "10m", trust), clock, "1")
        with pytest.raises(ConnectionLostError, match="its certificate is refused") as refused:
            await read(written(tmp_path, url, "10m"), clock, "1")
    assert json.loads(capfdbinary.readouterr().out)["value"] == 1
    assert all(str(e.value).startswith(f"{url}/api/v1/query_range: ") for e in (caught, refused))
    with pytest.raises(SettingsError, match=r"sources.blackbox.ca_file .*none.pem: No such file"):
        await read(written(tmp_path, url, "10m", 'ca_file = "none.pem"'), clock, "1")


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ('token = "a"\nusername = "b"', "give one of them"),
        ('password = "b"', "without `username` has no effect"),
        ('step = "90.5s"', "whole number of seconds"),
        ('key_file = "k"', "without `cert_file` has no effect"),
    ],
)
def test_wrong_settings_are_named(more: str, error: str, tmp_path: Path) -> None:
    """In one line with the source."""
    with pytest.raises(SettingsError, match=error):
        load(written(tmp_path, "http://127.0.0.1:9090", "1h", more), {})
