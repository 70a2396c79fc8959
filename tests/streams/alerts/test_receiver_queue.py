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
from streams.alerts.rate_limit import LONGEST, LONGEST_ASKED, Allowance, delay
from streams.alerts.receiver_queue import MANY
from streams.config.alerts import AnyReceiver, Route
from tests.streams.alerts.helpers import (
    AGAIN,
    ALERTMANAGER,
    DELIVERED,
    PAGERDUTY,
    REFUSED,
    SLACK,
    WEBHOOK,
    Box,
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
    box = Box()
    box.put(incident(1))
    job = box.next()
    assert job is not None
    box.put(incident(2, "spreading"))
    box.put(incident(3, "recovering"))
    assert box.next() is None
    assert box.unsettled() == {0, 2}
    box.effects.add(box.box.land(job, DELIVERED, box.now, box.chance))
    assert [(item.notice.revision, item.action) for item in box.send()] == [(3, "changed")]
    assert box.unsettled() == set()


def test_a_storm_is_one_digest_and_each_end_is_told() -> None:
    """500 incidents at once: five messages in place of 500, and none of them is forgotten afterwards."""
    box = Box(SLACK)
    for name in names(500):
        box.put(incident(1, incident_id=name))
    sizes = [len(box.send()) for _ in range(5)]
    assert sizes == [MANY] * 5
    assert len(box.box.going_on()) == 500
    again = box.restarted()
    for name in names(500):
        again.put(incident(2, "ended", incident_id=name))
    ended = [item.notice.id for _ in range(5) for item in again.send()]
    assert sorted(ended) == names(500)
    assert again.box.going_on() == []


@pytest.mark.parametrize(("receiver", "size"), [(WEBHOOK, 1), (SLACK, 1), (PAGERDUTY, 1), (ALERTMANAGER, 5)])
def test_a_few_are_told_one_by_one(receiver: AnyReceiver, size: int) -> None:
    """Five are no storm yet; an Alertmanager takes lists anyway."""
    box = Box(receiver)
    for name in names(5):
        box.put(incident(1, incident_id=name))
    assert len(box.send()) == size


def test_a_digest_that_is_refused_is_taken_apart() -> None:
    """The one that the receiver does not like becomes a dead letter alone."""
    box = Box()
    for name in names(6):
        box.put(incident(1, incident_id=name))
    assert len(box.send(REFUSED)) == 6
    assert box.effects.dead == []
    box.now += 1000
    for number in range(6):
        box.now += 60
        assert len(box.send(REFUSED if number == 0 else DELIVERED)) == 1
    assert len(box.effects.dead) == 1
    assert len(box.box.going_on()) == 5
    assert box.unsettled() == set()


def test_so_many_a_minute_and_no_more() -> None:
    """30 a minute: five at once, then one every two seconds."""
    box = Box(msgspec.structs.replace(PAGERDUTY, digest_over=1000))
    for name in names(100):
        box.put(incident(1, incident_id=name))
    assert sum(len(box.send()) for _ in range(20)) == 5
    for _ in range(60):
        box.now += 1
        box.send()
    assert len(box.box.going_on()) == 35


def test_failures_are_tried_again_later_and_given_up_in_the_end() -> None:
    """Nothing is settled before that; then there is a dead letter that says why, and the way is free."""
    box = Box()
    box.put(incident(1))
    start = box.now
    while not box.effects.dead:
        assert box.unsettled() == {0}
        box.send(AGAIN)
        assert box.next() is None or box.box.not_before <= box.now
        box.now = max(box.now + 0.01, box.box.not_before)
    assert start + 3600 <= box.now <= start + 3600 + 2 * LONGEST
    assert [(dead.reason, dead.detail) for dead in box.effects.dead] == [("gave-up", "refused")]
    assert box.unsettled() == set()


@given(st.integers(0, 2000), st.one_of(st.none(), st.floats(0, 1e9)), st.integers())
def test_back_off_has_full_jitter_and_honours_what_is_asked(failures: int, asked: float | None, seed: int) -> None:
    """From nothing up to twice as much with each failure, bounded; at least what the receiver asks for, bounded."""
    wait = delay(failures, asked, Random(seed))
    least = 0.0 if asked is None else min(asked, LONGEST_ASKED)
    assert least <= wait <= least + min(LONGEST, 2.0 ** min(failures, 30))


def test_retry_after_holds_the_receiver() -> None:
    """Nothing at all is sent to it before."""
    box = Box()
    box.put(incident(1))
    box.send(Outcome("again", "busy", "HTTP 429", 120.0))
    box.put(incident(1, incident_id="0" * 16))
    box.now += 119.9
    assert box.send() == []
    box.now += 1
    assert len(box.send()) == 1


def test_what_fails_does_not_stand_before_the_rest() -> None:
    """One that the receiver cannot take is tried after those that were tried less."""
    box = Box()
    box.put(incident(1, incident_id="a" * 16))
    box.send(AGAIN)
    box.put(incident(1, incident_id="b" * 16))
    box.now = box.box.not_before
    assert [item.notice.id for item in box.send()] == ["b" * 16]


def test_quiet_hours_hold_and_let_go_of_what_is_still_true() -> None:
    """At 07:00 the one that goes on is told; the one that ended in the night is not. Neither is settled before."""
    box = Box()
    box.now = at("2026-11-25T23:00:00")
    for name in names(2):
        box.put(incident(1, incident_id=name), NIGHT)
    assert box.send() == []
    assert (box.box.held(box.now), box.box.oldest(box.now), box.unsettled()) == (2, None, {0, 1})
    box.put(incident(2, "ended", incident_id=names(1)[0]), NIGHT)
    box.now = at("2026-11-26T06:59:59")
    assert box.send() == []
    box.now = at("2026-11-26T07:00:00")
    assert [item.notice.id for item in box.send()] == [names(2)[1]]
    assert box.send() == []
    assert box.unsettled() == set()


def test_the_critical_passes_unless_told_otherwise() -> None:
    """A total one wakes people, if the route lets it."""
    for passes in (True, False):
        box, route = Box(), msgspec.structs.replace(NIGHT, critical_passes=passes)
        box.now = at("2026-11-25T23:00:00")
        box.put(incident(1, severity="total"), route)
        assert bool(box.send()) is passes


@pytest.mark.parametrize(("receiver", "at_once"), [(WEBHOOK, False), (SLACK, False), (PAGERDUTY, True)])
def test_an_end_in_quiet_hours_is_told(receiver: AnyReceiver, at_once: bool) -> None:
    """At once to what keeps a state of its own, else when the night is over."""
    box = Box(receiver)
    box.now = at("2026-11-25T21:00:00")
    box.put(incident(1), NIGHT)
    assert len(box.send()) == 1
    box.now = at("2026-11-25T23:00:00")
    box.put(incident(2, "ended"), NIGHT)
    assert bool(box.send()) is at_once
    box.now = at("2026-11-26T07:00:00")
    assert bool(box.send()) is not at_once


def test_an_alertmanager_is_told_again_until_the_end() -> None:
    """Every minute what goes on, also after a restart; then once the end, and nothing more."""
    box = Box(ALERTMANAGER)
    box.put(incident(1))
    assert len(box.send()) == 1
    box.now += 59
    assert box.next() is None
    box.now += 1
    job = box.restarted().next()
    assert job is not None
    assert (job.items, [one.id for one in job.repeats]) == ([], [incident().id])
    box.put(incident(2, "ended"))
    ended = box.next()
    assert ended is not None
    assert ([item.action for item in ended.items], ended.repeats) == (["ended"], [])
    box.effects.add(box.box.land(ended, DELIVERED, box.now, box.chance))
    box.now += 600
    assert box.next() is None


def test_a_full_queue_buries_what_is_too_much() -> None:
    """It is bounded, nothing else waits for it, and what did not fit is a dead letter."""
    box = Box(limit=2)
    for name in names(3):
        box.put(incident(1, incident_id=name))
    assert [(dead.reason, dead.notice.id) for dead in box.effects.dead] == [("queue-full", names(3)[2])]
    assert box.unsettled() == {0, 1}


def test_partitions_that_went_away_are_not_tried_on() -> None:
    """What was on its way when they went is not taken up again: another process reads it."""
    box = Box()
    box.put(incident(1))
    job = box.next()
    assert job is not None
    box.box.forget([], frozenset())
    box.effects.add(box.box.land(job, AGAIN, box.now, box.chance))
    box.now += 1000
    assert box.next() is None


def test_an_allowance_does_not_grow_when_the_clock_is_put_back() -> None:
    """Nor does it shrink."""
    allowance = Allowance(60)
    for _ in range(10):
        allowance.take(100.0)
    assert not allowance.has(100.0)
    assert not allowance.has(0.0)
    assert allowance.has(1.0)
