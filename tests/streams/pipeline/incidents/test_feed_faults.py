"""Faults of whole feeds out of findings made by hand: doubts, silences, and when they begin and end."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from msgspec import structs

from schemas.bin_report import BinReport
from schemas.incident import Incident, decode_incident, encode
from schemas.outage import Drop, Outage, decode_outage
from schemas.times import format_time
from streams.config.settings import from_builtins
from streams.pipeline.findings import SHARD
from streams.state import incident_rows
from streams.state.row_codec import pack, unpack
from tests.schemas.examples import OUTAGE
from tests.streams.finding_helpers import START, grouping, incidents

BIN = 600
FEED = {"kind": "gauge", "bin": "10m", "lateness": "0s"}
ITS = from_builtins({"feeds": {"bgp": {"signal": "bgp", **FEED}, "flows": {"signal": "traffic", **FEED}}})


def said(shard: int, feed: str, number: int, *, fault: bool = False, empty: bool = False) -> BinReport:
    """What a shard says of a bin in which no outage was told."""
    end = START + (number + 1) * BIN
    return BinReport(reporter=SHARD.format(shard), feed=feed, end=end, fault=fault, empty=empty)


def course(doubted: Iterable[tuple[int, int]], shards: int = 2, bins: int = 30) -> list[BinReport]:
    """Two feeds without an outage; `doubted`: shard and bin in which the flows of a shard fall together."""
    its = set(doubted)
    return [
        said(shard, feed, number, fault=feed == "flows" and (shard, number) in its)
        for number in range(bins)
        for shard in range(shards)
        for feed in ("bgp", "flows")
    ]


def told(findings: list[BinReport], shards: int = 2) -> list[Incident]:
    """All revisions of incidents."""
    return [decode_incident(one) for one in incidents(ITS, shards, findings)]


def at(number: int) -> str:
    """The start of a bin."""
    return format_time(START + number * BIN)


def test_a_doubt_without_an_outage_is_a_fault() -> None:
    """It begins with the first bin in doubt and ends with the last, is told at once, and has no place."""
    first, last = told(course([(0, 10), (0, 11), (0, 13)]))
    assert (first.state, first.kinds, first.detected_at) == ("ongoing", ["feed-fault"], at(11))
    assert (last.state, last.started_at, last.ended_at, last.outage_ids) == ("ended", at(10), at(14), [])
    assert "The feed flows was at fault" in last.headline
    assert "most of it fell at once" in last.headline


def test_a_fault_of_several_shards_is_one() -> None:
    """From the first bin that any of them doubts to the last, whoever is heard first."""
    findings = course([(0, 10), (1, 11), (0, 12)])
    found = told(findings)
    assert {one.incident_id for one in found} == {found[0].incident_id}
    assert (found[-1].started_at, found[-1].ended_at) == (at(10), at(13))
    assert told(sorted(findings, key=lambda one: one.reporter)) == found


def test_faults_hours_apart_are_two() -> None:
    """The feed has settled in between."""
    assert [one.state for one in told(course([(0, 5), (0, 20)]))] == ["ongoing", "ended"] * 2


def silent() -> list[BinReport]:
    """Flows stop in bin 10, of which half was measured; they are back in bin 22, and with that their bins close."""
    late = [said(0, "flows", number, empty=10 < number < 22) for number in range(10, 22)]
    before = [said(0, feed, number) for number in range(10) for feed in ("bgp", "flows")]
    while_ = [said(0, "bgp", number) for number in range(10, 23)]
    after = [said(0, feed, number) for number in range(22, 30) for feed in ("flows", "bgp")]
    return [*before, *while_, *late, *after]


def test_a_silent_feed_is_back_with_the_first_bin_that_holds_something() -> None:
    """Neither the bin that was open when it stopped is its return, nor the empty ones that close late."""
    last = told(silent(), 1)[-1]
    assert (last.state, last.started_at, last.ended_at) == ("ended", at(10), at(22))


def dark(feed: str = "flows", number: int = 3, asn: int = 1, revision: int = 1, state: str = "open") -> Outage:
    """A network that is down in a feed from a bin on."""
    one = structs.replace(decode_outage(OUTAGE), feed=feed, revision=revision, state=state, entity=f"asn/{asn}")
    times = {"started_at": at(number), "detected_at": at(number + 1), "updated_at": at(number + revision)}
    return structs.replace(one, outage_id=f"{asn:015}{feed[0]}", **times, drops=[Drop(at(number), 0.9)])


def agreed() -> list[BinReport]:
    """Both feeds are in doubt while the same four networks are held, the flows a bin later; all is well in bin 20."""

    def held(feed: str, revision: int, state: str) -> list[Outage]:
        falls = [dark(feed, 10 + (feed == "flows"), asn, revision, state) for asn in range(1, 5)]
        return [structs.replace(one, explain={**one.explain, "held": "feed"}) for one in falls]

    found = course([(0, number) for number in range(11, 20)], 1)
    changes = {("bgp", 10): (1, "suspected"), ("flows", 11): (1, "suspected"), ("bgp", 20): (2, "retracted")}
    changes |= {("flows", 20): (2, "retracted")}
    return [
        structs.replace(one, outages=held(one.feed, *changes[key]), fault=one.fault or key == ("bgp", 10))
        if (key := (one.feed, (one.end - START) // BIN - 1)) in changes
        else one
        for one in found
    ]


def test_feeds_that_agree_are_not_at_fault() -> None:
    """What they show is an incident, and the doubts end as such."""
    last = {one.incident_id: one for one in told(agreed(), 1)}
    assert sorted((one.kinds[-1], one.state, len(one.outage_ids), tuple(one.scope.asns)) for one in last.values()) == [
        ("feed-fault", "ended", 4, ()),
        ("feed-fault", "ended", 4, ()),
        ("total", "ended", 8, (1, 2, 3, 4)),
    ]
    assert sum(one.headline.endswith("others show the same, so it was none.") for one in last.values()) == 2


@pytest.mark.parametrize(
    "findings",
    [silent(), course([(0, 10), (0, 11), (0, 13)], 1), agreed()],
    ids=["silent", "doubted", "agreed"],
)
def test_a_restart_changes_nothing(findings: list[BinReport]) -> None:
    """Wherever it is cut, a state that was written and read goes on with the same bytes."""
    whole = incidents(ITS, 1, findings)
    for cut in range(0, len(findings), 3):
        its, found = grouping(ITS, 1), []
        for number, finding in enumerate(findings):
            if number == cut:
                values, rows = unpack(pack(incident_rows.head(its), {})).values, incident_rows.dump(its, {})
                its = grouping(ITS, 1)
                incident_rows.restore(its, values, rows)
            its.add(finding)
            found += its.settle()
        assert [encode(one) for one in [*found, *its.finish()]] == whole


def test_a_state_of_old_is_read() -> None:
    """It says of bins that wait only how far they go."""
    its = grouping(ITS, 1)
    its.add(said(0, "flows", 3, fault=True))
    row = unpack(incident_rows.dump(its, {})["book"])
    old = pack({name: row.values[name] for name in ("begun", "waiting")}, {})
    again = grouping(ITS, 1)
    incident_rows.restore(again, incident_rows.head(its), {"book": old})
    assert [list(moment.bins["flows"]) for moment in again.waiting.values()] == [[START + 4 * BIN]]


@pytest.mark.parametrize(("kind", "state"), [("gauge", "expired"), ("count", "ongoing"), ("presence", "ongoing")])
def test_an_outage_of_a_feed_that_has_stopped_is_given_up(kind: str, state: str) -> None:
    """A day and two bins after its last word, while others go on; not where silence is what a dark network sends."""
    flows = {"signal": "traffic", **FEED, "kind": kind}
    its = from_builtins({"feeds": {"bgp": {"signal": "bgp", **FEED}, "flows": flows}})
    begin = [said(0, feed, number) for number in range(4) for feed in ("bgp", "flows")]
    begin[-1] = structs.replace(begin[-1], outages=[dark()])
    on = [said(0, "bgp", number) for number in range(4, 160)]
    back = structs.replace(said(0, "flows", 160), outages=[dark(revision=2, state="expired")])
    found = [decode_incident(one) for one in incidents(its, 1, [*begin, *on, back])]
    own = [one for one in found if one.scope.asns]
    assert [one.state for one in own if one.updated_at < at(159)][-1] == state
    assert [one.updated_at > at(4 + 144) for one in own if one.state == "expired"] == [True]
