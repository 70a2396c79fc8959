"""`ebbtide state reset --feed NAME`: the state of one feed is deleted, that of all others is kept to the byte."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from schemas.bin_report import encode
from streams.cli.state_transfer import reset_feed, without_feed
from streams.config.errors import UsageError
from streams.state.incident_stage import IncidentStage
from streams.state.measurement_stage import MeasurementStage
from tests.streams import helpers
from tests.streams.finding_helpers import HOUR, SETTINGS, by_shard, two_feeds
from tests.streams.helpers import KINDS, START
from tests.streams.pipeline.incidents.test_feed_faults import SETTINGS as BOTH
from tests.streams.pipeline.incidents.test_feed_faults import dark, report


def test_one_feed_begins_anew_and_the_others_go_on() -> None:
    """As if the feed had never been measured: the others have the state of a partition without it, and offsets stay."""
    settings, table = helpers.settings(), dict[bytes, bytes]()
    stage = MeasurementStage(settings, 0, table, 0.0)
    values = helpers.traffic(3)
    stage.process(helpers.records(values), 0.0)
    stage.note_clock("count", START + 9e8)
    stage.save(0.0)
    assert without_feed(settings, "count", 0, table)
    assert not without_feed(settings, "count", 0, table)
    again = MeasurementStage(settings, 0, table, 0.0)
    assert again.applied == stage.applied
    assert "count" not in again.clock
    assert len(again.shard.feeds["count"].index) == 0
    assert again.shard.newest().keys() == set(KINDS) - {"count"}
    for name in set(KINDS) - {"count"}:
        assert again.shard.feeds[name].watermark == stage.shard.feeds[name].watermark
        assert again.shard.feeds[name].index.rows == stage.shard.feeds[name].index.rows
        assert again.shard.feeds[name].detector.scalars == stage.shard.feeds[name].detector.scalars
    assert not [key for key in table if b"count/" in key]
    later = [helpers.message("count", START, 1)]
    again.process(helpers.records(later, len(values)), 0.0)
    assert again.shard.newest()["count"] == START


def test_incidents_go_back_to_the_time_of_the_other_feeds() -> None:
    """A feed a year ahead, which the others are not waited for: once it is deleted, what follows is as without it."""
    settings, cut = replace(SETTINGS, kafka=replace(SETTINGS.kafka, partitions=1)), 58 * HOUR + START
    (reports,) = by_shard(settings, two_feeds(), 1)
    routes = [report for report in reports if report.feed == "routes"]
    ahead = [replace(report, feed="ping", end=START + number * HOUR) for number, report in enumerate(routes[:24], 9000)]
    table = dict[bytes, bytes]()
    stage = IncidentStage(settings, 0, table, 0.0)
    before = [report for report in routes if report.end <= cut]
    stage.process(helpers.records([encode(report) for report in [*before, *ahead]]), 0.0)
    assert stage.grouping.watermarks.settled_until > START + 8000 * HOUR
    stage.save(0.0)
    without_feed(settings, "ping", 0, table)

    again, only = IncidentStage(settings, 0, table, 0.0), IncidentStage(settings, 0, {}, 0.0)
    only.process(helpers.records([encode(report) for report in before]), 0.0)
    rest = [encode(report) for report in routes if report.end > cut]
    found = again.process(helpers.records(rest, again.applied + 1), 0.0).incidents
    assert len(found) > 2
    assert found == only.process(helpers.records(rest, only.applied + 1), 0.0).incidents
    assert again.grouping.due == only.grouping.due
    assert again.grouping.late == only.grouping.late


def test_incidents_of_the_feed_are_given_up() -> None:
    """Once the others go on: no detector continues the outage, and nobody knows whether the network is still dark."""
    settings, table = replace(BOTH, kafka=replace(BOTH.kafka, partitions=1)), dict[bytes, bytes]()
    stage = IncidentStage(settings, 0, table, 0.0)
    reports = [report(0, feed, number) for number in range(4) for feed in ("bgp", "flows")]
    reports[-1] = replace(reports[-1], outages=[dark()])
    stage.process(helpers.records(list(map(encode, reports))), 0.0)
    (incident,) = stage.open_incidents.values()
    stage.save(0.0)
    without_feed(settings, "flows", 0, table)

    again = IncidentStage(settings, 0, table, 0.0)
    rest = [encode(report(0, feed, number)) for number in range(4, 9) for feed in ("bgp", "flows")]
    (last,) = again.process(helpers.records(rest, again.applied + 1), 0.0).incidents
    assert (last.incident_id, last.state, last.revision) == (incident.incident_id, "expired", incident.revision + 1)
    assert again.open_incidents == {}


def test_a_feed_that_the_settings_lack_is_one_line() -> None:
    """Nothing is connected to."""
    with pytest.raises(UsageError, match="no feed 'nobody' in the settings: they have count, distinct, gauge"):
        reset_feed(helpers.settings(), "nobody", lambda _: None)
