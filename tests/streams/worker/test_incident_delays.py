"""What the page and the metrics say of the feeds and partitions that incidents wait for."""

from __future__ import annotations

import msgspec

from schemas.bin_report import BinReport
from streams.pipeline.findings import SHARD, silence
from streams.state.incident_stage import IncidentStage
from streams.worker.agents import Worker
from streams.worker.incident_delays import delay_notices
from streams.worker.scrape import refresh
from tests.streams.finding_helpers import HOUR, SETTINGS
from tests.streams.worker.web.site import worker_of

SHARDED = msgspec.structs.replace(SETTINGS, kafka=msgspec.structs.replace(SETTINGS.kafka, partitions=2))


def waiting(*reports: BinReport) -> Worker:
    """Return the worker that groups incidents and has taken these reports."""
    worker, stage = worker_of(SHARDED), IncidentStage(SHARDED, 0, {}, 0.0)
    worker.grouping.stages[0] = stage
    for report in reports:
        stage.grouping.add(report)
        stage.grouping.settle()
    refresh(worker)
    return worker


def closed(shard: int, feed: str, end: int) -> BinReport:
    """Return the report of a bin in which nothing happened."""
    return BinReport(reporter=SHARD.format(shard), feed=feed, end=end)


def value(worker: Worker, name: str, **labels: str) -> float | None:
    """Return the value of a metric."""
    return worker.metrics.registry.get_sample_value(f"ebbtide_{name}", labels)


def test_a_partition_of_which_nothing_is_read() -> None:
    """It is named, and the metric is infinite: how far it is behind is unknown."""
    worker = waiting(closed(0, "ping", HOUR))
    assert delay_notices(worker) == ["Incidents wait for partition 1: nothing has been read there yet."]
    assert value(worker, "incidents_delay_seconds", feed="all", partition="1") == float("inf")


def test_a_feed_that_is_behind() -> None:
    """The feed is named with its partitions, and by how much others are ahead of it."""
    courses = [closed(shard, "ping", HOUR) for shard in (0, 1)] + [closed(0, "routes", HOUR)]
    worker = waiting(*courses, closed(1, "routes", 2400), *(closed(shard, "ping", 2 * HOUR) for shard in (0, 1)))
    assert delay_notices(worker) == [
        "Incidents wait for the feed routes in partitions 0, 1: other feeds or partitions are 55 minutes ahead."
    ]
    assert value(worker, "incidents_delay_seconds", feed="routes", partition="1") == 55 * 60
    assert value(worker, "incidents_delay_seconds", feed="routes", partition="0") == 35 * 60
    assert value(worker, "findings_waiting") == 1


def test_a_feed_that_is_not_waited_for() -> None:
    """It is named with its partitions; a partition that never had any of it is not."""
    courses = [closed(0, "routes", HOUR), *(closed(shard, "ping", 2 * HOUR) for shard in (0, 1))]
    silent = [silence(SHARD.format(shard), "routes", HOUR) for shard in (0, 1)]
    worker = waiting(*courses, *silent)
    assert [notice.split(", where")[0] for notice in delay_notices(worker)] == [
        "Incidents do not wait for the feed routes in partition 0"
    ]
    assert value(worker, "feed_unawaited_partitions", feed="routes") == 1
    assert value(worker, "incidents_delay_seconds", feed="routes", partition="0") is None
    assert value(worker, "findings_waiting") == 0
