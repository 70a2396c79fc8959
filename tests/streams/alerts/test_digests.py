"""Which notices go into one message; `test_pagerduty.py` tests PagerDuty's digests."""

from __future__ import annotations

import pytest

from streams.alerts.digests import MAX_NOTICES
from tests.streams.alerts.helpers import (
    ALERTMANAGER,
    DELIVERED,
    RECEIVERS,
    REFUSED,
    SLACK,
    QueueDriver,
    incident,
    incident_ids,
)


@pytest.mark.parametrize(
    ("name", "count", "size"),
    [
        ("webhook", 5, 1),
        ("webhook", 6, 6),
        ("slack", 5, 1),
        ("slack", 6, 6),
        ("pagerduty", 5, 1),
        ("pagerduty", 6, 6),
        ("alertmanager", 5, 5),
        ("alertmanager", 6, 6),
    ],
)
def test_more_than_digest_over_are_one_message(name: str, count: int, size: int) -> None:
    """Five incidents go one by one, six in one digest. An Alertmanager always gets a list."""
    driver = QueueDriver(RECEIVERS[name])
    driver.put_all(count)
    assert len(driver.send()) == size


def test_a_storm_is_a_few_digests_and_every_end_is_sent() -> None:
    """500 incidents at once are five messages. After a restart, each of their ends is sent."""
    driver = QueueDriver(SLACK)
    driver.put_all(500)
    sizes = [len(driver.send()) for _ in range(5)]
    assert sizes == [MAX_NOTICES] * 5
    assert len(driver.queue.states.open_states()) == 500
    again = driver.restarted()
    again.put_all(500, 2, "ended")
    ended = [item.notice.id for _ in range(5) for item in again.send()]
    assert sorted(ended) == incident_ids(500)
    assert again.queue.states.open_states() == []


def test_a_refused_digest_is_sent_again_one_by_one() -> None:
    """Only the notice that the receiver refuses alone becomes a dead letter."""
    driver = QueueDriver()
    driver.put_all(6)
    assert len(driver.send(REFUSED)) == 6
    assert driver.effects.dead_letters == []
    driver.now += 1000
    for number in range(6):
        driver.now += 60
        assert len(driver.send(REFUSED if number == 0 else DELIVERED)) == 1
    assert len(driver.effects.dead_letters) == 1
    assert len(driver.queue.states.open_states()) == 5
    assert driver.unsettled() == set()


def test_an_alertmanager_gets_open_incidents_again_until_they_end() -> None:
    """Open incidents repeat every minute, also after a restart. After the end nothing is sent."""
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
