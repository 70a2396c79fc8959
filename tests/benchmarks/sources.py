"""How many flows of goflow2 and of Akvorado a CPU second decodes, maps and adds up: `make bench-sources`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from random import Random

from streams.config.settings import from_builtins
from streams.sources.akvorado import read_schema
from streams.sources.decoders import decoder_of
from streams.sources.lines import stage_of
from streams.sources.protobuf_decoder import MessageFormat, whole
from streams.sources.records import LineRecord, RecordChunk
from tests.streams.sources import akvorado_flows
from tests.streams.sources.helpers import START

FLOWS, CHUNK, NETWORKS, ROUNDS = 100_000, 2000, 40_000, 3
SETTINGS = {
    "feeds": {"flows": {"signal": "traffic", "kind": "count", "bin": 60}},
    "sources": {
        "goflow2": {"type": "goflow2", "feed": "flows"},
        "akvorado": {"type": "akvorado", "feed": "flows", "schema_file": "-"},
    },
}
#: A flow as goflow2's documentation describes it.
FLOW = {
    "type": "IPFIX",
    "time_received_ns": START * 10**9,
    "sequence_num": 65361,
    "sampling_rate": 1000,
    "sampler_address": "192.0.2.115",
    "time_flow_start_ns": START * 10**9,
    "time_flow_end_ns": START * 10**9,
    "bytes": 143,
    "packets": 1,
    "src_addr": "192.0.2.117",
    "dst_addr": "192.0.2.165",
    "etype": "IPv4",
    "proto": "UDP",
    **dict.fromkeys(("in_if", "out_if", "src_vlan", "dst_vlan", "vlan_id", "ip_tos", "forwarding_status", "ip_ttl"), 0),
    **dict.fromkeys(("ip_flags", "tcp_flags", "icmp_type", "icmp_code", "ipv6_flow_label", "fragment_id"), 0),
    "src_port": 53,
    "dst_port": 55743,
    "src_mac": "02:00:00:00:00:01",
    "dst_mac": "02:00:00:00:00:01",
    "src_as": 0,
    "dst_as": 0,
    "next_hop": "0.0.0.0",
    "next_hop_as": 0,
    "src_net": "0.0.0.0/0",
    "dst_net": "0.0.0.0/0",
    "bgp_next_hop": "",
    **{key: [] for key in ("bgp_communities", "as_path", "mpls_ttl", "mpls_label", "mpls_ip", "layer_stack")},
    "observation_domain_id": 0,
    "observation_point_id": 0,
}


def goflow2(n: int, source: int, target: int) -> bytes:
    """Return a flow in JSON."""
    value = {**FLOW, "time_flow_start_ns": START * 10**9 + n * 10**6, "src_as": source, "dst_as": target}
    return json.dumps(value, separators=(",", ":")).encode()


def akvorado(n: int, source: int, target: int) -> bytes:
    """Return a flow in protobuf."""
    return akvorado_flows.flow(n / 1000, source, target)


def flows(rng: Random, flow: Callable[[int, int, int], bytes]) -> list[LineRecord]:
    """Return flows of networks of very different sizes, 1,000 a second."""

    def network() -> int:
        return 1 + int(rng.paretovariate(0.7)) % NETWORKS

    return [LineRecord(flow(n, network(), network()), n) for n in range(FLOWS)]


def rate(name: str, records: list[LineRecord]) -> tuple[float, int]:
    """Return flows a CPU second, and the number of measurements."""
    settings = from_builtins(SETTINGS)
    source, form = settings.sources[name], "json" if name == "goflow2" else "protobuf"
    messages = MessageFormat(read_schema(akvorado_flows.schema()).message, whole)
    stage = stage_of(settings, name, decoder_of(name, source, form, messages=messages))
    began, measurements = time.process_time(), 0
    for at in range(0, len(records), CHUNK):
        stage.process(RecordChunk("0", records[at : at + CHUNK]))
        measurements += len(stage.due().measurements)
    measurements += len(stage.rest().measurements)
    return len(records) / (time.process_time() - began), measurements


def main() -> None:
    """Print the best of some rounds."""
    for name, flow in (("goflow2", goflow2), ("akvorado", akvorado)):
        records = flows(Random(1), flow)
        best, measurements = max(rate(name, records) for _ in range(ROUNDS))
        size = len(records[0].value)
        found = f"{best:,.0f} flows of {size} bytes a CPU second, {measurements:,} measurements of {FLOWS:,} flows"
        sys.stdout.write(f"{name}: {found}\n")


if __name__ == "__main__":
    main()
