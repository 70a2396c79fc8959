"""RIPE RIS as a source, against an archive and a stream that speak as its documentation says."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from streams.config.loader import load
from streams.config.ris_source import BEACONS
from streams.sources.beacons import BeaconWatch
from streams.sources.bgp_update import AS_SET, NO_PATH, ByFamily, RouteChange
from streams.sources.metrics import SourceMetrics
from streams.sources.ris_messages import LiveChange, LiveError, message_of
from streams.sources.run import SourceRun
from streams.sources.senders import PrintingSender
from streams.sources.until import until_named
from tests.ebbtide import PROGRAM
from tests.streams.sources.bgp_bytes import prefix
from tests.streams.sources.fake_ris import FakeRis, PeerEvent, at, peers_say
from tests.streams.sources.fake_server import serving
from tests.streams.sources.virtual_clock import VirtualClock

HOUR, BEGIN = 3600, 1_700_006_400  # 2023-11-15T00:00:00Z
NOW, END = BEGIN + 26 * HOUR, BEGIN + 36 * HOUR
RESET, GONE, BACK = 29 * HOUR, 32 * HOUR, 34 * HOUR  # seconds since BEGIN
PEERS = tuple(f"192.0.2.{n}" for n in range(1, 6))
NETWORKS = (3333, 1103, 286, 1136, 8075)
BEACON = "84.205.64.0/24"
SETTINGS = """
[feeds.bgp]
signal = "bgp"
kind = "gauge"
bin = "5m"
lateness = "0s"
unit = "prefixes"
[sources.ris]
type = "ris"
feed = "bgp"
stream = "ws://ADDRESS/v1/ws/?client=test"
archive = "http://ADDRESS/archive"
backfill = "BACKFILL"
"""


def prefixes(network: int) -> list[str]:
    """Return the prefixes of a network."""
    return [f"198.{51 + NETWORKS.index(network)}.{n}.0/24" for n in range(8)]


def routes() -> dict[tuple[str, str], int]:
    """Return what peers have at the beginning."""
    return {(peer, text): network for peer in PEERS for network in NETWORKS for text in prefixes(network)}


def course() -> list[PeerEvent]:
    """Return a day and a half: four of five peers lose their sessions; later all withdraw a network's prefixes."""
    return sorted(_course())


def _course() -> Iterator[PeerEvent]:
    for second in range(30, END - BEGIN + 1200, 100):
        yield from peers_say(BEGIN + second, PEERS, "keepalive")
    for second in range(0, END - BEGIN + 1, 4 * HOUR):
        yield from peers_say(BEGIN + second + 3, PEERS, "announce", [BEACON], 12_654)
        yield from peers_say(BEGIN + second + 2 * HOUR + 3, PEERS, "withdraw", [BEACON])
    for number, peer in enumerate(PEERS[1:], 1):
        yield PeerEvent(BEGIN + RESET + 60.5, peer, "down")
        yield PeerEvent(BEGIN + RESET + 70.5 + number, peer, "up")
        for network in NETWORKS:
            sent = RESET + 200 + 300 * (number + NETWORKS.index(network))
            yield PeerEvent(BEGIN + sent, peer, "announce", tuple(prefixes(network)), network)
    yield from peers_say(BEGIN + GONE + 60, PEERS, "withdraw", prefixes(3333))
    yield from peers_say(BEGIN + BACK + 60, PEERS, "announce", prefixes(3333), 3333)


def settings_at(address: str, folder: Path, more: str = "") -> Path:
    """Return the file of the settings with the source at an address."""
    file = folder / "ebbtide.toml"
    text = SETTINGS if "backfill" in more else SETTINGS.replace("BACKFILL", "26h")
    file.write_text(text.replace("ADDRESS", address).replace('backfill = "BACKFILL"\n', "") + more)
    return file


async def read(
    fake: FakeRis, folder: Path, until: str, more: str = "", printing: PrintingSender | None = None
) -> SourceMetrics:
    """Run the source against a server, printing, to a number or a time. `printing`: with what an earlier run saved."""
    async with serving(fake.handlers()) as address:
        metrics = SourceMetrics(CollectorRegistry(), {"ris": "bgp"}, {}, {"ris": 3})
        settings = load(settings_at(address, folder, more), {})
        run = SourceRun(settings, "ris", True, until_named(until), fake.clock.ports(), metrics, printing)
        await asyncio.wait_for(run.run(), 100)
        return metrics


def outages(folder: Path, lines: bytes) -> list[dict[str, Any]]:
    """Return what `ebbtide detect` says of measurements, the last of each outage."""
    command = [*PROGRAM, "detect", "--settings", str(folder / "ebbtide.toml"), "-"]
    printed = subprocess.run(command, input=lines, capture_output=True, check=True).stdout
    return list({o["outage_id"]: o for o in map(json.loads, printed.splitlines())}.values())


async def test_withdrawn_prefixes_are_one_outage_through_all_faults(
    capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    """A day from the archive, then the stream: cut, silent though pinged, half a frame, an error, and garbage.

    Each fault loses 20 minutes of the stream. The measurements are those of the whole archive, each once: one outage,
    in its bin, and none of the peers that were reset.
    """
    events = course()
    fake = FakeRis(VirtualClock(NOW), BEGIN, routes(), events)
    fake.faults = {
        at(events, BEGIN + RESET + 600): "cut",
        at(events, BEGIN + GONE - 3 * HOUR / 2): "silent",
        at(events, BEGIN + GONE + 1800): "half",
        at(events, BEGIN + BACK - 600): "slow",
        at(events, BEGIN + BACK + 1800): "garbage",
    }
    metrics = await read(fake, tmp_path, "2023-11-16T12:00:00Z")
    printed = capfdbinary.readouterr().out
    (outage,) = outages(tmp_path, printed)
    assert (outage["entity"], outage["state"]) == ("asn/3333", "closed")
    assert (outage["started_at"], outage["ended_at"]) == ("2023-11-16T08:00:00Z", "2023-11-16T10:00:00Z")
    assert not fake.faults
    assert len(fake.subscriptions) == 5
    assert fake.subscriptions[0]["data"] == {"host": "rrc00", "socketOptions": {"includeRaw": False}}
    value = metrics.registry.get_sample_value
    lost = {r: value("ebbtide_source_reconnects_total", {"source": "ris", "reason": r}) for r in ("closed", "silent")}
    assert lost == {"closed": 3, "silent": 1}
    assert value("ebbtide_source_gap_seconds_total", {"source": "ris"}) == 0
    assert value("ebbtide_source_rejected_total", {"source": "ris", "reason": "not-bgp"}) == 2
    assert value("ebbtide_source_peers", {"source": "ris"}) == 5
    assert value("ebbtide_source_routes_total", {"source": "ris", "event": "late"}) == 0
    whole = [json.loads(line) for line in whole_archive(fake, tmp_path)]
    assert [json.loads(line) for line in printed.splitlines()] == [v for v in whole if v["ts"] < END]


def whole_archive(fake: FakeRis, folder: Path) -> list[bytes]:
    """Return the measurements of a table and all messages, read as files."""
    (folder / "table.mrt").write_bytes(fake.table(BEGIN))
    (folder / "updates.mrt").write_bytes(b"".join(event.mrt() for event in fake.events))
    file = folder / "files.toml"
    files = SETTINGS[: SETTINGS.index("[sources.ris]")] + '[sources.ris]\ntype = "mrt"\nfeed = "bgp"\n'
    file.write_text(f'{files}paths = ["{folder}/*.mrt"]\n')
    command = [*PROGRAM, "source", "ris", "--dry-run", "--settings", str(file)]
    return subprocess.run(command, capture_output=True, check=True).stdout.splitlines()


async def test_a_file_that_never_comes_makes_the_collector_unknown_before_its_next_table(
    capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    """What was withdrawn in it is not known: nothing is said from then on to the table at 08:00."""
    fake = FakeRis(VirtualClock(NOW), BEGIN, routes(), course())
    fake.absent = {"updates.20231115.0300.gz"}
    metrics = await read(fake, tmp_path, "2023-11-15T10:00:00Z")
    found = {json.loads(line)["ts"] for line in capfdbinary.readouterr().out.splitlines()}
    expected = [*range(BEGIN, BEGIN + 3 * HOUR, 300), *range(BEGIN + 8 * HOUR, BEGIN + 10 * HOUR, 300)]
    assert sorted(found) == [start + 299 for start in expected]
    assert metrics.registry.get_sample_value("ebbtide_source_gap_seconds_total", {"source": "ris"}) == 300


async def test_a_time_that_is_far_ahead_moves_nothing(
    capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    """A record of the archive that is years ahead is rejected, and the rest counts."""
    far = PeerEvent(BEGIN + 4e8, PEERS[0], "withdraw", tuple(prefixes(3333)))

    class Ahead(FakeRis):
        def updates(self, start: int) -> bytes:
            return super().updates(start) + (far.mrt() if start == BEGIN + 600 else b"")

    fake = Ahead(VirtualClock(BEGIN + 2 * HOUR), BEGIN, routes(), course())
    metrics = await read(fake, tmp_path, "2023-11-15T01:00:00Z", 'backfill = "2h"\n')
    assert {json.loads(line)["value"] for line in capfdbinary.readouterr().out.splitlines()} == {
        1,
        8,
    }  # 1 of the beacons
    rejected = {"source": "ris", "reason": "not-bgp"}
    assert metrics.registry.get_sample_value("ebbtide_source_rejected_total", rejected) == 1


async def test_a_network_that_was_withdrawn_before_a_restart_is_zero_after_it(
    capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    """The table that the second run begins with does not name it: with the first run, the bytes of a run in one."""
    events = sorted(
        event
        for second in range(30, 12 * HOUR, 100)
        for event in (
            *peers_say(BEGIN + second, PEERS, "keepalive"),
            *(peers_say(BEGIN + second, PEERS, "withdraw", prefixes(3333)) if second == 7 * HOUR + 30 else ()),
        )
    )
    printed, saved = [], PrintingSender()
    for until, printing in (("11", None), ("09", saved), ("11", saved)):
        fake = FakeRis(VirtualClock(BEGIN + 11.5 * HOUR), BEGIN, routes(), events)
        await read(fake, tmp_path, f"2023-11-15T{until}:00:00Z", 'backfill = "11h"\n', printing)
        printed.append(capfdbinary.readouterr().out)
        tables = {name for name in fake.asked if name.startswith("bview")}
    assert tables == {"bview.20231115.0800.gz"}
    assert printed[1] + printed[2] == printed[0]
    values = [json.loads(line) for line in printed[2].splitlines()]
    assert {value["value"] for value in values if value["asn"] == 3333} == {0}
    assert len(values) == len(NETWORKS) * 24


async def test_a_stream_without_beacons_is_deaf(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """Other messages come, and no beacon any more: the connection ends, and the archive fills what was lost."""
    events = course()
    deaf = range(NOW + 5 * HOUR, NOW + 7 * HOUR)  # the time of a beacon, in which 3333 withdraws its prefixes
    fake = FakeRis(VirtualClock(NOW), BEGIN, routes(), events)
    fake.unsent = {event for event in events if int(event.ts) in deaf and event.kind != "keepalive"}
    metrics = await read(fake, tmp_path, "2023-11-16T10:30:00Z", 'beacon_patience = "10m"\n')
    reason = {"source": "ris", "reason": "silent"}
    assert metrics.registry.get_sample_value("ebbtide_source_reconnects_total", reason) == 1
    whole = [json.loads(line) for line in whole_archive(fake, tmp_path)]
    printed = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    wrong = [value["ts"] - BEGIN - GONE for value in printed if value not in whole]
    assert set(wrong) <= {299, 599}  # what may be sent before the stream is known to be deaf
    assert {"feed": "bgp", "ts": BEGIN + GONE + 899, "asn": 3333, "value": 0} in printed


def test_beacons_are_missed_after_their_time() -> None:
    """Only where events of beacons came before: without any, the prefixes may be wrong."""
    watch = BeaconWatch.of([BEACON, "2001:7fb:fe01::/48"], 900)
    assert watch.missed(BEGIN + 5 * HOUR) is None
    watch.see(RouteChange(BEGIN + 3, b"", announced=([prefix("192.0.2.0/24")], [])))
    assert watch.missed(BEGIN + 5 * HOUR) is None
    watch.see(RouteChange(BEGIN + 3, b"", withdrawn=([], [prefix("2001:7fb:fe01::/48")])))
    assert watch.missed(BEGIN + 2 * HOUR + 899) is None
    assert watch.missed(BEGIN + 2 * HOUR + 900) == BEGIN + 2 * HOUR
    watch.see(RouteChange(BEGIN + 2 * HOUR + 950, b"", withdrawn=([prefix(BEACON)], [])))
    assert watch.missed(BEGIN + 4 * HOUR) is None


def test_beacons_of_another_rhythm_are_not_among_the_default() -> None:
    """Those of ten minutes would hide that the others are missing; 2001:7fb:fe00::/48 is none since 2024."""
    watch = BeaconWatch.of(BEACONS, 900)
    assert len(watch.prefixes) == 18
    assert not watch.prefixes & set(map(prefix, ("84.205.66.0/24", "2001:7fb:ff02::/48", "2001:7fb:fe00::/48")))


@pytest.mark.parametrize(("least", "begin"), [(0, 1), (0, 3), (10, 1), (25, 0)])
def test_the_origin_of_beacons_has_no_outages(tmp_path: Path, least: int, begin: int) -> None:
    """AS12654 goes up and down every two hours, from the first hours of a feed on."""
    (tmp_path / "ebbtide.toml").write_text(SETTINGS.replace("BACKFILL", "8h"))
    lines = []
    for ts in range(BEGIN + begin * HOUR, BEGIN + 96 * HOUR, 300):
        beacons = 30 if ts // (2 * HOUR) % 2 == 0 else least
        others = ((1000 + n, 100 + n * 10 + (ts // 300 * 7 + n) % 3) for n in range(30))
        lines += [
            json.dumps({"feed": "bgp", "ts": ts, "asn": asn, "value": value})
            for asn, value in ((12654, beacons), *others)
        ]
    command = [*PROGRAM, "detect", "--settings", str(tmp_path / "ebbtide.toml"), "-"]
    done = subprocess.run(command, input="\n".join(lines).encode(), capture_output=True, check=True)
    assert done.stdout == b""
    assert f"{len(lines):,} binned".encode() in done.stderr


def live(**data: Any) -> Any:  # noqa: ANN401
    """Return what a message of the documented form says."""
    head = {"timestamp": 1.5, "peer": "192.0.2.1", "peer_asn": "64496", "id": "x", "host": "rrc00.ripe.net"}
    return message_of(json.dumps({"type": "ris_message", "data": {**head, **data}}))


def test_an_update() -> None:
    """Prefixes of both families in one message; the collector is the first label of its host."""
    groups = [{"next_hop": "x", "prefixes": [text]} for text in ("198.51.100.0/24", "2001:DB8:0::/32")]
    found = live(
        type="UPDATE", path=[64_496, 3333], announcements=groups, withdrawals=["0.0.0.0/0", "203.0.113.128/25"]
    )
    gone: ByFamily = ([prefix("0.0.0.0/0"), prefix("203.0.113.128/25")], [])
    come = ([prefix("198.51.100.0/24")], [prefix("2001:db8::/32")])
    assert found == LiveChange("rrc00", "x", RouteChange(1.5, bytes([192, 0, 2, 1]), gone, come, 3333))


@pytest.mark.parametrize(("path", "origin"), [([1, 2], 2), ([1, [3, 4]], AS_SET), ([], NO_PATH), ([[1, 2], 3], 3)])
def test_a_set_of_networks_is_a_list_in_the_path(path: list[Any], origin: int) -> None:
    """At the end of a path it is nobody."""
    assert live(type="UPDATE", path=path).change.origin == origin


def test_sessions_and_other_messages() -> None:
    """A peer is known by its address, however it is spelled; OPEN and NOTIFICATION say nothing of routes."""
    down = live(type="RIS_PEER_STATE", state="down", peer="2001:db8:0:0::1").change
    up = live(type="RIS_PEER_STATE", state="connected", peer="2001:DB8::1").change
    assert (down.is_up, up.is_up, down.peer) == (False, True, up.peer)
    assert live(type="KEEPALIVE").change.is_up is None
    assert live(type="OPEN") is None
    assert live(type="NOTIFICATION", notification={"code": 6}) is None
    assert message_of('{"type": "ris_subscribe_ok", "data": {}}') is None
    assert message_of('{"type": "pong", "data": null}') is None
    assert message_of('{"type": "ris_error", "data": {"message": "too\\nslow"}}') == LiveError(r"too\nslow")


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "\0", '{"type": "ris_message"}', '{"type": "ris_message", "data": {"timestamp": 1}}', "[" * 9999],
)
def test_what_is_no_message(text: str) -> None:
    """Is said in one line."""
    found = message_of(text)
    assert isinstance(found, str)
    assert "\n" not in found


@pytest.mark.parametrize("text", ["198.51.100.0", "198.51.100.0/33", "198.51.100/24", "::/129", "x/8", "1.2.3.4/-1"])
def test_a_prefix_that_is_none(text: str) -> None:
    """Breaks its message only."""
    assert isinstance(live(type="UPDATE", withdrawals=[text]), str)


def test_without_internet_one_line_says_so(tmp_path: Path) -> None:
    """`ebbtide source ris --dry-run` where nobody answers."""
    command = [*PROGRAM, "source", "ris", "--dry-run", "--settings", str(settings_at("127.0.0.1:9", tmp_path))]
    done = subprocess.run(command, capture_output=True, check=False)
    terms, error = done.stderr.decode().splitlines()
    assert "RIPE RIS, RIPE NCC: for products, the terms at https://www.ripe.net/" in terms
    assert error.startswith("ebbtide: http://127.0.0.1:9/archive/rrc00/")
    assert "cannot connect: " in error
    assert (done.returncode, done.stdout) == (1, b"")
