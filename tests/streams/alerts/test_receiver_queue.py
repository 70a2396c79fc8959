"""The queue of one receiver: order, retries, quiet hours, and when a record is settled."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from streams.alerts.delivery_types import Outcome
from streams.alerts.rate_limit import LONGEST
from streams.config.alerts import Route
from tests.streams.alerts.helpers import AGAIN, DELIVERED, PAGERDUTY, RECEIVERS, QueueDriver, incident, incident_ids

NIGHT = Route(receivers=("noc",), quiet=("22:00-07:00",), timezone="Europe/Oslo")


def oslo(text: str) -> float:
    """Return the Unix seconds of a time in Oslo."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Oslo")).timestamp()


def test_one_request_at_a_time_and_newer_revisions_replace_older_ones() -> None:
    """During a request nothing else is sent. Of the revisions that come meanwhile only the newest follows."""
    driver = QueueDriver()
    driver.put(incident(1))
    job = driver.next_job()
    assert job is not None
    driver.put(incident(2, "spreading"))
    driver.put(incident(3, "recovering"))
    assert driver.next_job() is None
    assert driver.unsettled() == {0, 2}
    driver.record_outcome(job, DELIVERED)
    assert [(item.notice.revision, item.action) for item in driver.send()] == [(3, "changed")]
    assert driver.unsettled() == set()


def test_the_rate_limit() -> None:
    """With 30 a minute, five requests go at once, then one every two seconds."""
    driver = QueueDriver(msgspec.structs.replace(PAGERDUTY, digest_over=1000))
    driver.put_all(100)
    assert sum(len(driver.send()) for _ in range(20)) == 5
    for _ in range(60):
        driver.now += 1
        driver.send()
    assert len(driver.queue.states.open_states()) == 35


def test_failures_are_retried_and_given_up_after_an_hour() -> None:
    """The record is settled only when a dead letter says why the message was given up."""
    driver = QueueDriver()
    driver.put(incident(1))
    start = driver.now
    while not driver.effects.dead_letters:
        assert driver.unsettled() == {0}
        driver.send(AGAIN)
        assert driver.next_job() is None or driver.queue.not_before <= driver.now
        driver.now = max(driver.now + 0.01, driver.queue.not_before)
    assert start + 3600 <= driver.now <= start + 3600 + 2 * LONGEST
    assert [(dead.reason, dead.detail) for dead in driver.effects.dead_letters] == [("gave-up", "refused")]
    assert driver.unsettled() == set()


def test_retry_after_delays_all_messages() -> None:
    """The receiver gets nothing before the time that it asks for."""
    driver = QueueDriver()
    driver.put(incident(1))
    driver.send(Outcome("again", "busy", "HTTP 429", 120.0))
    driver.put(incident(1, incident_id="0" * 16))
    driver.now += 119.9
    assert driver.send() == []
    driver.now += 1
    assert len(driver.send()) == 1


def test_a_failing_message_lets_others_pass() -> None:
    """Messages with fewer attempts go first."""
    driver = QueueDriver()
    driver.put(incident(1, incident_id="a" * 16))
    driver.send(AGAIN)
    driver.put(incident(1, incident_id="b" * 16))
    driver.now = driver.queue.not_before
    assert [item.notice.id for item in driver.send()] == ["b" * 16]


def test_snoozed_notices_are_sent_after_quiet_hours_if_still_true() -> None:
    """At 07:00 the open incident is sent; the one that ended in the night is not. Neither is settled before."""
    driver = QueueDriver()
    driver.now = oslo("2026-11-25T23:00:00")
    driver.put_all(2, route=NIGHT)
    assert driver.send() == []
    assert (driver.queue.snoozed(driver.now), driver.queue.oldest(driver.now), driver.unsettled()) == (2, None, {0, 1})
    ended, still_open = incident_ids(2)
    driver.put(incident(2, "ended", incident_id=ended), NIGHT)
    driver.now = oslo("2026-11-26T06:59:59")
    assert driver.send() == []
    driver.now = oslo("2026-11-26T07:00:00")
    assert [item.notice.id for item in driver.send()] == [still_open]
    assert driver.send() == []
    assert driver.unsettled() == set()


@pytest.mark.parametrize("passes", [True, False])
def test_total_incidents_in_quiet_hours(passes: bool) -> None:
    """`critical_passes` decides whether a total incident is sent in quiet hours."""
    driver = QueueDriver()
    driver.now = oslo("2026-11-25T23:00:00")
    driver.put(incident(1, severity="total"), msgspec.structs.replace(NIGHT, critical_passes=passes))
    assert bool(driver.send()) is passes


@pytest.mark.parametrize(
    ("name", "at_once"), [("webhook", False), ("slack", False), ("pagerduty", True), ("alertmanager", True)]
)
def test_ends_in_quiet_hours(name: str, at_once: bool) -> None:
    """Receivers that keep a state get an end at once, others after the quiet hours."""
    driver = QueueDriver(RECEIVERS[name])
    driver.now = oslo("2026-11-25T21:00:00")
    driver.put(incident(1), NIGHT)
    assert len(driver.send()) == 1
    driver.now = oslo("2026-11-25T23:00:00")
    driver.put(incident(2, "ended"), NIGHT)
    assert bool(driver.send()) is at_once
    driver.now = oslo("2026-11-26T07:00:00")
    assert bool(driver.send()) is not at_once


def test_a_full_queue_makes_dead_letters() -> None:
    """The queue is bounded: a notice that does not fit becomes a dead letter, the others wait."""
    driver = QueueDriver(limit=2)
    driver.put_all(3)
    dead_letters = [(dead.reason, dead.notice.id) for dead in driver.effects.dead_letters]
    assert dead_letters == [("queue-full", incident_ids(3)[2])]
    assert driver.unsettled() == {0, 1}


def test_notices_of_revoked_partitions_are_not_retried() -> None:
    """A message that fails after a rebalance is dropped, since another process reads its record."""
    driver = QueueDriver()
    driver.put(incident(1))
    job = driver.next_job()
    assert job is not None
    driver.queue.restart([], frozenset())
    driver.record_outcome(job, AGAIN)
    driver.now += 1000
    assert driver.next_job() is None
