"""How many flows of goflow2 a CPU second decodes, maps and adds up: `make bench-sources`."""

from __future__ import annotations

import json
import sys
import time
from random import Random

from streams.config.settings import from_builtins
from streams.sources.json_decoder import JsonDecoder
from streams.sources.lines import stage_of
from streams.sources.records import LineRecord, RecordChunk

FLOWS, CHUNK, NETWORKS, ROUNDS = 100_000, 2000, 40_000, 3
START = 1_700_000_040
SETTINGS = {
    "feeds": {"flows": {"signal": "traffic", "kind": "count", "bin": 60}},
    "sources": {"flows": {"type": "goflow2", "feed": "flows"}},
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


def flows(rng: Random) -> list[LineRecord]:
    """Return flows of networks of very different sizes, 1,000 a second."""

    def network() -> int:
        return 1 + int(rng.paretovariate(0.7)) % NETWORKS

    values = (
        {**FLOW, "time_flow_start_ns": START * 10**9 + n * 10**6, "src_as": network(), "dst_as": network()}
        for n in range(FLOWS)
    )
    return [LineRecord(json.dumps(value, separators=(",", ":")).encode(), n) for n, value in enumerate(values)]


def rate(records: list[LineRecord]) -> tuple[float, int]:
    """Return flows a CPU second, and the number of measurements."""
    settings = from_builtins(SETTINGS)
    stage = stage_of(settings, "flows", JsonDecoder(settings.sources["flows"]))
    began, measurements = time.process_time(), 0
    for at in range(0, len(records), CHUNK):
        stage.process(RecordChunk("0", records[at : at + CHUNK]))
        measurements += len(stage.due().measurements)
    measurements += len(stage.rest().measurements)
    return len(records) / (time.process_time() - began), measurements


def main() -> None:
    """Print the best of some rounds."""
    records = flows(Random(1))
    best, measurements = max(rate(records) for _ in range(ROUNDS))
    size = len(records[0].value)
    sys.stdout.write(
        f"{best:,.0f} flows of {size} bytes a CPU second, {measurements:,} measurements of {FLOWS:,} flows\n"
    )


if __name__ == "__main__":
    main()
