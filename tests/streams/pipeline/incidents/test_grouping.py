"""Incidents of the findings of several shards: the same however these come in between each other, doubled or cut."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.bin_report import BinReport, decode_bin_report, encode
from schemas.incident import decode_incident
from streams.config.settings import from_builtins
from streams.evaluation.detect import incident_lines
from streams.pipeline.findings import pieces_of
from streams.pipeline.process import Tally, process
from streams.pipeline.shard import Shard
from tests.streams.finding_helpers import SETTINGS, START, by_shard, findings, grouping, incidents, two_feeds
from tests.streams.helpers import LATER


@pytest.fixture(scope="module")
def reports() -> list[list[BinReport]]:
    """Return what three shards find of networks that fall in two feeds."""
    return by_shard(SETTINGS, two_feeds(), 3)


@pytest.fixture(scope="module")
def expected(reports: list[list[BinReport]]) -> list[bytes]:
    """The incidents, when the shards come one after the other."""
    found = incidents(SETTINGS, 3, [finding for course in reports for finding in course])
    assert len(found) > 3
    return found


def interleaved(data: st.DataObject, reports: Sequence[Sequence[BinReport]]) -> list[BinReport]:
    """The courses in between each other, in stretches of any length."""
    queues, order = [list(course) for course in reports], []
    while any(queues):
        queue = data.draw(st.sampled_from([queue for queue in queues if queue]))
        size = data.draw(st.integers(1, 200))
        order += queue[:size]
        del queue[:size]
    return order


@settings(max_examples=15)
@given(data=st.data())
def test_the_order_of_shards_does_not_matter(
    reports: list[list[BinReport]], expected: list[bytes], data: st.DataObject
) -> None:
    """Whoever is fast, the same revisions come out, in the same order, with the same bytes."""
    assert incidents(SETTINGS, 3, interleaved(data, reports)) == expected


@settings(max_examples=15)
@given(data=st.data())
def test_what_shards_repeat_after_a_crash_changes_nothing(
    reports: list[list[BinReport]], expected: list[bytes], data: st.DataObject
) -> None:
    """A shard that goes on from an old snapshot says again what it said."""
    order = interleaved(data, reports)
    cut, shard = data.draw(st.integers(0, len(order))), data.draw(st.integers(0, 2))
    before = [finding for finding in order[:cut] if finding.reporter == f"shard/{shard}"]
    again = before[-data.draw(st.integers(0, 300)) :]
    assert incidents(SETTINGS, 3, [*order[:cut], *again, *order[cut:]]) == expected


def test_messages_and_pieces_change_nothing(reports: list[list[BinReport]], expected: list[bytes]) -> None:
    """What is packed, cut and sent is what was found."""
    sent = [
        decode_bin_report(encode(piece)) for course in reports for finding in course for piece in pieces_of(finding)
    ]
    assert incidents(SETTINGS, 3, sent) == expected


def test_batches_change_nothing() -> None:
    """A shard finds the same, however its messages are cut into batches."""
    values = [value for _, value in two_feeds()]
    assert findings(SETTINGS, 0, values) == findings(SETTINGS, 0, values, cut=7)


def test_one_shard_gives_what_detect_gives() -> None:
    """`detect --incidents` is the same grouping of the same findings."""
    values = [value for _, value in two_feeds()]
    shard, tally = Shard(SETTINGS), Tally()
    steps = (process(shard, tally, values[at : at + 9], range(at, at + 9), LATER) for at in range(0, 6000, 9))
    detected = [line.rstrip(b"\n") for lines in incident_lines(shard, steps) for line in lines]
    assert incidents(SETTINGS, 1, findings(SETTINGS, 0, values)) == detected != []


def test_incidents_wait_for_a_shard_without_findings(reports: list[list[BinReport]]) -> None:
    """Nothing comes out while one of the shards has reported nothing: it may have a backlog."""
    group = grouping(SETTINGS, 3)
    for finding in [*reports[0], *reports[1]]:
        group.add(finding)
    assert group.settle() == []
    for finding in reports[2]:
        group.add(finding)
    assert group.settle() != []


FAULT = from_builtins({"feeds": {"flows": {"signal": "traffic", "kind": "gauge", "bin": "10m", "lateness": "0s"}}})


def flows() -> list[tuple[int, bytes]]:
    """Return three days of 48 networks in four countries; the collector loses half of all for two hours."""
    lines = []
    for number in range(3 * 144):
        share = 0.5 if 300 <= number < 312 else 1
        for asn in range(1, 49):
            group = {
                "feed": "flows",
                "ts": START + number * 600,
                "asn": asn,
                "country": ("AZ", "GE", "AM", "KZ")[asn % 4],
            }
            lines.append((asn, orjson.dumps({**group, "value": share * (1000 + (number * 7 + asn) % 5)})))
    return lines


def test_a_feed_at_fault_in_four_shards_is_one_incident() -> None:
    """Each shard judges by its own series; together they are one fault, which ends when the last has recovered."""
    # A network is in shard asn % 4, so each shard sees one country: spread them by another rule.
    reports = by_shard(FAULT, [(asn // 4, value) for asn, value in flows()], 4)
    assert all(any(finding.outages for finding in course) for course in reports)
    found = [
        decode_incident(value) for value in incidents(FAULT, 4, [finding for course in reports for finding in course])
    ]
    assert {incident.incident_id for incident in found} == {found[0].incident_id}
    assert (found[-1].kinds, found[-1].feeds, found[-1].state) == (["feed-fault"], ["flows"], "ended")
    assert len(found[-1].outage_ids) > 40
