"""Faults of feeds that are dealt to partitions: what all series together show is no outage, however few a shard has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import orjson
import pytest
from msgspec import UNSET, structs

from detectors.incidents.model import IncidentState
from detectors.types import Floats, Ints
from schemas.bin_report import BinReport, CountryFalls, decode_bin_report
from schemas.bin_report import encode as encode_report
from schemas.incident import Incident, decode_incident, encode
from schemas.outage import Drop, Outage, decode_outage
from schemas.times import format_time
from streams.config.settings import Settings, from_builtins
from streams.pipeline.findings import SHARD, pieces_of
from streams.pipeline.incidents.whole_feeds import ShardFalls, WholeFeeds
from streams.state import incident_rows
from streams.state.row_codec import pack, unpack
from tests.schemas.examples import OUTAGE
from tests.streams.finding_helpers import START, by_shard, grouping, incidents

HOUR = 3600
COUNTRIES = ("AZ", "GE", "KZ", "UA")
FAULT, DARK, BINS = 54, 78, 92  # bins in which the fault and the outage of a country begin, and all of them
KINDS = ("gauge", "count", "ratio")


class World(NamedTuple):
    """A feed that loses a share of everything for some bins; `beyond` stays dark for a day, and one country is dark
    later. `country`: of each network.
    """

    kind: str
    sizes: Floats
    country: Ints
    lost: float
    bins: int
    beyond: int

    def share(self, hour: int) -> Floats:
        """Return the share of normal that each network has."""
        share = np.full(len(self.sizes), 1 - self.lost if FAULT <= hour < FAULT + self.bins else 1.0)
        share[self.country == 0] *= not DARK <= hour < DARK + 6
        if self.beyond >= 0:
            share[self.beyond] *= not FAULT <= hour < FAULT + self.bins + 12
        return share


def drawn(seed: int) -> World:
    """Draw a feed of ten to 20 networks: a shard of eight has one to three of them."""
    rng = np.random.default_rng(seed)
    count, countries = int(rng.integers(10, 21)), int(rng.choice([3, 4]))
    return World(
        kind=KINDS[seed % len(KINDS)],
        sizes=np.round(float(rng.choice([20, 200, 2000])) * np.exp(0.4 * rng.standard_normal(count))),
        country=np.arange(count) // 2 % countries,
        lost=float(rng.uniform(0.5, 0.95)),
        bins=int(rng.integers(2, 7)),
        beyond=int(rng.choice(np.flatnonzero(np.arange(count) // 2 % countries))) if seed % 2 else -1,
    )


def measured(world: World, seed: int) -> list[tuple[int, bytes]]:
    """Return a measurement of each network and hour, with its network."""
    rng, found = np.random.default_rng([seed, 1]), []
    for hour in range(BINS):
        level = world.sizes * world.share(hour)
        trials = np.maximum(world.sizes.astype(int), 1)
        values = {
            "gauge": np.round(level * (1 + 0.02 * rng.standard_normal(len(level)))),
            "count": rng.poisson(level),
            "ratio": rng.binomial(trials, 0.97 * world.share(hour)),
        }[world.kind]
        for at, value in enumerate(values.tolist()):
            fields = {"feed": "flows", "ts": START + hour * HOUR + 1, "asn": at + 1, "value": value}
            of = {"of": int(trials[at])} if world.kind == "ratio" else {}
            found.append((at + 1, orjson.dumps({**fields, **of, "country": COUNTRIES[int(world.country[at])]})))
    return found


def settings(kind: str) -> Settings:
    """Return settings of one hourly feed."""
    return from_builtins({"feeds": {"flows": {"signal": "traffic", "kind": kind, "bin": "1h", "lateness": "0s"}}})


def shuffled(shards: Sequence[Sequence[BinReport]], seed: int) -> list[BinReport]:
    """Return the reports in an order drawn at random in which they may arrive: those of each shard in its own."""
    turns = [number for number, reports in enumerate(shards) for _ in reports]
    np.random.default_rng(seed).shuffle(turns)
    left = [iter(reports) for reports in shards]
    return [next(left[number]) for number in turns]


def confirmed(revisions: Iterable[bytes], first: int, end: int) -> set[int]:
    """Return the networks of incidents that were ever more than a suspicion, and began in these hours."""
    found = [decode_incident(revision) for revision in revisions]
    begun = format_time(START + first * HOUR), format_time(START + end * HOUR)
    mine = [incident for incident in found if incident.confirmed_at and "feed-fault" not in incident.kinds]
    return {asn for incident in mine if begun[0] <= incident.started_at < begun[1] for asn in incident.scope.asns}


def faults(revisions: Iterable[bytes]) -> list[Incident]:
    """Return the newest revision of each fault of a feed."""
    found = {incident.incident_id: incident for incident in map(decode_incident, revisions)}
    return [incident for incident in found.values() if "feed-fault" in incident.kinds]


@pytest.mark.parametrize(("seed", "shards"), [(0, 4), (1, 8), (2, 2), (3, 8), (4, 1), (5, 4)])
def test_any_dealing_sees_the_fault_of_the_whole_feed(seed: int, shards: int) -> None:
    """No network but the one that is dark beyond the fault is an outage of these hours; the country that is dark while
    the others are well is one in each dealing. The order in which reports of shards arrive does not matter.
    """
    world = drawn(seed)
    rules, reports = settings(world.kind), by_shard(settings(world.kind), measured(world, seed), shards)
    found = incidents(rules, shards, shuffled(reports, seed))
    assert [fault.state for fault in faults(found)] == ["ended"]
    assert confirmed(found, FAULT - 2, DARK - 2) == ({world.beyond + 1} if world.beyond >= 0 else set())
    assert confirmed(found, DARK - 2, BINS) == set(np.flatnonzero(world.country == 0) + 1)
    assert incidents(rules, shards, shuffled(reports, seed + 1)) == found


def report(shard: int, number: int, falls: dict[str, tuple[int, int, int]], *outages: Outage) -> BinReport:
    """Return what a shard reports of an hour; `falls`: scored, fallen and hundredths of sigmas by country."""
    columns = (list(column) for column in zip(*falls.values(), strict=True))
    table = CountryFalls(list(falls), *columns)
    end = START + (number + 1) * HOUR
    return BinReport(reporter=SHARD.format(shard), feed="flows", end=end, outages=list(outages), falls=table)


def outage(number: int, asn: int, revision: int = 1, state: str = "open", **fields: object) -> Outage:
    """Return a revision of an outage that begins and opens in hour 10; `number`: the hour of the revision."""
    begun = format_time(START + 10 * HOUR)
    times = {"started_at": begun, "detected_at": format_time(START + 11 * HOUR)}
    times["updated_at"] = format_time(START + (number + 1) * HOUR)
    entity = {"outage_id": f"{asn:016}", "entity": f"asn/{asn}", "country": "AZ", "feed": "flows"}
    values = {"revision": revision, "state": state, "drops": [Drop(begun, 0.9)], **fields}
    return structs.replace(decode_outage(OUTAGE), **entity, **times, **values)


WELL = {"AZ": (3, 0, 0), "KZ": (3, 0, 0)}
FALLEN = {"AZ": (3, 3, 1500), "KZ": (3, 3, 1500)}


def course(fallen: dict[int, range], changes: dict[tuple[int, int], Outage], hours: int = 30) -> list[BinReport]:
    """Return reports of two shards of six networks; `fallen`: in which hours all of a shard fall."""
    return [
        report(
            shard,
            hour,
            FALLEN if hour in fallen.get(shard, ()) else WELL,
            *([changes[shard, hour]] if (shard, hour) in changes else []),
        )
        for hour in range(hours)
        for shard in range(2)
    ]


def test_the_sum_decides_what_no_shard_can() -> None:
    """Six networks are too few for a fault, twelve are enough: what opened in it is an outage of the fault."""
    both = course({0: range(10, 14), 1: range(10, 14)}, {(0, 10): outage(10, 1), (0, 14): outage(14, 1, 2, "closed")})
    (fault,) = faults(found := incidents(settings("gauge"), 2, both))
    assert (fault.started_at, fault.state) == (format_time(START + 10 * HOUR), "ended")
    assert fault.outage_ids == ["0000000000000001"]
    assert confirmed(found, 0, 30) == set()
    fewer = [report(1, hour, {"AZ": (3, 0, 0), "KZ": (4, 0, 0)}) for hour in range(30)]
    alone = [each for pair in zip(both[::2], fewer, strict=True) for each in pair]
    found = incidents(settings("gauge"), 2, alone)
    assert (faults(found), confirmed(found, 0, 30)) == ([], {1})


def test_what_is_down_after_the_fault_is_real() -> None:
    """A network that is still dark after the fault is told; not one whose shard shows no fall there any more."""
    fallen = {0: range(10, 30), 1: range(10, 14)}
    down = incidents(settings("gauge"), 2, course(fallen, {(0, 10): outage(10, 1), (1, 10): outage(10, 2)}))
    assert confirmed(down, 0, 30) == set()  # half of all fall on: the fault does
    calm = [report(0, hour, {"AZ": (3, hour >= 10, 0), "KZ": (3, 0, 0)}) for hour in range(14, 30)]
    before = course({0: range(10, 14), 1: range(10, 14)}, {(0, 10): outage(10, 1), (1, 10): outage(10, 2)}, 14)
    after = [piece for hour, mine in enumerate(calm, 14) for piece in (mine, report(1, hour, WELL))]
    assert confirmed(incidents(settings("gauge"), 2, [*before, *after]), 0, 30) == {1}


def test_a_suspicion_from_before_the_fault_is_one_of_the_fault() -> None:
    """It was announced an hour before, and its evidence suffices in the fault: it is no incident."""
    changes = {(0, 10): outage(10, 1, state="suspected"), (0, 11): outage(11, 1, 2, "open")}
    found = incidents(settings("gauge"), 2, course({0: range(11, 14), 1: range(11, 14)}, changes))
    last = {incident.incident_id: incident for incident in map(decode_incident, found)}
    assert confirmed(found, 0, 30) == set()
    assert sorted(incident.state for incident in last.values()) == ["ongoing", "retracted"]


def test_a_fault_that_only_a_shard_sees_is_none() -> None:
    """Most of one shard falls and a quarter of all: its outage is told, though the shard suspects the feed."""
    reports = course({}, {})
    doubtful = outage(10, 1, state="suspected", evidence=30.0)
    doubtful = structs.replace(doubtful, explain={**doubtful.explain, "held": "feed"})
    mine = report(0, 10, {"AZ": (3, 2, 900), "KZ": (3, 1, 300)}, doubtful)
    reports[20] = structs.replace(mine, fault=True)
    found = incidents(settings("gauge"), 2, reports)
    assert (faults(found), confirmed(found, 0, 30)) == ([], {1})


def test_a_bin_that_comes_late_takes_back_nothing() -> None:
    """A shard that saw the end of a fault judges its own outages, though a report of an earlier bin follows."""
    rules = settings("gauge")
    feeds = WholeFeeds(rules, IncidentState(), {})
    part = ShardFalls(CountryFalls(["AZ", "KZ"], [20, 20], [20, 20], [3000, 3000]), fault=True)
    for number in (11, 12, 11):
        assert feeds.judge("flows", START + number * HOUR, {SHARD.format(0): part}, reported=False)
    assert not feeds.is_unaware("flows", SHARD.format(0), START + 12 * HOUR)
    assert feeds.is_unaware("flows", SHARD.format(1), START + 12 * HOUR)


def test_a_restart_keeps_the_verdict() -> None:
    """Wherever the stage is cut, a state that was written and read goes on with the same bytes."""
    changes = {(0, 10): outage(10, 1), (1, 12): outage(12, 2), (0, 15): outage(15, 1, 2, "closed")}
    reports, rules = course({0: range(10, 14), 1: range(10, 14)}, changes), settings("gauge")
    whole = incidents(rules, 2, reports)
    for cut in range(19, len(reports), 3):
        group, found = grouping(rules, 2), []
        for number, each in enumerate(reports):
            if number == cut:
                values, rows = unpack(pack(incident_rows.head(group), {})).values, incident_rows.dump(group, {})
                group = grouping(rules, 2)
                incident_rows.restore(group, values, rows)
            group.add(each)
            found += group.settle()
        assert [encode(revision) for revision in [*found, *group.finish()]] == whole


def test_reports_of_versions_without_falls_are_read() -> None:
    """They have no such field; their shard judges for itself, as before."""
    old = b'{"reporter":"shard/0","feed":"flows","end":3600,"fault":true}'
    assert not decode_bin_report(old).falls
    assert encode_report(decode_bin_report(old)).count(b"falls") == 0
    reports = [
        structs.replace(each, falls=UNSET, fault=each.end == START + 11 * HOUR and each.reporter == "shard/0")
        for each in course({}, {(0, 10): outage(10, 1)})
    ]
    found = incidents(settings("gauge"), 2, reports)
    assert [fault.state for fault in faults(found)] == ["ended"]
    assert confirmed(found, 0, 30) == {1}


def test_a_report_in_pieces_counts_once() -> None:
    """Each piece says how many fell; they are of one shard and bin, so they add nothing."""
    whole = report(0, 10, FALLEN, *(outage(10, asn) for asn in range(1, 402)))
    pieces = [decode_bin_report(encode_report(piece)) for piece in pieces_of(whole)]
    assert [piece.falls for piece in pieces] == [whole.falls] * 3
    reports = course({}, {})
    found = incidents(settings("gauge"), 2, [*reports[:20], *pieces, *reports[21:]])
    assert faults(found)[0].outage_ids == [f"{asn:016}" for asn in range(1, 402)]
    well = report(1, 10, {"AZ": (4, 0, 0), "KZ": (4, 0, 0)})
    found = incidents(settings("gauge"), 2, [*reports[:20], *pieces, well, *reports[22:]])
    assert faults(found) == []
