"""RIPE Atlas as a source, against a server that speaks as its documentation says."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from prometheus_client import CollectorRegistry

from streams.config.loader import load
from streams.config.network_sources import AtlasSource
from streams.config.settings import Settings
from streams.sources.atlas import PART, AtlasReader
from streams.sources.atlas_events import ProbeEvent, event_of, message_of
from streams.sources.decoders import decoder_of
from streams.sources.lines import stage_of
from streams.sources.link import linked
from streams.sources.metrics import SourceMetrics
from streams.sources.part_clock import RESUMED, Position
from streams.sources.positions import SavedSource
from streams.sources.run import SourceRun
from streams.sources.until import until_named
from tests.ebbtide import PROGRAM
from tests.streams.sources.fake_server import cut, half_a_frame, pinged, serving
from tests.streams.sources.virtual_clock import VirtualClock

DAY = Path("tests/data/atlas-2016-06-16")
MIDNIGHT, NOON = 1_466_035_200, 1_466_078_400
LAG = 400  # seconds until the history has an event

SETTINGS = """
[sources.atlas]
type = "atlas"
feed = "atlas"
stream = "ws://ADDRESS/stream/"
api = "http://ADDRESS/api/v2"
backfill = "12h"
"""


class FakeAtlas:
    """The stream and the API over a list of events `(ts, probe, up, asn)`.

    `faults`: what happens to the stream instead of the event of this index, and seconds that then go by unsent.
    `pause`: real seconds before each event.
    """

    def __init__(
        self, clock: VirtualClock, events: Sequence[tuple[int, int, bool, int]], faults: dict[int, str]
    ) -> None:
        self.clock, self.events, self.faults, self.subscriptions = clock, events, faults, 0
        self.probes: dict[str, list[dict[str, Any]]] = {"1": [], "2": []}
        self.asked: list[tuple[int, int]] = []
        self.pause = 0.0

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        """Send what happens from now on, in order of time, with a duplicate now and then."""
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        assert json.loads((await socket.receive()).data)[0] == "atlas_subscribe"
        self.subscriptions += 1
        await socket.send_json(["atlas_subscribed", {"streamType": "probestatus"}])
        began = self.clock.now()
        for at, event in enumerate(self.events):
            if event[0] < began:
                continue
            if fault := self.faults.pop(at, None):
                await self.fail(fault, request, socket)
                return socket
            await asyncio.sleep(self.pause)
            self.clock.reach(event[0])
            for _ in range(1 + (at % 50 == 0)):
                await socket.send_json(["atlas_probestatus", self.message(event)])
        while (await socket.receive()).type not in (WSMsgType.CLOSED, WSMsgType.CLOSE, WSMsgType.ERROR):
            pass
        return socket

    async def fail(self, fault: str, request: web.Request, socket: web.WebSocketResponse) -> None:
        """Cut the stream, or answer pings only; meanwhile events pass unsent."""
        await pinged(socket)
        if fault == "silent":
            self.clock.run_out(2400, limit=300)
            await pinged(socket)
            await socket.receive()
            return
        if fault == "half":
            await half_a_frame(request)
        cut(request)
        self.clock.reach(self.clock.now() + 1200)

    def message(self, event: tuple[int, int, bool, int]) -> dict[str, Any]:
        """Return an event as the stream has it."""
        ts, probe, up, asn = event
        return {
            "prb_id": probe,
            "timestamp": ts,
            "event": "connect" if up else "disconnect",
            "type": "connection",
            "asn": asn,
            "controller": "ctr-test01",
            "probe": {"id": probe, "asn_v4": asn, "country_code": None, "status_id": 1 if up else 2},
        }

    async def history(self, request: web.Request) -> web.Response:
        """Return results of measurement 7000, which come late."""
        start, stop = int(request.query["start"]), int(request.query["stop"])
        self.asked.append((start, stop))
        assert request.query["format"] == "txt"
        seen = (e for e in self.events if start <= e[0] <= stop and e[0] <= self.clock.now() - LAG)
        lines = [{k: v for k, v in self.message(event).items() if k != "probe"} for event in seen]
        return web.Response(text="".join(json.dumps({"msm_id": 7000, **line}) + "\n" for line in lines))

    async def pages(self, request: web.Request) -> web.Response:
        """Return a page of probes: of those with a state, one a page; of those asked for, no one."""
        found = self.probes.get(request.query.get("status", ""), [])
        number = int(request.query["page"])
        more = "next" if number < len(found) else None
        return web.json_response({"count": len(found), "next": more, "results": found[number - 1 : number]})

    def handlers(self) -> dict[str, Any]:
        """Return what answers at which path."""
        return {
            "/stream/": self.stream,
            "/api/v2/measurements/7000/results/": self.history,
            "/api/v2/probes/": self.pages,
        }


def settings_at(address: str, folder: Path) -> Settings:
    """Return the settings of the shipped day with the source at an address."""
    file = folder / "ebbtide.toml"
    file.write_text((DAY / "feeds.toml").read_text() + SETTINGS.replace("ADDRESS", address))
    return load(file, {})


def day() -> list[dict[str, Any]]:
    """Return the measurements of the shipped day."""
    with gzip.open(DAY / "measurements.jsonl.gz") as lines:
        return [json.loads(line) for line in lines]


def outages(lines: bytes) -> bytes:
    """Return what `ebbtide detect` prints of measurements."""
    command = [*PROGRAM, "detect", "--settings", str(DAY / "feeds.toml"), "-"]
    return subprocess.run(command, input=lines, capture_output=True, check=True).stdout


async def read(fake: FakeAtlas, folder: Path, until: str) -> SourceMetrics:
    """Run the source against a server, printing, to a number or a time."""
    async with serving(fake.handlers()) as address:
        metrics = SourceMetrics(CollectorRegistry(), {"atlas": "atlas"}, {})
        run = SourceRun(settings_at(address, folder), "atlas", True, until_named(until), fake.clock.ports(), metrics)
        await asyncio.wait_for(run.run(), 60)
        return metrics


async def test_a_day_with_cuts_gives_the_same_outages(
    capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    """Half a day of history, then the stream, cut three times and silent for 40 minutes with pings answered.

    Each cut loses 20 minutes of the stream. The measurements are those of the shipped day, each once, and the outages
    are the same bytes.
    """
    whole = day()
    events = [(m["ts"], int(m["member"]), m["up"], m["asn"]) for m in whole]
    after = next(at for at, event in enumerate(events) if event[0] >= NOON)
    faults = {after + 300: "cut", after + 1500: "silent", after + 2600: "half", after + 3700: "cut"}
    end = [(MIDNIGHT + 86_400 + more, 1, True, 3333) for more in (600, 700)]
    fake = FakeAtlas(VirtualClock(NOON), [*events, *end], faults)
    metrics = await read(fake, tmp_path, "2016-06-17T00:00:00Z")
    printed = capfdbinary.readouterr().out
    found = sorted((m["ts"], m["asn"], m["member"], m["up"]) for m in map(json.loads, printed.splitlines()))
    assert found == sorted((m["ts"], m["asn"], m["member"], m["up"]) for m in whole)
    assert outages(printed) == outages(b"".join(json.dumps(m).encode() + b"\n" for m in whole))
    assert not faults
    value = metrics.registry.get_sample_value
    lost = {
        reason: value("ebbtide_source_reconnects_total", {"source": "atlas", "reason": reason})
        for reason in ("closed", "silent", "garbage")
    }
    assert lost == {"closed": 3, "silent": 1, "garbage": 0}
    assert fake.subscriptions == 5
    assert value("ebbtide_source_gap_seconds_total", {"source": "atlas"}) == 0


async def test_who_is_up_is_said_at_the_start(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """Of probes that have not changed since, with network and country; one without a network is left out."""
    events = [(NOON - 3600, 7, False, 1103), (NOON + 700, 11, True, 286), (NOON + 2000, 11, True, 286)]
    fake = FakeAtlas(VirtualClock(NOON), events, {})
    listed = [(7, 1103, MIDNIGHT + 60), (8, 1103, MIDNIGHT - 60), (9, 286, MIDNIGHT - 60), (10, None, MIDNIGHT - 60)]
    fake.probes["1"] = [
        {"id": probe, "asn_v4": asn, "country_code": "NL", "status_since": since} for probe, asn, since in listed
    ]
    await read(fake, tmp_path, "3")
    found = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    place = {"feed": "atlas", "country": "NL"}
    assert found == [
        {**place, "ts": MIDNIGHT - 1, "asn": 1103, "member": "8", "up": True},
        {**place, "ts": MIDNIGHT - 1, "asn": 286, "member": "9", "up": True},
        {**place, "ts": NOON - 3600, "asn": 1103, "member": "7", "up": False},
    ]


async def test_a_gap_beyond_the_history_is_recorded(tmp_path: Path) -> None:
    """Nothing is made up for it; at its end the source says who is up and who is not; the position keeps it."""
    fake = FakeAtlas(VirtualClock(NOON), [(NOON - 100, 7, True, 1103)], {})
    oldest = MIDNIGHT - RESUMED  # a source that has begun goes an hour further back than its `backfill`
    since = {"asn_v4": 1103, "status_since": oldest - 60}
    fake.probes = {"1": [{"id": 8, **since}], "2": [{"id": 6, **since}]}
    async with serving(fake.handlers()) as address:
        settings = settings_at(address, tmp_path)
        source = settings.sources["atlas"]
        assert isinstance(source, AtlasSource)
        position = Position(offset=oldest - 500, sent=oldest - 600, done=oldest - 500)
        stage = stage_of(settings, "atlas", decoder_of("atlas", source, "json"), SavedSource({PART: position}))
        async with linked(source, "atlas", fake.clock.ports(), NOON) as link:
            arrivals = AtlasReader(source, link, position).arrivals()
            arrival = await anext(arrivals)
            await arrivals.aclose()
    (chunk,) = arrival.chunks
    stage.process(chunk)
    found = [json.loads(line) for record in chunk.records for line in (record.value or b"").splitlines()]
    assert [(e["timestamp"], e["probe"], e["up"]) for e in found] == [(oldest - 1, 8, True), (oldest - 1, 6, False)]
    assert stage.tally.gap_seconds == 500
    assert stage.gather.send(0)[PART].gaps == ((oldest - 500, oldest),)


@pytest.mark.parametrize(
    ("event", "state", "expected"),
    [("disconnect", 2, NOON), ("connect", 1, NOON), ("disconnect", None, NOON), ("disconnect", 1, NOON + 60)],
)
def test_a_message_without_a_time_has_that_of_the_new_state(event: str, state: int | None, expected: int) -> None:
    """The time since which the probe is in its state; where that is still the old one, the time of receipt."""
    probe = {"id": 7, "asn_v4": 1103, "country_code": "NL", "status_id": state, "status_since": NOON}
    message = {"prb_id": 7, "event": event, "type": "connection", "asn": 1103, "probe": probe}
    found = message_of(json.dumps(["atlas_probestatus", message]), NOON + 60)
    assert isinstance(found, ProbeEvent)
    assert (found.ts, found.up) == (expected, event == "connect")
    assert isinstance(event_of(json.dumps({"prb_id": 7, "event": event, "msm_id": 7000}).encode()), bytes)


def test_without_internet_one_line_says_so(tmp_path: Path) -> None:
    """`ebbtide source atlas --dry-run` where nobody answers."""
    settings_at("127.0.0.1:9", tmp_path)
    command = [*PROGRAM, "source", "atlas", "--dry-run", "--settings", str(tmp_path / "ebbtide.toml")]
    done = subprocess.run(command, capture_output=True, check=False)
    terms, error = done.stderr.decode().splitlines()
    assert terms.endswith("RIPE Atlas, RIPE NCC: terms at https://atlas.ripe.net/about/terms-and-conditions")
    assert error.startswith("ebbtide: ws://127.0.0.1:9/stream/: cannot connect: ")
    assert (done.returncode, done.stdout) == (1, b"")
