"""The stage of incidents: what it sends, what it keeps, and that no crash changes a byte."""

from __future__ import annotations

import json
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.bin_report import BinReport, Levels, decode_bin_report
from schemas.bin_report import encode as encode_bin_report
from schemas.incident import Incident, encode
from streams.config.settings import Settings
from streams.pipeline.findings import pieces_of, silence
from streams.state.incident_stage import IncidentStage
from streams.worker.scrape import refresh
from tests.streams.finding_helpers import HOUR, SETTINGS, START, by_shard, incidents, two_feeds
from tests.streams.helpers import records
from tests.streams.worker.web.site import worker_of

SHARDS = 2
SHARDED = msgspec.structs.replace(SETTINGS, kafka=msgspec.structs.replace(SETTINGS.kafka, partitions=SHARDS))
Table = MutableMapping[bytes, bytes]


@pytest.fixture(scope="module")
def messages() -> list[bytes]:
    """The findings of two shards in the topic, in between each other."""
    by_reporter = by_shard(SHARDED, two_feeds(), SHARDS)
    both = sorted(
        (finding for course in by_reporter for finding in course),
        key=lambda finding_: (finding_.end, finding_.reporter),
    )
    return [encode_bin_report(piece) for finding in both for piece in pieces_of(finding)]


@pytest.fixture(scope="module")
def interrupted() -> list[bytes]:
    """The same findings, of which those of the routes in one shard come hours late, the feed being announced silent."""
    by_reporter = by_shard(SHARDED, two_feeds(), SHARDS)
    both = sorted(
        (finding for course in by_reporter for finding in course),
        key=lambda finding: (finding.end + 5 * HOUR * _is_delayed(finding), finding.reporter, finding.end),
    )
    first = next(number for number, finding in enumerate(both) if _is_delayed(finding))
    silent = silence("shard/1", "routes", both[first].end - 1200)
    found = [*both[:first], silent, *both[first:]]
    return [encode_bin_report(piece) for finding in found for piece in pieces_of(finding)]


def _is_delayed(finding: BinReport) -> bool:
    return (finding.reporter, finding.feed) == ("shard/1", "routes") and finding.end > START + 59 * HOUR


@pytest.fixture(scope="module")
def undisturbed(messages: list[bytes]) -> list[bytes]:
    """What is sent when nothing happens."""
    return took(stage({}), messages, 0, len(messages))


def stage(table: Table, settings: Settings = SHARDED) -> IncidentStage:
    """Return the stage as its newest snapshot has it."""
    return IncidentStage(settings, 0, table, 0.0)


def took(grouping_stage: IncidentStage, messages: Sequence[bytes], first: int, end: int, size: int = 50) -> list[bytes]:
    """Have the stage take messages in batches and return what it sends."""
    sent: list[Incident] = []
    for at in range(first, end, size):
        part = messages[at : min(at + size, end)]
        sent += grouping_stage.process(records(part, at), 0.0).incidents
    return [encode(incident) for incident in sent]


def test_it_sends_what_detect_would_say(messages: list[bytes], undisturbed: list[bytes]) -> None:
    """All that is settled before the end of the input is what the whole grouping gives."""
    by_reporter = by_shard(SHARDED, two_feeds(), SHARDS)
    whole = incidents(SHARDED, SHARDS, [finding for course in by_reporter for finding in course])
    assert undisturbed == whole[: len(undisturbed)]
    assert len(undisturbed) > 3


def test_a_metric_tells_what_waits_for_a_slower_shard() -> None:
    """Nothing of one shard alone is settled, and all of it waits; then nothing does."""
    worker, grouping_stage = worker_of(SHARDED), stage({})
    worker.grouping.stages[0] = grouping_stage
    waiting = []
    for course in by_shard(SHARDED, two_feeds(), SHARDS):
        pieces = [encode_bin_report(piece) for finding in course for piece in pieces_of(finding)]
        grouping_stage.process(records(pieces, grouping_stage.applied + 1), 0.0)
        refresh(worker)
        waiting.append(worker.metrics.registry.get_sample_value("ebbtide_findings_waiting"))
    due = {finding.end + float(SHARDED.feeds[finding.feed].lateness) for finding in course}
    assert waiting == [len(due), 0]


class LostError(Exception):
    """The process ends here."""


class Fragile(dict[bytes, bytes]):
    """A table whose process dies before a write."""

    def __init__(self, content: Table, writes: int) -> None:
        super().__init__(content)
        self.writes = writes

    def __setitem__(self, key: bytes, value: bytes) -> None:
        """Write, or die."""
        self.writes -= 1
        if self.writes < 0:
            raise LostError
        super().__setitem__(key, value)


@settings(max_examples=25)
@given(data=st.data())
def test_a_crash_between_any_two_steps_changes_nothing(
    messages: list[bytes], undisturbed: list[bytes], data: st.DataObject
) -> None:
    """After snapshots, whole ones and torn ones, what is sent again has the same bytes, and nothing is left out."""
    table: Table = {}
    sent: list[bytes] = []
    cuts = sorted(data.draw(st.lists(st.integers(0, len(messages)), min_size=1, max_size=4)))
    size = data.draw(st.integers(1, 90))
    for cut in [*cuts, len(messages)]:
        grouping_stage = stage(table)
        first = max(
            grouping_stage.applied + 1 - data.draw(st.integers(0, 40)), 0
        )  # what is included comes again, and is skipped
        sent += took(grouping_stage, messages, first, cut, size)
        grouping_stage.store.table = Fragile(table, data.draw(st.integers(0, 12)))
        with suppress(LostError):
            grouping_stage.save(0.0)
        table = grouping_stage.store.table
    assert list(dict.fromkeys(sent)) == undisturbed


@settings(max_examples=15)
@given(data=st.data())
def test_late_findings_count_where_they_stand_in_the_topic(interrupted: list[bytes], data: st.DataObject) -> None:
    """However they are cut into batches, and whenever the stage starts again, they give the same revisions."""
    whole = took(stage({}), interrupted, 0, len(interrupted), len(interrupted))
    table: Table = {}
    sent: list[bytes] = []
    cuts = sorted(data.draw(st.lists(st.integers(0, len(interrupted)), max_size=3)))
    for first, end in pairwise([0, *cuts, len(interrupted)]):
        grouping_stage = stage(table)
        sent += took(grouping_stage, interrupted, first, end, data.draw(st.integers(1, 90)))
        grouping_stage.save(0.0)
    assert sent == whole


def test_late_findings_delay_nothing(undisturbed: list[bytes], interrupted: list[bytes]) -> None:
    """The incident is sent before the first late finding comes, and ends with the outages that are in it otherwise."""
    grouping_stage = stage({})
    at = next(number for number, message in enumerate(interrupted) if _is_delayed(decode_bin_report(message)))
    early = [json.loads(sent) for sent in took(grouping_stage, interrupted, 0, at)]
    late = [json.loads(sent) for sent in took(grouping_stage, interrupted, at, len(interrupted))]
    assert [incident["state"] for incident in early][:1] == ["ongoing"]
    assert early[0]["started_at"] == json.loads(undisturbed[0])["started_at"]
    names = [name for sent in undisturbed for name in json.loads(sent)["outage_ids"]]
    assert {name for incident in [*early, *late] for name in incident["outage_ids"]} == set(names)


def test_an_unchanged_incident_is_not_written_again(messages: list[bytes]) -> None:
    """Neither are levels: a snapshot costs what has changed."""
    table: Table = {}
    grouping_stage = stage(table)
    took(grouping_stage, messages, 0, len(messages) // 2)
    grouping_stage.save(0.0)
    before = dict(table)
    took(grouping_stage, messages, len(messages) // 2, len(messages) // 2 + 1)
    grouping_stage.save(1.0)
    changed = {key for key, value in table.items() if before.get(key) != value}
    assert all(b"/book/" in key or b"/head/" in key for key in changed)
    assert any(b"/levels/" in key for key in before)


def test_what_is_over_is_forgotten(messages: list[bytes]) -> None:
    """Its row goes; levels that were replaced go too."""
    table: Table = {}
    grouping_stage = stage(table)
    took(grouping_stage, messages, 0, len(messages), size=20)
    grouping_stage.save(0.0)
    assert grouping_stage.open_incidents == {}
    names = {key.split(b"/", 1)[1].rsplit(b"/", 1)[0] for key in table}
    assert len([name for name in names if name.startswith(b"levels/")]) <= 2 * 2 * SHARDS
    assert not any(name.startswith(b"incident/") for name in names)


def test_open_incidents_are_known_after_a_restart(messages: list[bytes]) -> None:
    """Their newest revision, as it was sent."""
    table: Table = {}
    grouping_stage = stage(table)
    each = (grouping_stage.process(records(messages[n : n + 1], n), 0.0) for n in range(len(messages)))
    end = next(n for n, emitted in enumerate(each) if emitted.incidents and grouping_stage.open_incidents)
    grouping_stage.save(0.0)
    again = stage(table)
    assert (again.applied, again.open_incidents) == (end, grouping_stage.open_incidents)
    assert [incident.ended_at for incident in again.open_incidents.values()] == [None] * len(
        grouping_stage.open_incidents
    )


def test_a_message_that_is_no_finding_is_told_and_passed_over(messages: list[bytes]) -> None:
    """It names the offset, and all else goes on."""
    grouping_stage = stage({})
    emitted = grouping_stage.process(records([b"{", None, messages[0]]), 0.0)
    assert [text.split(":")[0] for text in emitted.unreadable] == ["partition 0, offset 0", "partition 0, offset 1"]
    assert grouping_stage.grouping.watermarks.pieces != {}


@pytest.mark.parametrize("field", [{"entity": "asn/none"}, {"started_at": "2026-13-01T00:00:00Z"}, {"drops": "bad"}])
def test_a_finding_of_what_cannot_be_is_passed_over_whole(messages: list[bytes], field: dict[str, str]) -> None:
    """A network without a number, a day that no calendar has: it is told, and what follows is taken as if alone."""
    at = next(n for n, message in enumerate(messages) if b'"outage_id"' in message)
    bad = json.loads(messages[at])
    bad["outages"][0] |= {"drops": [{"at": "2026-02-30T00:00:00Z", "drop": 0.5}]} if "drops" in field else field
    grouping_stage, alone = stage({}), stage({})
    emitted = grouping_stage.process(records([json.dumps(bad).encode(), *messages[at:]]), 0.0)
    assert [text.split(":")[0] for text in emitted.unreadable] == ["partition 0, offset 0"]
    assert emitted.incidents == alone.process(records(messages[at:]), 0.0).incidents


def test_a_feed_that_the_settings_no_longer_name_stays_out(messages: list[bytes]) -> None:
    """It holds nothing up, and its levels go."""
    table: Table = {}
    grouping_stage = stage(table)
    took(grouping_stage, messages, 0, 800)
    grouping_stage.save(0.0)
    fewer = msgspec.structs.replace(SHARDED, feeds={"routes": SHARDED.feeds["routes"]})
    again = stage(table, fewer)
    assert all(set(ends) == {"routes"} for ends in again.grouping.watermarks.ends.values())
    again.save(1.0)
    assert not any(b"/ping/" in key for key in table)


def test_areas_that_the_settings_no_longer_name_hold_nothing_up() -> None:
    """They were waited for; without them the same shards are enough, and what areas expected is forgotten."""
    summed = its_with_areas(["country"])
    table: Table = {}
    grouping_stage = stage(table, summed)
    levels = [Levels("AZ", {}, ["country/AZ"], [1.0], [1.0])]
    reports = [told_by("areas/country", HOUR, levels), *(told_by(f"shard/{n}", 2 * HOUR) for n in range(SHARDS))]
    grouping_stage.process(records(reports), 0.0)
    assert grouping_stage.grouping.watermarks.settled() == 2 * HOUR
    grouping_stage.save(0.0)
    again = stage(table, SHARDED)
    later = [told_by(f"shard/{number}", 3 * HOUR) for number in range(SHARDS)]
    again.process(records(later, len(reports)), 0.0)
    assert again.grouping.watermarks.settled() == 4 * HOUR
    assert ("areas/country", "ping") not in again.grouping.levels.tables


def its_with_areas(areas: list[str]) -> Settings:
    """The settings with areas of one feed."""
    ping = msgspec.structs.replace(SHARDED.feeds["ping"], areas=tuple(areas))
    return msgspec.structs.replace(SHARDED, feeds={**SHARDED.feeds, "ping": ping})


def told_by(reporter: str, end: int, levels: list[Levels] | None = None) -> bytes:
    """A finding of a bin in which nothing happened."""
    return encode_bin_report(BinReport(reporter=reporter, feed="ping", end=end, levels=levels))
