"""Flows of real programs: softflowd (NetFlow v9) to nfacctd to Apache Kafka to `ebbtide source` to a worker.

Ten hours of packets pass through softflowd at once. Its datagrams then reach nfacctd from an address for each router.
nfacctd purges in any order, so the source has a long lateness, and a packet of the next day ends it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from subprocess import DEVNULL
from time import sleep
from typing import Any

import pytest

from streams.broker import topics
from tests import programs
from tests.ebbtide import PROGRAM, Cluster, env, wait_for
from tests.kafka import ApacheKafka
from tests.streams.sources.helpers import START

pytestmark = [pytest.mark.kafka, pytest.mark.long]

MINUTES, STOPPED, CUT = 600, 541, 480  # START + 541 minutes is 07:15, the start of a bin
NEXT_DAY = 26 * 3600  # seconds
NETWORKS = {"192.0.2": 3333, "198.51.100": 1103, "203.0.113": 286}
ROUTERS = {"127.0.0.2": ("192.0.2", "198.51.100"), "127.0.0.3": ("203.0.113",)}
FEEDS = """[feeds.bytes]
signal = "traffic"
kind = "count"
bin = "5m"
lateness = "0s"
absent = "missing"
[sources.s]
type = "pmacct"
feed = "bytes"
topic = "TOPIC"
lateness = "11h"
"""
NFACCTD = """daemonize: false
nfacctd_ip: 127.0.0.1
nfacctd_port: PORT
nfacctd_pipe_size: 8000000
nfacctd_as: file
nfacctd_net: file
networks_file: FOLDER/networks
plugins: kafka[k]
aggregate[k]: src_as, dst_as, peer_src_ip
kafka_output[k]: json
kafka_topic[k]: TOPIC
kafka_broker_host[k]: 127.0.0.1
kafka_broker_port[k]: BROKER
kafka_refresh_time[k]: 1
kafka_history[k]: 5m
kafka_history_roundoff[k]: m
"""


def demand() -> tuple[str, str]:
    """Return nfacctd and softflowd; skip the test, or fail it when EBBTIDE_REQUIRE_FLOWS is set, without."""
    missing, path = "flows need nfacctd and softflowd (Debian: pmacct, softflowd)", f"{os.environ['PATH']}:/usr/sbin"
    collector, exporter = programs.demand(("nfacctd", "softflowd"), missing, "EBBTIDE_REQUIRE_FLOWS", path)
    return collector, exporter


def packet(source: str, port: int, size: int) -> bytes:
    """Return an Ethernet frame with a UDP datagram."""
    udp = struct.pack(">HHHH", port, 53, 8 + size, 0) + bytes(size)
    addresses = socket.inet_aton(source) + socket.inet_aton("198.18.0.1")
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    return b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0" + header + addresses + udp


def frames(networks: tuple[str, ...], rng: Random) -> Iterator[tuple[int, bytes]]:
    """Yield time (s since START) and frame, three a minute. The first network stops, the second router fails."""
    ends = {3333: STOPPED * 60, 1103: MINUTES * 60, 286: CUT * 60 + 100}
    for second in range(0, MINUTES * 60, 20):
        for network in networks:
            if second < ends[NETWORKS[network]]:
                source = f"{network}.{rng.randrange(1, 200)}"
                yield second, packet(source, rng.randrange(1024, 60000), rng.randrange(50, 900))


def capture(file: Path, found: list[tuple[int, bytes]]) -> Path:
    """Write packets in the form of libpcap."""
    with file.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for second, frame in found:
            out.write(struct.pack("<IIII", START + second, 0, len(frame), len(frame)) + frame)
    return file


def datagrams(softflowd: str, file: Path) -> list[bytes]:
    """Return what softflowd exports of a capture."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(1)
        address = f"127.0.0.1:{receiver.getsockname()[1]}"
        files = ["-p", str(file.with_suffix(".pid")), "-c", "none"]
        command = [softflowd, "-r", str(file), "-n", address, "-v", "9", "-d", "-a", "-t", "udp=10", *files]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return list(_received(receiver))


def _received(receiver: socket.socket) -> Iterator[bytes]:
    while True:
        try:
            yield receiver.recv(65_536)
        except TimeoutError:
            return


@contextmanager
def running(command: list[str], **more: Any) -> Iterator[subprocess.Popen[bytes]]:  # noqa: ANN401
    """Run a program until the end of the block."""
    process = subprocess.Popen(command, **more)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        finally:
            process.kill()


def free_port() -> int:
    """Return a free UDP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_bound(port: int) -> bool:
    """Return whether a program listens at a UDP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def replay(router: str, found: list[bytes], port: int) -> None:
    """Send datagrams from the address of their router, no faster than nfacctd takes them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((router, 0))
        for datagram in found:
            sender.sendto(datagram, ("127.0.0.1", port))
            sleep(0.002)


def test_a_network_that_stops_is_an_outage_and_a_router_that_stops_is_a_gap(kafka: ApacheKafka, tmp_path: Path) -> None:
    """One outage, in the right bin; of the network of the router nothing is said, and the log names the router."""
    nfacctd, softflowd = demand()
    name, port, rng = "flow-programs", free_port(), Random(1)
    seen = {router: list(frames(networks, rng)) for router, networks in ROUTERS.items()}
    exported = {router: datagrams(softflowd, capture(tmp_path / f"{router}.pcap", seen[router])) for router in seen}
    last = datagrams(
        softflowd,
        capture(tmp_path / "last.pcap", [(NEXT_DAY, packet("198.51.100.1", 1024 + n, 50)) for n in range(200)]),
    )
    (tmp_path / "networks").write_text("".join(f"{asn},{net}.0/24\n" for net, asn in NETWORKS.items()))
    (tmp_path / "ebbtide.toml").write_text(FEEDS.replace("TOPIC", f"{name}.others"))
    text = NFACCTD.replace("BROKER", kafka.address.rpartition(":")[2]).replace("TOPIC", f"{name}.others")
    (tmp_path / "nfacctd.conf").write_text(text.replace("PORT", str(port)).replace("FOLDER", str(tmp_path)))
    cluster = Cluster(kafka.address, name, tmp_path, tmp_path / "ebbtide.toml", EBBTIDE_SOURCE_METRICS_PORT="0")
    with topics.connected(cluster.kafka) as admin:
        admin.create_topics({f"{name}.others": {"num_partitions": 1, "replication_factor": 1}})
    source = [*PROGRAM, "source", "s", "--settings", str(tmp_path / "ebbtide.toml")]
    log = tmp_path / "source.log"
    try:
        cluster.worker()
        with running([nfacctd, "-f", str(tmp_path / "nfacctd.conf")], stdout=DEVNULL, stderr=DEVNULL):
            wait_for("nfacctd", lambda: is_bound(port))
            for router, found in exported.items():
                replay(router, found, port)
            expected = sum(map(len, seen.values()))
            wait_for("all packets in Kafka", lambda: packets(cluster, name) == expected)
            replay("127.0.0.2", last, port)
            wait_for("the last packet in Kafka", lambda: packets(cluster, name) > expected)
        with log.open("wb") as errors, running(source, env=env(cluster.environment), stderr=errors):
            wait_for("an outage", lambda: outages(cluster))
            wait_for("the last bins", lambda: max(m["ts"] for m in measured(cluster)) >= START + (MINUTES - 20) * 60)
        assert outages(cluster) == {("asn/3333", "2023-11-15T07:15:00Z")}
    finally:
        cluster.close()
    assert max(m["ts"] for m in measured(cluster) if m["asn"] == 286) <= START + CUT * 60
    assert "exporter 127.0.0.3 silent since 2023-11-15T06:" in log.read_text()


def packets(cluster: Cluster, name: str) -> int:
    """Return how many packets are in what nfacctd has purged."""
    records = cluster.records(f"{name}.others")
    objects = [json.loads(line) for record in records for line in record.value.splitlines()]
    return sum(found["packets"] for found in objects)


def outages(cluster: Cluster) -> set[tuple[str, str]]:
    """Return the entity and the start of each outage."""
    found = [json.loads(record.value) for record in cluster.records(cluster.kafka.outages) if record.value]
    return {(outage["entity"], outage["started_at"]) for outage in found}


def measured(cluster: Cluster) -> list[dict[str, Any]]:
    """Return all measurements, an old one before them."""
    found: list[dict[str, Any]] = [{"ts": 0, "asn": 286}]
    for record in cluster.records(cluster.kafka.measurements):
        values = json.loads(record.value)
        found += values if isinstance(values, list) else [values]
    return found
