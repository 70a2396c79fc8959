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
from streams.pipeline.findings import SHARD, silence
from streams.state import incident_rows
from streams.state.row_codec import pack, unpack
from tests.schemas.examples import OUTAGE
from tests.streams.finding_helpers import START, grouping, incidents

BIN = 600
FEED = {"kind": "gauge", "bin": "10m", "lateness": "0s"}
SETTINGS = from_builtins({"feeds": {"bgp": {"signal": "bgp", **FEED}, "flows": {"signal": "traffic", **FEED}}})


def report(shard: int, feed: str, number: int, *, fault: bool = False, empty: bool = False) -> BinReport:
    """Return what a shard reports of a bin without outages."""
    end = START + (number + 1) * BIN
    return BinReport(reporter=SHARD.format(shard), feed=feed, end=end, fault=fault, empty=empty)


def course(doubted: Iterable[tuple[int, int]], shards: int = 2, bins: int = 30) -> list[BinReport]:
    """Two feeds without an outage; `doubted`: shard and bin in which the flows of a shard fall together."""
    pairs = set(doubted)
    return [
        report(shard, feed, number, fault=feed == "flows" and (shard, number) in pairs)
        for number in range(bins)
        for shard in range(shards)
        for feed in ("bgp", "flows")
    ]


def revisions(findings: list[BinReport], shards: int = 2) -> list[Incident]:
    """All revisions of incidents."""
    return [decode_incident(message) for message in incidents(SETTINGS, shards, findings)]


def at(number: int) -> str:
    """The start of a bin."""
    return format_time(START + number * BIN)


def test_a_doubt_without_an_outage_is_a_fault() -> None:
    """It begins with the first bin in doubt and ends with the last, is announced at once, and has no place."""
    first, last = revisions(course([(0, 10), (0, 11), (0, 13)]))
    assert (first.state, first.kinds, first.detected_at) == ("ongoing", ["feed-fault"], at(11))
    assert (last.state, last.started_at, last.ended_at, last.outage_ids) == ("ended", at(10), at(14), [])
    assert "The feed flows was at fault" in last.headline
    assert "most of it fell at once" in last.headline


def test_a_fault_of_several_shards_is_one() -> None:
    """From the first bin that any of them doubts to the last, whichever shard comes first."""
    findings = course([(0, 10), (1, 11), (0, 12)])
    found = revisions(findings)
    assert {incident.incident_id for incident in found} == {found[0].incident_id}
    assert (found[-1].started_at, found[-1].ended_at) == (at(10), at(13))
    assert revisions(sorted(findings, key=lambda finding: finding.reporter)) == found


def test_faults_hours_apart_are_two() -> None:
    """The feed has settled in between."""
    assert [incident.state for incident in revisions(course([(0, 5), (0, 20)]))] == ["ongoing", "ended"] * 2


def silent() -> list[BinReport]:
    """Flows stop in bin 10, of which half was measured; they are back in bin 22, and with that their bins close."""
    late = [report(0, "flows", number, empty=10 < number < 22) for number in range(10, 22)]
    before = [report(0, feed, number) for number in range(10) for feed in ("bgp", "flows")]
    while_ = [report(0, "bgp", number) for number in range(10, 23)]
    after = [report(0, feed, number) for number in range(22, 30) for feed in ("flows", "bgp")]
    return [*before, *while_, *late, *after]


def test_a_silent_feed_is_back_with_the_first_bin_that_holds_something() -> None:
    """Neither the bin that was open when it stopped is its return, nor the empty ones that close late.

    It stopped after its last measurement, though the bin that holds it closes when the feed is back.
    """
    last = revisions(silent(), 1)[-1]
    assert (last.state, last.started_at, last.ended_at) == ("ended", at(11), at(22))


def test_a_feed_that_is_announced_silent_is_at_fault_while_it_is() -> None:
    """The fault is reported while the others go on, not when the feed is back; its open bin is not known by then."""
    group, found = grouping(SETTINGS, 1), silent()
    back = next(number for number, finding in enumerate(found) if finding.empty) - 1
    announced = silence(SHARD.format(0), "flows", found[back].end - BIN)
    first: dict[str, tuple[int, Incident]] = {}
    for number, finding in enumerate([*found[:23], announced, *found[23:]]):
        group.add(finding)
        first |= {incident.state: (number, incident) for incident in group.settle()}
    number, ongoing = first["ongoing"]
    assert (ongoing.started_at, ongoing.kinds) == (at(10), ["feed-fault"])
    assert number < back
    assert first["ended"][1].ended_at == at(22)


def dark(feed: str = "flows", number: int = 3, asn: int = 1, revision: int = 1, state: str = "open") -> Outage:
    """A network that is down in a feed from a bin on."""
    outage = structs.replace(decode_outage(OUTAGE), feed=feed, revision=revision, state=state, entity=f"asn/{asn}")
    times = {"started_at": at(number), "detected_at": at(number + 1), "updated_at": at(number + revision)}
    return structs.replace(outage, outage_id=f"{asn:015}{feed[0]}", **times, drops=[Drop(at(number), 0.9)])


def agreed() -> list[BinReport]:
    """Both feeds are in doubt, the flows a bin later, and suspect the same four networks; all is well in bin 20."""

    def suspected(feed: str, revision: int, state: str) -> list[Outage]:
        falls = [dark(feed, 10 + (feed == "flows"), asn, revision, state) for asn in range(1, 5)]
        return [structs.replace(outage, explain={**outage.explain, "held": "feed"}) for outage in falls]

    found = course([(0, number) for number in range(11, 20)], 1)
    changes = {("bgp", 10): (1, "suspected"), ("flows", 11): (1, "suspected"), ("bgp", 20): (2, "retracted")}
    changes |= {("flows", 20): (2, "retracted")}
    return [
        structs.replace(
            finding, outages=suspected(finding.feed, *changes[key]), fault=finding.fault or key == ("bgp", 10)
        )
        if (key := (finding.feed, (finding.end - START) // BIN - 1)) in changes
        else finding
        for finding in found
    ]


def test_feeds_that_agree_are_not_at_fault() -> None:
    """What they show is an incident, and the doubts are retracted."""
    last = {incident.incident_id: incident for incident in revisions(agreed(), 1)}
    assert sorted(
        (incident.kinds[-1], incident.state, len(incident.outage_ids), tuple(incident.scope.asns))
        for incident in last.values()
    ) == [
        ("feed-fault", "retracted", 4, ()),
        ("feed-fault", "retracted", 4, ()),
        ("total", "ended", 8, (1, 2, 3, 4)),
    ]
    assert sum(incident.headline.endswith("others show the same, so it was none.") for incident in last.values()) == 2


@pytest.mark.parametrize(
    "findings",
    [silent(), course([(0, 10), (0, 11), (0, 13)], 1), agreed()],
    ids=["silent", "doubted", "agreed"],
)
def test_a_restart_changes_nothing(findings: list[BinReport]) -> None:
    """Wherever it is cut, a state that was written and read goes on with the same bytes."""
    whole = incidents(SETTINGS, 1, findings)
    for cut in range(0, len(findings), 3):
        group, found = grouping(SETTINGS, 1), []
        for number, finding in enumerate(findings):
            if number == cut:
                values, rows = unpack(pack(incident_rows.head(group), {})).values, incident_rows.dump(group, {})
                group = grouping(SETTINGS, 1)
                incident_rows.restore(group, values, rows)
            group.add(finding)
            found += group.settle()
        assert [encode(revision) for revision in [*found, *group.finish()]] == whole


def test_an_older_snapshot_is_read() -> None:
    """It holds only the ends of the bins that wait."""
    group = grouping(SETTINGS, 1)
    group.add(report(0, "flows", 3, fault=True))
    row = unpack(incident_rows.dump(group, {})["book"])
    old = pack({name: row.values[name] for name in ("begun", "waiting")}, {})
    again = grouping(SETTINGS, 1)
    incident_rows.restore(again, incident_rows.head(group), {"book": old})
    assert [list(instant.bins["flows"]) for instant in again.waiting.values()] == [[START + 4 * BIN]]


@pytest.mark.parametrize(("kind", "state"), [("gauge", "expired"), ("count", "ongoing"), ("presence", "ongoing")])
def test_an_outage_of_a_feed_that_has_stopped_is_given_up(kind: str, state: str) -> None:
    """A day and two bins after its last word, while others go on; not where silence is what a dark network sends."""
    flows = {"signal": "traffic", **FEED, "kind": kind}
    settings = from_builtins({"feeds": {"bgp": {"signal": "bgp", **FEED}, "flows": flows}})
    begin = [report(0, feed, number) for number in range(4) for feed in ("bgp", "flows")]
    begin[-1] = structs.replace(begin[-1], outages=[dark()])
    on = [report(0, "bgp", number) for number in range(4, 160)]
    back = structs.replace(report(0, "flows", 160), outages=[dark(revision=2, state="expired")])
    found = [decode_incident(message) for message in incidents(settings, 1, [*begin, *on, back])]
    own = [incident for incident in found if incident.scope.asns]
    assert [incident.state for incident in own if incident.updated_at < at(159)][-1] == state
    assert [incident.updated_at > at(4 + 144) for incident in own if incident.state == "expired"] == [True]


@pytest.mark.parametrize(
    ("flows", "state"),
    [
        (None, "expired"),
        ({"signal": "traffic", **FEED, "bin": "20m"}, "expired"),
        ({"signal": "traffic", **FEED, "kind": "count"}, "expired"),
        ({"signal": "traffic", **FEED}, "ongoing"),
    ],
    ids=["removed", "other bin", "other kind", "same"],
)
@pytest.mark.parametrize("is_older", [False, True])
def test_an_outage_that_no_detector_continues_is_given_up(
    flows: dict[str, str] | None, state: str, is_older: bool
) -> None:
    """When a worker starts with other feeds. An older snapshot does not say what they were, but which it has."""
    begin = [report(0, feed, number) for number in range(4) for feed in ("bgp", "flows")]
    begin[-1] = structs.replace(begin[-1], outages=[dark()])
    before = grouping(SETTINGS, 1)
    for finding in begin:
        before.add(finding)
    before.settle()
    values, rows = incident_rows.head(before), incident_rows.dump(before, {})
    if is_older:
        del values["feeds"]
    feeds = {"bgp": {"signal": "bgp", **FEED}, **({"flows": flows} if flows else {})}
    after = grouping(from_builtins({"feeds": feeds}), 1)
    incident_rows.restore(after, unpack(pack(values, {})).values, rows)
    found = []
    for number in range(4, 8):
        for feed in feeds:
            after.add(report(0, feed, number))
            found += after.settle()
    own = [incident.state for incident in found if incident.scope.asns]
    is_known = flows is None or not is_older
    assert own[-1:] == (["expired"] if state == "expired" and is_known else [])
