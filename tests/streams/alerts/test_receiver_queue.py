"""One receiver's outbox: order, digests, back-off, quiet hours, repeats, and what is settled when."""

from __future__ import annotations

from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.alerts.delivery_types import Outcome
from streams.alerts.digests import MAX_NOTICES
from streams.alerts.rate_limit import LONGEST, LONGEST_ASKED, RateLimit, retry_delay
from streams.config.alerts import AnyReceiver, Route
from tests.streams.alerts.helpers import (
    AGAIN,
    ALERTMANAGER,
    DELIVERED,
    PAGERDUTY,
    REFUSED,
    SLACK,
    WEBHOOK,
    QueueDriver,
    incident,
)

NIGHT = Route(receivers=("noc",), quiet=("22:00-07:00",), timezone="Europe/Oslo")


def at(text: str) -> float:
    """Unix seconds of a time in Oslo."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Oslo")).timestamp()


def names(count: int) -> list[str]:
    """So many ids of incidents."""
    return [f"{number:016x}" for number in range(count)]


def test_one_at_a_time_and_a_newer_revision_replaces_an_older_one() -> None:
    """While one is on its way nothing else is sent; what came meanwhile is told once, as the newest."""
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


def test_a_storm_is_one_digest_and_each_end_is_told() -> None:
    """500 incidents at once: five messages in place of 500, and none of them is forgotten afterwards."""
    driver = QueueDriver(SLACK)
    for name in names(500):
        driver.put(incident(1, incident_id=name))
    sizes = [len(driver.send()) for _ in range(5)]
    assert sizes == [MAX_NOTICES] * 5
    assert len(driver.queue.states.open_states()) == 500
    again = driver.restarted()
    for name in names(500):
        again.put(incident(2, "ended", incident_id=name))
    ended = [item.notice.id for _ in range(5) for item in again.send()]
    assert sorted(ended) == names(500)
    assert again.queue.states.open_states() == []


@pytest.mark.parametrize(("receiver", "size"), [(WEBHOOK, 1), (SLACK, 1), (PAGERDUTY, 1), (ALERTMANAGER, 5)])
def test_a_few_are_told_one_by_one(receiver: AnyReceiver, size: int) -> None:
    """Five are no storm yet; an Alertmanager takes lists anyway."""
    driver = QueueDriver(receiver)
    for name in names(5):
        driver.put(incident(1, incident_id=name))
    assert len(driver.send()) == size


def test_a_digest_that_is_refused_is_taken_apart() -> None:
    """The one that the receiver does not like becomes a dead letter alone."""
    driver = QueueDriver()
    for name in names(6):
        driver.put(incident(1, incident_id=name))
    assert len(driver.send(REFUSED)) == 6
    assert driver.effects.dead_letters == []
    driver.now += 1000
    for number in range(6):
        driver.now += 60
        assert len(driver.send(REFUSED if number == 0 else DELIVERED)) == 1
    assert len(driver.effects.dead_letters) == 1
    assert len(driver.queue.states.open_states()) == 5
    assert driver.unsettled() == set()


def test_so_many_a_minute_and_no_more() -> None:
    """30 a minute: five at once, then one every two seconds."""
    driver = QueueDriver(msgspec.structs.replace(PAGERDUTY, digest_over=1000))
    for name in names(100):
        driver.put(incident(1, incident_id=name))
    assert sum(len(driver.send()) for _ in range(20)) == 5
    for _ in range(60):
        driver.now += 1
        driver.send()
    assert len(driver.queue.states.open_states()) == 35


def test_failures_are_tried_again_later_and_given_up_in_the_end() -> None:
    """Nothing is settled before that; then there is a dead letter that says why, and the way is free."""
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


@given(st.integers(0, 2000), st.one_of(st.none(), st.floats(0, 1e9)), st.integers())
def test_back_off_has_full_jitter_and_honours_what_is_asked(failures: int, asked: float | None, seed: int) -> None:
    """From nothing up to twice as much with each failure, bounded; at least what the receiver asks for, bounded."""
    wait = retry_delay(failures, asked, Random(seed))
    least = 0.0 if asked is None else min(asked, LONGEST_ASKED)
    assert least <= wait <= least + min(LONGEST, 2.0 ** min(failures, 30))


def test_retry_after_holds_the_receiver() -> None:
    """Nothing at all is sent to it before."""
    driver = QueueDriver()
    driver.put(incident(1))
    driver.send(Outcome("again", "busy", "HTTP 429", 120.0))
    driver.put(incident(1, incident_id="0" * 16))
    driver.now += 119.9
    assert driver.send() == []
    driver.now += 1
    assert len(driver.send()) == 1


def test_what_fails_does_not_stand_before_the_rest() -> None:
    """One that the receiver cannot take is tried after those that were tried less."""
    driver = QueueDriver()
    driver.put(incident(1, incident_id="a" * 16))
    driver.send(AGAIN)
    driver.put(incident(1, incident_id="b" * 16))
    driver.now = driver.queue.not_before
    assert [item.notice.id for item in driver.send()] == ["b" * 16]


def test_quiet_hours_hold_and_let_go_of_what_is_still_true() -> None:
    """At 07:00 the one that goes on is told; the one that ended in the night is not. Neither is settled before."""
    driver = QueueDriver()
    driver.now = at("2026-11-25T23:00:00")
    for name in names(2):
        driver.put(incident(1, incident_id=name), NIGHT)
    assert driver.send() == []
    assert (driver.queue.snoozed(driver.now), driver.queue.oldest(driver.now), driver.unsettled()) == (2, None, {0, 1})
    driver.put(incident(2, "ended", incident_id=names(1)[0]), NIGHT)
    driver.now = at("2026-11-26T06:59:59")
    assert driver.send() == []
    driver.now = at("2026-11-26T07:00:00")
    assert [item.notice.id for item in driver.send()] == [names(2)[1]]
    assert driver.send() == []
    assert driver.unsettled() == set()


def test_the_critical_passes_unless_told_otherwise() -> None:
    """A total one wakes people, if the route lets it."""
    for passes in (True, False):
        driver, route = QueueDriver(), msgspec.structs.replace(NIGHT, critical_passes=passes)
        driver.now = at("2026-11-25T23:00:00")
        driver.put(incident(1, severity="total"), route)
        assert bool(driver.send()) is passes


@pytest.mark.parametrize(("receiver", "at_once"), [(WEBHOOK, False), (SLACK, False), (PAGERDUTY, True)])
def test_an_end_in_quiet_hours_is_told(receiver: AnyReceiver, at_once: bool) -> None:
    """At once to what keeps a state of its own, else when the night is over."""
    driver = QueueDriver(receiver)
    driver.now = at("2026-11-25T21:00:00")
    driver.put(incident(1), NIGHT)
    assert len(driver.send()) == 1
    driver.now = at("2026-11-25T23:00:00")
    driver.put(incident(2, "ended"), NIGHT)
    assert bool(driver.send()) is at_once
    driver.now = at("2026-11-26T07:00:00")
    assert bool(driver.send()) is not at_once


def test_an_alertmanager_is_told_again_until_the_end() -> None:
    """Every minute what goes on, also after a restart; then once the end, and nothing more."""
    driver = QueueDriver(ALERTMANAGER)
    driver.put(incident(1))
    assert len(driver.send()) == 1
    driver.now += 59
    assert driver.next_job() is None
    driver.now += 1
    job = driver.restarted().next_job()
    assert job is not None
    assert (job.items, [notice.id for notice in job.repeats]) == ([], [incident().id])
    driver.put(incident(2, "ended"))
    ended = driver.next_job()
    assert ended is not None
    assert ([item.action for item in ended.items], ended.repeats) == (["ended"], [])
    driver.record_outcome(ended, DELIVERED)
    driver.now += 600
    assert driver.next_job() is None


def test_a_full_queue_buries_what_is_too_much() -> None:
    """It is bounded, nothing else waits for it, and what did not fit is a dead letter."""
    driver = QueueDriver(limit=2)
    for name in names(3):
        driver.put(incident(1, incident_id=name))
    assert [(dead.reason, dead.notice.id) for dead in driver.effects.dead_letters] == [("queue-full", names(3)[2])]
    assert driver.unsettled() == {0, 1}


def test_partitions_that_went_away_are_not_tried_on() -> None:
    """What was on its way when they went is not taken up again: another process reads it."""
    driver = QueueDriver()
    driver.put(incident(1))
    job = driver.next_job()
    assert job is not None
    driver.queue.restart([], frozenset())
    driver.record_outcome(job, AGAIN)
    driver.now += 1000
    assert driver.next_job() is None


def test_an_allowance_does_not_grow_when_the_clock_is_put_back() -> None:
    """Nor does it shrink."""
    rate_limit = RateLimit(60)
    for _ in range(10):
        rate_limit.spend(100.0)
    assert not rate_limit.allows(100.0)
    assert not rate_limit.allows(0.0)
    assert rate_limit.allows(1.0)
