"""What a worker says of sources, by what they have reported."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import orjson
import pytest
from kafka.errors import KafkaError, TopicAuthorizationFailedError

from schemas.source_report import SourceReport, encode_report
from streams.config.network_sources import AtlasSource
from streams.config.settings import KafkaSettings
from streams.worker.source_reports import NEVER, SourceReports, source_health, state_of
from streams.worker.topic_events import TopicEvents
from streams.worker.view import view_of
from streams.worker.web.formatting import NO_BREAK
from tests.streams.worker.web.pages import page
from tests.streams.worker.web.site import SETTINGS, worker_of

KAFKA, NOW = KafkaSettings(), 1_700_000_000.0
REPORT = SourceReport(feed="reach", reported_at=NOW - 60, since=NOW - 900, newest=NOW - 90, patience=900.0, records=7)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "sending"),
        ({"newest": None}, "connected, no data yet"),
        ({"newest": NOW - 901}, "behind by 15 min"),
        ({"reported_at": NOW - 901, "newest": NOW - 960}, "unknown: silent or stopped for 15 min"),
        ({"reported_at": NOW - 7200, "patience": None}, "sent last 2 h ago; may have ended"),
    ],
)
def test_a_state_says_no_more_than_the_report(changes: dict[str, float | None], state: str) -> None:
    """A source that has stopped and one that is silent look the same, and neither is well."""
    assert state_of(msgspec.structs.replace(REPORT, **changes), NOW).replace(NO_BREAK, " ") == state


def test_sources_of_the_settings_and_of_the_topic() -> None:
    """The newest report of each; nothing is known of one without any. Positions beside them are no reports."""
    reports = SourceReports()
    for report in (REPORT, msgspec.structs.replace(REPORT, rejected=3)):
        reports.put(*encode_report("flows", report))
    reports.put(b"flows/theirs/0", b'{"offset":1}')
    reports.put(*encode_report("gone", REPORT))
    reports.put(b"gone!", None)
    with pytest.raises(msgspec.DecodeError):
        reports.put(b"bad!", b"{}")
    flows, never = source_health(["never"], reports.all(), NOW)
    assert (flows.name, flows.state, flows.records, flows.rejected) == ("flows", "sending", 7, 3)
    assert (never.name, never.state, never.records, never.newest) == ("never", NEVER, None, None)


def test_the_page_and_the_status_have_a_line_for_each_source() -> None:
    """Newest event, gap and rejected records, or that they are unknown."""
    worker = worker_of(msgspec.structs.replace(SETTINGS, sources={"hits": AtlasSource(feed="atlas")}))
    report = msgspec.structs.replace(REPORT, rejected=3, gap=(1_699_990_000, 1_699_990_600))
    key, value = encode_report("flows", report)
    topic = KAFKA.sources_state
    worker.topic_events.put([SimpleNamespace(topic=topic, partition=0, offset=0, key=key, value=value)])
    view = view_of(worker, lambda: NOW)
    text = " ".join(page(view, "/").text.split())
    gap = "2023-11-14 19:26:40 to 2023-11-14 19:36:40"
    assert f"flows reach sending 2023-11-14 22:11:50 {gap} 3 in 7 records since 2023-11-14 21:58:20" in text
    assert f"hits {NEVER} unknown unknown unknown" in text
    found = orjson.loads(orjson.dumps(view.status()))["sources"]
    assert found["flows"] == {
        "name": "flows",
        "state": "sending",
        "feed": "reach",
        "newest": NOW - 90,
        "reported_at": NOW - 60,
        "since": NOW - 900,
        "records": 7,
        "rejected": 3,
        "gap": [1_699_990_000, 1_699_990_600],
    }
    assert (found["hits"]["state"], found["hits"]["records"]) == (NEVER, None)
    assert "ebbtide source" not in page(view_of(worker_of(SETTINGS)), "/").text


def test_a_topic_that_may_not_be_read_stops_nothing_else() -> None:
    """Outages and incidents are followed without it."""
    events = TopicEvents(KAFKA, 3)
    assert not events._leaves_sources(TopicAuthorizationFailedError({KAFKA.outages}))
    assert not events._leaves_sources(KafkaError(KAFKA.sources_state))
    assert events._leaves_sources(TopicAuthorizationFailedError({KAFKA.sources_state}))
    assert KAFKA.sources_state not in events._by_topic
    assert KAFKA.outages in events._by_topic
