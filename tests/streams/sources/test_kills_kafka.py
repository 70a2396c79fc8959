"""Sources of services on the Internet that are killed again and again, on a real broker.

`make source-drill` kills each of them twenty times.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from streams.config.kafka import TOPIC_KEYS
from streams.config.loader import load
from streams.sources.metrics import SourceMetrics
from streams.sources.run import SourceRun
from streams.sources.until import until_named
from tests.ebbtide import Cluster, env
from tests.kafka import ApacheKafka
from tests.streams.sources import test_atlas, test_ris
from tests.streams.sources.fake_ris import FakeRis
from tests.streams.sources.fake_server import Handler, serving
from tests.streams.sources.test_ooni import listing, trial
from tests.streams.sources.virtual_clock import SharedClock, VirtualClock

pytestmark = pytest.mark.kafka
KILLS, SEED = int(os.environ.get("KILLS", "2")), int(os.environ.get("SEED", "1"))
IS_DRILL = KILLS > 5
STEP_BEGIN = 1_700_006_400  # 2023-11-15T00:00:00Z


class Course(NamedTuple):
    """A service and what a source makes of it: settings, handlers over a clock, and where the run begins and ends."""

    settings: str
    handlers: Callable[[VirtualClock], dict[str, Handler]]
    begin: int
    until: str


class Striker(SharedClock):
    """The clock of a server, which strikes at moments of the course. `file`: of the clock; `left`: strikes to come.

    A moment is a number of requests and events after the last start, drawn anew for each.
    """

    def __init__(self, file: Path, now: float, strikes: int, rng: Random) -> None:
        self.file, self.left, self._rng, self._ticks = file, strikes, rng, 0
        self.strike: Callable[[], object] = lambda: None
        super().__init__(file, now)

    def aim(self, strike: Callable[[], object]) -> None:
        """Draw the moment of the next strike: early, as while the past is read, or later."""
        self.strike = strike
        self._ticks = self._rng.choice((self._rng.randrange(1, 12), self._rng.randrange(20, 90)))

    def reach(self, time: float) -> None:
        """Move on."""
        super().reach(time)
        self.tick()

    def tick(self) -> None:
        """Count a request or an event; strike when it is time, a moment later."""
        self._ticks -= 1
        if self._ticks == 0 and self.left:
            self.left -= 1
            asyncio.get_running_loop().call_later(self._rng.uniform(0, 0.03), self.strike)

    def ticking(self, handler: Handler) -> Handler:
        """Return a handler that counts requests."""

        async def handle(request: web.Request) -> web.StreamResponse:
            self.tick()
            return await handler(request)

        return handle


def atlas() -> Course:
    """Half a day of history, then the stream, by the shipped day; some probes are up at the start."""
    events = [(m["ts"], int(m["member"]), m["up"], m["asn"]) for m in test_atlas.day()]
    end = [(test_atlas.MIDNIGHT + 86_400 + more, 1, True, 3333) for more in (600, 700)]

    def handlers(clock: VirtualClock) -> dict[str, Handler]:
        fake = test_atlas.FakeAtlas(clock, [*events, *end], {})
        fake.pause = 0.002
        fake.probes["1"] = [{"id": n, "asn_v4": 1103, "status_since": test_atlas.MIDNIGHT - 60} for n in (1, 2)]
        return fake.handlers()

    settings = (test_atlas.DAY / "feeds.toml").read_text() + test_atlas.SETTINGS.replace(
        "[sources.atlas]", "[sources.s]"
    )
    until = "2016-06-17T00:00:00Z" if IS_DRILL else "2016-06-16T16:00:00Z"
    return Course(settings, handlers, test_atlas.NOON, until)


def ris() -> Course:
    """A day of the archive, then the stream: sessions that are reset, a network that is withdrawn and comes back."""
    events = test_ris.course()

    def handlers(clock: VirtualClock) -> dict[str, Handler]:
        fake = FakeRis(clock, test_ris.BEGIN, test_ris.routes(), events)
        fake.pause = 0.002
        return fake.handlers()

    settings = test_ris.SETTINGS.replace("[sources.ris]", "[sources.s]").replace("BACKFILL", "10h")
    return Course(settings, handlers, test_ris.NOW, "2023-11-16T12:00:00Z" if IS_DRILL else "2023-11-16T09:00:00Z")


PROMETHEUS = """
[feeds.reach]
signal = "active-probing"
kind = "ratio"
bin = "5m"
[sources.s]
type = "prometheus"
url = "http://ADDRESS"
feed = "reach"
query = "up"
of = "tried"
backfill = "2h"
fields = { asn = "asn" }
"""


def prometheus() -> Course:
    """Steps of a minute in bins of five; values that are NaN, and steps without any."""

    def value(asn: int, ts: int, is_trial: bool) -> str | None:
        number = (ts // 60 * 7919 + asn) % 101
        if number in (13, 14) or ts % 3600 < 420:
            return None
        return "NaN" if number == 15 else str(100 if is_trial else number)

    async def answer(request: web.Request) -> web.StreamResponse:
        start, end, step = (int(request.query[key]) for key in ("start", "end", "step"))
        is_trial = request.query["query"] == "tried"
        result = []
        for asn in (3333, 1103, 286):
            found = ((ts, value(asn, ts, is_trial)) for ts in range(start, end + 1, step))
            result.append({"metric": {"asn": str(asn)}, "values": [[ts, text] for ts, text in found if text]})
        return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": result}})

    until = "2023-11-15T23:00:00Z" if IS_DRILL else "2023-11-15T08:00:00Z"
    return Course(PROMETHEUS, lambda _: {"/api/v1/query_range": answer}, STEP_BEGIN, until)


IODA = """
[feeds.bgp]
signal = "bgp"
kind = "gauge"
bin = "5m"
[sources.s]
type = "ioda"
feed = "bgp"
datasource = "bgp"
entities = ["asn/9121", "asn/3333", "asn/1103"]
api = "http://ADDRESS/v2"
"""


def ioda() -> Course:
    """Steps that grow for 20 minutes after their end; null now and then."""

    def handlers(clock: VirtualClock) -> dict[str, Handler]:
        def value(code: int, ts: int) -> int | None:
            number = (ts // 300 * 7919 + code) % 101
            return None if number < 5 else number if clock.now() >= ts + 1500 else 0

        async def answer(request: web.Request) -> web.StreamResponse:
            start, until = int(request.query["from"]), int(request.query["until"])
            values = [value(int(request.match_info["code"]), ts) for ts in range(start, until, 300)]
            return web.json_response({"data": [[{"datasource": "bgp", "from": start, "step": 300, "values": values}]]})

        return {"/v2/signals/raw/asn/{code}": answer}

    return Course(IODA, handlers, STEP_BEGIN, "2023-11-17T00:00:00Z" if IS_DRILL else "2023-11-15T16:00:00Z")


OONI = """
[feeds.services]
signal = "service-tests"
kind = "ratio"
bin = "1h"
[sources.s]
type = "ooni"
feed = "services"
bucket = "http://ADDRESS"
countries = ["IT", "NL"]
tests = ["signal"]
accept_terms = true
"""


def ooni() -> Course:
    """Files of an hour, some without any trial, one of them with a line that is none."""

    async def pages(request: web.Request) -> web.StreamResponse:
        prefix = request.query["prefix"]
        return web.Response(text=listing(f"{prefix}{n}.jsonl.gz" for n in range(hash_of(prefix) % 3)))

    async def file(request: web.Request) -> web.StreamResponse:
        number = hash_of(request.path)
        states = ("ok", "blocked", "unclear", "ok")
        lines = [trial("signal", 3000 + n % 3, signal_backend_status=states[(number + n) % 4]) for n in range(9)]
        return web.Response(body=gzip.compress(b"\n".join([*lines, b"{}"] if number % 5 == 0 else lines)))

    until = "2023-12-05T00:00:00Z" if IS_DRILL else "2023-11-18T00:00:00Z"
    return Course(OONI, lambda _: {"/": pages, "/{key:raw/.+}": file}, STEP_BEGIN, until)


def hash_of(text: str) -> int:
    """Return a number that is the same in all processes."""
    return sum(at * byte for at, byte in enumerate(text.encode(), 1))


async def undisturbed(course: Course, folder: Path) -> None:
    """Run the source in this process, printing."""
    clock = VirtualClock(course.begin)
    async with serving(course.handlers(clock)) as address:
        settings = load(written(course, folder, address), {})
        metrics = SourceMetrics(CollectorRegistry(), {"s": settings.sources["s"].feed}, {})
        run = SourceRun(settings, "s", True, until_named(course.until), clock.ports(), metrics)
        await asyncio.wait_for(run.run(), 100)


def written(course: Course, folder: Path, address: str) -> Path:
    """Return the file of the settings."""
    file = folder / "ebbtide.toml"
    file.write_text(course.settings.replace("ADDRESS", address))
    return file


async def killed(course: Course, cluster: Cluster, striker: Striker, folder: Path) -> int:
    """Run the source in processes of its own, each killed, until one reaches the end; return how many were killed."""
    async with serving(struck(course, striker)) as address:
        settings, kills = written(course, folder, address), 0
        while True:
            process = await started(course, cluster, striker, settings)
            if not kills:
                await begun(cluster)
            striker.aim(process.kill)
            _, errors = await asyncio.wait_for(process.communicate(), 90)
            if process.returncode != -9:
                assert process.returncode == 0, errors.decode()
                return kills
            kills += 1


async def begun(cluster: Cluster) -> None:
    """Wait until it is saved where the source begins: killed before, it has not begun."""
    while not await asyncio.to_thread(cluster.end_of, cluster.kafka.sources_state, 0):
        await asyncio.sleep(0.05)


def struck(course: Course, striker: Striker) -> dict[str, Handler]:
    """Return the handlers of a course, each of whose requests counts."""
    return {path: striker.ticking(handler) for path, handler in course.handlers(striker).items()}


async def started(course: Course, cluster: Cluster, clock: Striker, settings: Path) -> asyncio.subprocess.Process:
    """Start the source in a process of its own."""
    command = ["-m", "tests.streams.sources.virtual_source", settings, "s", course.until, clock.file]
    return await asyncio.create_subprocess_exec(
        sys.executable, *map(str, command), env=env(cluster.environment), stderr=asyncio.subprocess.PIPE
    )


def sent(cluster: Cluster) -> Counter[str]:
    """Return all measurements that are committed, each as a text, with how often it is there."""
    found = (json.loads(r.value) for r in cluster.records(cluster.kafka.measurements, is_committed=True))
    return Counter(json.dumps(m) for value in found for m in (value if isinstance(value, list) else [value]))


def cluster_of(name: str, kafka: ApacheKafka, course: Course, folder: Path) -> Cluster:
    """Return topics of their own."""
    names = {f"EBBTIDE_KAFKA_{key.upper()}": f"{name}.{key}" for key in TOPIC_KEYS}
    return Cluster(kafka.address, name, folder, written(course, folder, "127.0.0.1:9"), **names)


def counted(printed: bytes) -> Counter[str]:
    """Return the measurements of an undisturbed run, as `sent` does."""
    return Counter(json.dumps(json.loads(line)) for line in printed.splitlines())


@pytest.mark.parametrize("make", [atlas, ris, prometheus, ioda, ooni])
async def test_kills_change_no_measurement(
    make: Callable[[], Course], kafka: ApacheKafka, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    """Each measurement is there as often as without any kill."""
    course = make()
    await undisturbed(course, tmp_path)
    expected = counted(capfdbinary.readouterr().out)
    cluster = cluster_of(f"source-kills-{make.__name__}", kafka, course, tmp_path)
    striker = Striker(tmp_path / "clock", course.begin, KILLS, Random(SEED))
    assert await killed(course, cluster, striker, tmp_path) == KILLS
    found = sent(cluster)
    assert (found - expected, expected - found) == (Counter(), Counter())


@pytest.mark.long
async def test_a_broker_that_is_killed_changes_no_measurement(
    own_kafka: ApacheKafka, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    """Once or twice while half a day of RIPE Atlas is read: the source connects again by itself."""
    course = atlas()
    await undisturbed(course, tmp_path)
    expected = counted(capfdbinary.readouterr().out)
    cluster = cluster_of("source-restarts", own_kafka, course, tmp_path)
    striker, tasks = Striker(tmp_path / "clock", course.begin, 2, Random(SEED)), list[asyncio.Task[None]]()

    async def restart() -> None:
        await asyncio.to_thread(own_kafka.restart, kill=True)
        striker.aim(strike)

    def strike() -> None:
        tasks.append(asyncio.create_task(restart()))

    async with serving(struck(course, striker)) as address:
        process = await started(course, cluster, striker, written(course, tmp_path, address))
        await begun(cluster)
        striker.aim(strike)
        _, errors = await asyncio.wait_for(process.communicate(), 200)
    await asyncio.gather(*tasks)
    assert process.returncode == 0 and tasks, errors.decode()
    assert b"Traceback" not in errors
    found = sent(cluster)
    assert (found - expected, expected - found) == (Counter(), Counter())
