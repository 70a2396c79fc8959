"""BIRD as a route collector with four peers: its MRT files against bgpdump, and as an archive and a stream of RIS."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_address, ip_network
from pathlib import Path
from time import sleep, time
from typing import NamedTuple

import pytest

from streams.sources.bgp_update import RouteChange
from streams.sources.mrt import MrtReader, TableEntry, TablePeers
from streams.sources.mrt_records import records
from tests import programs
from tests.ebbtide import wait_for
from tests.streams.sources.bgp_bytes import record
from tests.streams.sources.fake_ris import FakeRis, PeerEvent, at, peers_say
from tests.streams.sources.test_ris import BACK, BEGIN, END, GONE, HOUR, NETWORKS, NOW, outages, prefixes, read
from tests.streams.sources.virtual_clock import VirtualClock

pytestmark = pytest.mark.long

PEERS = tuple(f"127.0.0.{n}" for n in range(2, 6))
RESET = 30 * HOUR  # seconds since BEGIN
COLLECTOR = """router id 127.0.0.1;
log "FOLDER/collector.log" all;
mrtdump "FOLDER/updates.mrt";
protocol device {}
protocol mrt { table "master4"; filename "FOLDER/table.%s.mrt"; period 1; }
"""


class Recorded(NamedTuple):
    """What BIRD wrote, and the times of what was done to it: withdrawn, announced again, sessions of three reset."""

    table: Path
    updates: Path
    done_at: tuple[int, int, int]


def session(name: str, here: str, asn: int, there: str, other: int, sends: bool) -> str:
    """Return one side of a session."""
    kept, given = ("none", "all") if sends else ("all", "none")
    return f"""protocol bgp {name} {{
  local {here} port 17900 as {asn}; neighbor {there} port 17900 as {other};
  strict bind yes; multihop; connect retry time 1; connect delay time 1; error wait time 1, 2;
  mrtdump {{ messages, states }};
  ipv4 {{ import {kept}; export {given}; }};
}}
"""


def peer_settings(folder: Path, peer: str, asn: int) -> str:
    """Return the settings of a peer that announces all networks, each by a protocol of its own."""
    text = f'router id {peer};\nlog "{folder}/{peer}.log" all;\nprotocol device {{}}\n'
    for network in NETWORKS:
        routes = " ".join(f"route {text} blackhole {{ bgp_path.prepend({network}); }};" for text in prefixes(network))
        text += f"protocol static s{network} {{ ipv4; {routes} }}\n"
    return text + session("up", peer, asn, "127.0.0.1", 64_496, sends=True)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """Run BIRD: all peers withdraw a network's prefixes, and announce them again; then three lose their sessions."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    missing = "routes need BIRD and bgpdump (Debian: bird2, bgpdump)"
    bird, birdc, _ = programs.demand(("bird", "birdc", "bgpdump"), missing, "EBBTIDE_REQUIRE_BGP", path)
    folder = tmp_path_factory.mktemp("bird")
    asns = {peer: 64_500 + n for n, peer in enumerate(PEERS)}
    collector = COLLECTOR.replace("FOLDER", str(folder)) + "".join(
        session(f"p{n}", "127.0.0.1", 64_496, peer, asns[peer], sends=False) for n, peer in enumerate(PEERS)
    )
    (folder / "collector.conf").write_text(collector)
    for peer in PEERS:
        (folder / f"{peer}.conf").write_text(peer_settings(folder, peer, asns[peer]))

    def control(name: str, *words: str) -> str:
        return subprocess.run([birdc, "-s", f"{folder}/{name}.ctl", *words], capture_output=True, text=True).stdout

    def routes() -> int:
        return control("collector", "show route table master4").count(" from 127.0.0.")

    whole = len(PEERS) * len(NETWORKS) * 8
    with ExitStack() as stack:
        for name in ("collector", *PEERS):
            files = ["-c", f"{folder}/{name}.conf", "-s", f"{folder}/{name}.ctl", "-P", f"{folder}/{name}.pid"]
            process = stack.enter_context(subprocess.Popen([bird, "-f", *files], stderr=subprocess.DEVNULL))
            stack.callback(process.terminate)
        wait_for("all routes", lambda: routes() == whole)
        start = time()
        wait_for("a table", lambda: any(int(f.name.split(".")[1]) > start + 1 for f in folder.glob("table.*.mrt")))
        table = max(folder.glob("table.*.mrt"))
        copied = folder / "first.mrt"
        copied.write_bytes(table.read_bytes())
        done_at = []
        for names, words, left in (
            (PEERS, ("disable", "s3333"), whole - 8 * len(PEERS)),
            (PEERS, ("enable", "s3333"), whole),
            (PEERS[1:], ("disable", "up"), whole // len(PEERS)),
            (PEERS[1:], ("enable", "up"), whole),
        ):
            sleep(1.1)
            done_at.append(int(time()))
            for name in names:
                control(name, *words)
            wait_for(f"{left} routes", lambda: routes() == left)  # noqa: B023 (called here)
        sleep(0.5)
        updates = folder / "before-the-end.mrt"
        updates.write_bytes((folder / "updates.mrt").read_bytes())
    yield Recorded(copied, updates, (done_at[0], done_at[1], done_at[2]))


def dumped(file: Path) -> list[list[str]]:
    """Return what bgpdump says of a file, in columns."""
    done = subprocess.run(["bgpdump", "-m", str(file)], capture_output=True, text=True, check=True)
    return [line.split("|") for line in done.stdout.splitlines()]


def decoded(file: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield kind, peer, prefix and network of what our reader says."""
    for item in MrtReader().read(str(file)):
        if isinstance(item, TableEntry):
            yield from (("B", str(ip_address(peer)), text(item.prefix), str(origin)) for peer, origin, _ in item.routes)
        elif isinstance(item, RouteChange):
            peer = str(ip_address(item.peer))
            yield from (("A", peer, text(found), str(item.origin)) for found in item.announced[0])
            yield from (("W", peer, text(found), "") for found in item.withdrawn[0])
            if item.is_up is not None:
                yield "up" if item.is_up else "down", peer, "", ""
        else:
            assert isinstance(item, TablePeers)


def text(prefix: bytes) -> str:
    """Return a prefix of IPv4 as text."""
    return str(ip_network((prefix[1:].ljust(4, b"\0"), prefix[0])))


def by_bgpdump(line: list[str]) -> tuple[str, str, str, str] | None:
    """Return the same of a line of bgpdump; None for a step between two other states."""
    kind, peer = line[2], line[3]
    if kind == "STATE":
        state = {line[5] == "6": "down", line[6] == "6": "up"}.get(True)
        return state and (state, peer, "", "")  # type: ignore[return-value]
    return kind, peer, line[5], line[6].split()[-1] if kind != "W" else ""


def test_bgpdump_reads_the_same(recorded: Recorded) -> None:
    """Each route of the table, each change and each session, from the same files."""
    for file in (recorded.table, recorded.updates):
        expected = [found for line in dumped(file) if (found := by_bgpdump(line))]
        assert sorted(decoded(file)) == sorted(expected)
        assert len(expected) >= len(PEERS) * len(NETWORKS) * 8
    kinds = [kind for kind, *_ in decoded(recorded.updates)]
    assert (kinds.count("down"), kinds.count("W")) == (3, 8 * len(PEERS))


class BirdAsRis(FakeRis):
    """RIS whose archive has the files of BIRD, and whose stream has what bgpdump reads in them, at later times."""

    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded
        found = records(str(recorded.updates))
        self.raw = [(ts, record(ts, *body)) for _, at, *body in found if (ts := self.later(at))]  # type: ignore[arg-type]
        quiet = [
            event
            for second in range(30, END - BEGIN + 1200, 100)
            for event in peers_say(BEGIN + second, PEERS, "keepalive")
        ]
        lines = dumped(recorded.updates)
        said = [event for number, line in enumerate(lines) if (event := self.event(line, number / 1e4))]
        super().__init__(VirtualClock(NOW), BEGIN, {}, sorted([*said, *quiet], key=lambda event: event.ts))
        self.quiet = quiet

    def later(self, ts: int) -> int:
        """Return the time in the course of a time of BIRD; 0 before the first change."""
        gone, back, reset = self.recorded.done_at
        for begin, offset in ((reset, RESET), (back, BACK), (gone, GONE)):
            if ts >= begin:
                return BEGIN + offset + 60 + ts - begin
        return 0

    def event(self, line: list[str], fraction: float) -> PeerEvent | None:
        """Return what a line of bgpdump says, at its later time, with the part of a second that RIS Live has."""
        found, later = by_bgpdump(line), self.later(int(line[1]))
        if found is None or not later:
            return None
        ts = later + fraction
        kind, peer, prefix, origin = found
        if kind in ("up", "down"):
            return PeerEvent(ts, peer, "up" if kind == "up" else "down")
        return PeerEvent(ts, peer, "announce" if kind == "A" else "withdraw", (prefix,), int(origin or 0))

    def updates(self, start: int) -> bytes:
        """Return the records of BIRD, and signs of life."""
        quiet = [(int(event.ts), event.mrt()) for event in self.quiet]
        found = [(ts, body) for ts, body in [*self.raw, *quiet] if start <= ts < start + 300]
        return b"".join(body for _, body in sorted(found, key=lambda pair: pair[0]))

    def table(self, ts: int) -> bytes:
        """Return the first table of BIRD, of the first time only."""
        assert ts == BEGIN
        return b"".join(
            record(ts, kind, subtype, body) for _, _, kind, subtype, body in records(str(self.recorded.table))
        )


async def test_withdrawn_prefixes_are_one_outage_and_reset_sessions_none(
    recorded: Recorded, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    """All peers withdraw one network's prefixes for two hours; three of four sessions are reset before."""
    fake = BirdAsRis(recorded)
    fake.faults = {at(fake.events, BEGIN + GONE + 1800): "cut"}
    await read(fake, tmp_path, "2023-11-16T12:00:00Z")
    printed = capfdbinary.readouterr().out
    (outage,) = outages(tmp_path, printed)
    assert (outage["entity"], outage["state"]) == ("asn/3333", "closed")
    assert (outage["started_at"], outage["ended_at"]) == ("2023-11-16T08:00:00Z", "2023-11-16T10:00:00Z")
    assert {value["asn"] for value in map(json.loads, printed.splitlines())} == set(NETWORKS)
