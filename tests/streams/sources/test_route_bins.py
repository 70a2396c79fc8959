"""Visible prefixes of networks: what peers say in a bin, and what a lost peer does not say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from ipaddress import ip_address
from random import Random
from typing import Any

import pytest

from streams.config.route_sources import RouteRules
from streams.sources.bgp_update import AS_SET, NO_PATH, V4, V6, RouteChange
from streams.sources.json_decoder import JsonDecoder
from streams.sources.mrt import BrokenRecord, TableEntry, TablePeers
from streams.sources.records import RecordChunk
from streams.sources.route_bins import BinRule, RouteBins, RouteDecoder
from tests.streams.sources.bgp_bytes import prefix
from tests.streams.sources.helpers import settings

WIDTH, START = 300, 1_700_000_100  # the start of five minutes
RRC = "rrc00"
A, B, C, D = (ip_address(f"192.0.2.{n}").packed for n in range(1, 5))
PEERS = (A, B, C, D)
FIVE = [f"198.51.{n}.0/24" for n in range(5)]


def table(bins: RouteBins, ts: int, routes: dict[str, int], peers: Sequence[bytes] = PEERS) -> None:
    """Load a table in which all peers have all prefixes, each of a network."""
    bins.take(RRC, TablePeers(ts, list(peers)))
    for text, asn in routes.items():
        family = V6 if ":" in text else V4
        bins.take(RRC, TableEntry(family, prefix(text), [(peer, asn, b"") for peer in peers]))


def filled(routes: dict[str, int] | None = None, peers: Sequence[bytes] = PEERS, **rules: Any) -> RouteBins:  # noqa: ANN401
    """Return bins with a table at the start: by default five prefixes of 3333 and one of 1103."""
    bins = RouteBins(RouteRules(**rules), BinRule(WIDTH, 86_400))
    table(bins, START, routes or {**dict.fromkeys(FIVE, 3333), "203.0.113.0/24": 1103}, peers)
    return bins


def say(
    bins: RouteBins, ts: float, peer: bytes, gone: Sequence[str] = (), come: Sequence[str] = (), asn: int = 3333
) -> None:
    """Have a peer withdraw and announce."""
    bins.take(RRC, RouteChange(ts, peer, (list(map(prefix, gone)), []), (list(map(prefix, come)), []), asn))


def session(bins: RouteBins, ts: float, peer: bytes, is_up: bool) -> None:
    """Have the session of a peer come or go."""
    bins.take(RRC, RouteChange(ts, peer, is_up=is_up))


def alive(bins: RouteBins, ts: float, peers: Sequence[bytes] = PEERS) -> None:
    """Have peers be there."""
    for peer in peers:
        bins.take(RRC, RouteChange(ts, peer))


def values(chunk: RecordChunk) -> list[dict[int, int]]:
    """Return the prefixes of each network, bin by bin."""
    return [{v["asn"]: v["prefixes"] for v in json.loads(record.value or b"")} for record in chunk.records]


def at_end(bins: RouteBins, ts: float = START + WIDTH) -> dict[int, int]:
    """Return what the one bin that ends by a time has."""
    alive(bins, ts)
    (found,) = values(bins.taken())
    return found


def test_a_bin_has_the_values_of_its_end() -> None:
    """They are of its last second, and its start is their offset."""
    bins = filled()
    say(bins, START + 100, A, gone=FIVE[:1])
    alive(bins, START + WIDTH)
    (record,) = bins.taken().records
    assert record.offset == START
    assert json.loads(record.value or b"") == [
        {"time": START + WIDTH - 1, "asn": 3333, "prefixes": 5},
        {"time": START + WIDTH - 1, "asn": 1103, "prefixes": 1},
    ]


@pytest.mark.parametrize(
    ("share", "gone", "left"), [(0.5, 1, 5), (0.5, 2, 4), (0.7, 1, 5), (0.8, 1, 4), (0.2, 3, 5), (0.2, 4, 4)]
)
def test_visible_is_what_more_than_a_share_of_the_peers_has(share: float, gone: int, left: int) -> None:
    """Of four peers, two are not more than a half."""
    bins = filled(share=share)
    for peer in PEERS[:gone]:
        say(bins, START + 1, peer, gone=FIVE[:1])
    assert at_end(bins)[3333] == left


def test_a_network_that_all_withdraw_has_none() -> None:
    """The value is 0, until the network is forgotten; then there is none."""
    bins = filled()
    for peer in PEERS:
        say(bins, START + 1, peer, gone=FIVE)
    assert at_end(bins) == {3333: 0, 1103: 1}
    for ts in range(START + 600, START + 2 * 86_400, 600):
        alive(bins, ts)
    found = values(bins.taken())
    assert [3333 in value for value in (found[0], found[285], found[300])] == [True, True, False]


def again(rows: dict[str, bytes], routes: dict[str, int], **rules: Any) -> RouteBins:  # noqa: ANN401
    """Return the bins of another process, which reads a table two hours later."""
    bins = RouteBins(RouteRules(**rules), BinRule(WIDTH, 86_400))
    bins.remember(rows)
    table(bins, START + 7200, routes)
    return bins


def kept(rows: dict[str, bytes | None]) -> dict[str, bytes]:
    """Return what is saved after rows."""
    return {key: value for key, value in rows.items() if value is not None}


def test_what_was_withdrawn_before_a_restart_is_zero() -> None:
    """Also when it was withdrawn after the last bin, or the table after the restart is the first one that lacks it."""
    bins = filled()
    for peer in PEERS:
        say(bins, START + 1, peer, gone=FIVE)
    alive(bins, START + WIDTH)
    other = {"203.0.113.0/24": 1103}
    assert at_end(again(kept(bins.rows()), other), START + 7200 + WIDTH) == {3333: 0, 1103: 1}
    seen = filled()
    alive(seen, START + WIDTH)
    assert at_end(again(kept(seen.rows()), other), START + 7200 + WIDTH) == {3333: 0, 1103: 1}
    assert at_end(again({}, other), START + 7200 + WIDTH) == {1103: 1}
    v6 = {"2001:db8::/32": 286}
    assert at_end(again(kept(seen.rows()), v6, family="ipv6"), START + 7200 + WIDTH) == {286: 1}


def test_a_network_that_is_forgotten_is_not_remembered() -> None:
    """Rows that change are few: those of networks that came or went; the time of the last bin is in one of its own."""
    bins = filled()
    alive(bins, START + WIDTH)
    first = bins.rows()
    assert {"ipv4", "ipv4.5", "ipv4.79"} == set(first)  # 3333 and 1103 by 256
    alive(bins, START + 2 * WIDTH)
    assert set(bins.rows()) == {"ipv4"}
    for peer in PEERS:
        say(bins, START + 700, peer, gone=FIVE)
    alive(bins, START + 4 * WIDTH)
    assert set(bins.rows()) == {"ipv4", "ipv4.5"}
    for ts in range(START + 5 * WIDTH, START + 2 * 86_400, 2 * WIDTH):
        alive(bins, ts)
    assert bins.rows()["ipv4.5"] is None
    assert bins.rows() == {}


def test_a_lost_peer_is_no_withdrawal() -> None:
    """Its routes leave numerator and denominator: with two of four gone, what the other two have is visible."""
    bins = filled(least_peers=2)
    say(bins, START + 1, A, gone=FIVE[:1])
    session(bins, START + 2, B, is_up=False)
    session(bins, START + 3, C, is_up=False)
    assert at_end(bins) == {3333: 4, 1103: 1}
    assert bins.counted == 2
    assert bins.table.counts["peer-down"] == 2


def test_too_few_peers_are_unknown() -> None:
    """Nothing is said, and the networks of the bin are counted as unknown."""
    bins = filled()
    for peer in (A, B):
        session(bins, START + WIDTH + 1, peer, is_up=False)
    alive(bins, START + 2 * WIDTH, [C, D])
    chunk = bins.taken()
    assert values(chunk) == [{3333: 5, 1103: 1}]
    assert chunk.remarks.unknown == 2


def test_a_reset_within_a_bin_counts_when_all_routes_have_come_again() -> None:
    """Three of four peers are reset and send their routes slowly: until each has sent all, the fourth decides."""
    bins = filled(least_peers=1)
    for peer in (A, B, C):
        session(bins, START + 10, peer, is_up=False)
        session(bins, START + 20, peer, is_up=True)
        say(bins, START + 30, peer, come=FIVE[:4])
    assert at_end(bins) == {3333: 5, 1103: 1}
    assert bins.counted == 1
    for peer in (A, B, C):
        say(bins, START + WIDTH + 30, peer, come=FIVE[4:])
        say(bins, START + WIDTH + 30, peer, come=["203.0.113.0/24"], asn=1103)
    assert at_end(bins, START + 2 * WIDTH) == {3333: 5, 1103: 1}
    assert bins.counted == 1
    assert at_end(bins, START + 3 * WIDTH) == {3333: 5, 1103: 1}
    assert bins.counted == 4


def test_a_peer_counts_with_a_full_table_that_is_heard() -> None:
    """A peer with a part of the table does not count, nor one that is silent, nor one of which no table came."""
    bins = filled(peer_silent_after=600, least_peers=1)
    bins.take(RRC, TableEntry(V4, prefix("192.0.0.0/24"), [(b"part", 3333, b"")]))
    say(bins, START + 1, b"new!", come=[*FIVE, "203.0.113.0/24"])
    alive(bins, START + WIDTH)
    assert bins.counted == 4
    for ts in range(START + WIDTH, START + 5 * WIDTH, 100):
        alive(bins, ts, [A, B])
    assert bins.counted == 2


def test_several_networks_may_announce_a_prefix() -> None:
    """Each peer has one route: one that moves from a network to another leaves the first."""
    bins = filled()
    for peer in (A, B, C):
        say(bins, START + 1, peer, come=FIVE[:2], asn=286)
    assert at_end(bins) == {3333: 3, 286: 2, 1103: 1}
    for peer in (A, B):
        say(bins, START + WIDTH + 1, peer, come=FIVE[:1], asn=3333)
    say(bins, START + WIDTH + 2, C, gone=FIVE[:1])
    assert at_end(bins, START + 2 * WIDTH) == {3333: 4, 286: 1, 1103: 1}


@pytest.mark.parametrize(
    ("text", "asn", "event"),
    [
        ("0.0.0.0/0", 3333, "default-route"),
        ("198.51.100.0/25", 3333, "too-long"),
        ("128.0.0.0/7", 3333, "too-short"),
        ("192.0.8.0/24", AS_SET, "as-set"),
        ("192.0.8.0/24", NO_PATH, "no-path"),
        ("192.0.8.0/24", 64_512, "bad-network"),
        ("192.0.8.0/24", 0, "bad-network"),
        ("192.0.8.0/24", 23_456, "bad-network"),
    ],
)
def test_routes_that_are_left_out_are_counted(text: str, asn: int, event: str) -> None:
    """Also those in a table; nobody has them."""
    bins = filled()
    for peer in PEERS:
        say(bins, START + 1, peer, come=[text], asn=asn)
    bins.take(RRC, TableEntry(V4, prefix(text), [(A, asn, b"")]))
    assert at_end(bins) == {3333: 5, 1103: 1}
    assert bins.table.counts[event] == 5


def test_a_route_of_nobody_replaces_the_one_before() -> None:
    """A prefix whose path now ends in a set of networks is not visible any more."""
    bins = filled()
    for peer in PEERS:
        say(bins, START + 1, peer, come=FIVE[:1], asn=AS_SET)
    assert at_end(bins)[3333] == 4


def test_one_of_several_paths_may_go() -> None:
    """A peer has a prefix as long as it has a path to it (RFC 7911)."""
    bins = filled({"203.0.113.0/24": 1103}, least_peers=1)
    for path in (1, 2):
        for peer in PEERS:
            bins.take(
                RRC, RouteChange(START, peer, announced=([prefix(FIVE[0], path)], []), origin=3333, has_paths=True)
            )
    for peer in PEERS:
        bins.take(RRC, RouteChange(START + 1, peer, ([prefix(FIVE[0], 2)], []), has_paths=True))
    assert at_end(bins) == {3333: 1, 1103: 1}
    for peer in PEERS:
        bins.take(RRC, RouteChange(START + WIDTH + 1, peer, ([prefix(FIVE[0], 1)], []), has_paths=True))
    assert at_end(bins, START + 2 * WIDTH) == {3333: 0, 1103: 1}


def test_ipv6() -> None:
    """A source counts the prefixes of one family; those of the other change nothing."""
    bins = filled({"2001:db8::/32": 3333, "2001:db8:5::/48": 3333, "198.51.100.0/24": 3333}, family="ipv6")
    for peer in PEERS:
        bins.take(RRC, RouteChange(START + 1, peer, ([prefix("198.51.100.0/24")], [prefix("2001:db8:5::/48")])))
    assert at_end(bins) == {3333: 1}


def test_a_gap_makes_all_unknown_before_the_next_table() -> None:
    """Where nobody said anything for long, messages are missing: withdrawals in the gap would go unseen."""
    bins = filled()
    alive(bins, START + 10 * WIDTH)
    for ts in range(START + 11 * WIDTH, START + 14 * WIDTH, WIDTH):
        alive(bins, ts)
    chunk = bins.taken()
    assert (values(chunk), chunk.remarks.gaps) == ([], ((START, START + 10 * WIDTH),))
    assert not bins.counted
    table(bins, START + 14 * WIDTH, {FIVE[0]: 3333})
    alive(bins, START + 15 * WIDTH)
    assert values(bins.taken()) == [{3333: 1}]


def test_a_new_table_replaces_what_its_collector_said() -> None:
    """Peers that it does not have are not up; those of other collectors stay."""
    bins = filled(least_peers=1)
    bins.take("rrc01", TablePeers(START, [A]))
    bins.take("rrc01", TableEntry(V4, prefix(FIVE[0]), [(A, 3333, b"")]))
    table(bins, START + 100, {FIVE[1]: 3333}, PEERS[:2])
    alive(bins, START + WIDTH, PEERS[:2])
    assert bins.counted == 3
    assert values(bins.taken()) == [{3333: 1, 1103: 0}]


def test_more_peers_than_a_column_has() -> None:
    """Each peer has its own bit: 100 peers, of which 49 and then 51 withdraw."""
    peers = [ip_address(f"192.0.2.{n}").packed for n in range(100)]
    bins = filled(dict.fromkeys(FIVE, 3333), peers)
    for peer in peers[:49]:
        say(bins, START + 1, peer, gone=FIVE[:1])
    assert at_end(bins)[3333] == 5
    for peer in peers[49:51]:
        say(bins, START + WIDTH + 1, peer, gone=FIVE[:1])
    assert at_end(bins, START + 2 * WIDTH)[3333] == 4


@pytest.mark.parametrize("seed", range(5))
def test_any_course_gives_what_a_plain_model_gives(seed: int) -> None:
    """A thousand random changes of 70 peers, 30 prefixes and 6 networks; a dictionary is the model."""
    rng = Random(seed)
    peers = [ip_address(f"192.0.2.{n}").packed for n in range(70)]
    prefixes = [f"198.51.{n}.0/24" for n in range(30)]
    routes = {text: rng.randrange(1, 7) for text in prefixes}
    bins = filled(routes, peers, full_feed=0.01, share=0.3, least_peers=1)
    model = {(peer, text): asn for peer in peers for text, asn in routes.items()}
    for _ in range(1000):
        peer, chosen, asn = rng.choice(peers), rng.sample(prefixes, 5), rng.choice((1, 1, 1, 1, 2, 3))
        if rng.random() < 0.7:
            say(bins, START + 1, peer, come=chosen, asn=asn)
            model.update(((peer, text), asn) for text in chosen)
        else:
            say(bins, START + 1, peer, gone=chosen)
            model = {key: asn for key, asn in model.items() if key[0] != peer or key[1] not in chosen}
    most = max(sum(key[0] == peer for key in model) for peer in peers)
    counted = [peer for peer in peers if sum(key[0] == peer for key in model) >= max(1, 0.01 * most)]
    seen = [
        (text, asn)
        for text in prefixes
        for asn in range(1, 7)
        if sum(model.get((p, text)) == asn for p in counted) > 0.3 * len(counted)
    ]
    expected = {asn: sum(found == asn for _, found in seen) for asn in range(1, 7)}
    assert {asn: number for asn, number in at_end(bins).items() if number} == {a: n for a, n in expected.items() if n}


def test_a_broken_record_is_rejected_with_its_fault() -> None:
    """It becomes a dead letter beside the values of the bin."""
    bins = filled()
    bins.take(RRC, BrokenRecord(START + 5, b"\0\1", "updates.mrt: byte 7: an empty segment"))
    alive(bins, START + WIDTH)
    mapping = JsonDecoder(settings('ts = "time"\nasn = "asn"\nvalue = "prefixes"', "gauge").sources["s"])
    decoded = RouteDecoder(mapping).decode(bins.taken().records)
    assert [(row.index, row.series[0], row.value) for row in decoded.rows] == [(1, 3333, 5), (1, 1103, 1)]
    assert decoded.rejected == [(0, "not-bgp", "updates.mrt: byte 7: an empty segment")]
