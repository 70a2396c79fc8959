"""What a receiver is told of a course of revisions."""

from __future__ import annotations

import pytest

from streams.alerts.notice import Notice
from streams.config.alerts import Route
from tests.streams.alerts.helpers import REFUSED, UNSURE, QueueDriver, incident, outage

PARTIAL = {"severity": "partial"}


@pytest.mark.parametrize(
    ("course", "told"),
    [
        ([incident(1)], ["opened"]),
        ([incident(1, "suspected"), incident(2)], ["opened"]),
        ([incident(1, "suspected"), incident(2, "ended")], []),
        ([incident(1), incident(2)], ["opened"]),
        ([incident(1), incident(2, "spreading"), incident(3, "spreading")], ["opened", "changed"]),
        ([incident(1), incident(2, "recovering"), incident(3)], ["opened", "changed", "changed"]),
        ([incident(1, **PARTIAL), incident(2), incident(3, **PARTIAL)], ["opened", "changed"]),
        ([incident(1), incident(2, kinds=["total"])], ["opened", "changed"]),
        ([incident(1), incident(2, kinds=["partial", "mobile-only", "international-only"])], ["opened"]),
        ([incident(1), incident(2, "ended"), incident(2, "ended")], ["opened", "ended"]),
        ([incident(1), incident(2, "expired")], ["opened", "ended"]),
        ([incident(1), incident(2, "ended", merged_into="af31b6f0959342e0")], ["opened", "ended"]),
        ([incident(1, suppressed_by="calendar:exam"), incident(2, "ended")], []),
        ([incident(1), incident(2, suppressed_by="calendar:exam"), incident(3)], ["opened", "ended", "opened"]),
        ([incident(1, "ended")], []),
        ([incident(3), incident(1), incident(2, "spreading")], ["opened"]),
        ([outage(revision=1), outage(revision=2, state="retracted")], ["opened", "ended"]),
    ],
)
def test_courses(course: list[Notice], told: list[str]) -> None:
    """The first confirmed revision, what matters, the end; nothing twice, and no end of what was not told."""
    driver = QueueDriver()
    assert [said for one in course for said in driver.deliver(one)] == told
    assert driver.unsettled() == set()


def test_a_suspected_one_is_told_where_a_route_wants_it() -> None:
    """Then its confirmation is a change, and its end is told, too."""
    driver, route = QueueDriver(), Route(receivers=("noc",), suspected=True)
    told = []
    for one in (incident(1, "suspected"), incident(2), incident(3, "ended")):
        driver.now += 1000
        driver.put(one, route)
        told += [(item.action, item.reason) for item in driver.send()]
    assert told == [("opened", "suspected"), ("changed", "confirmed"), ("ended", "over")]


def test_the_end_names_the_older_incident_or_what_suppresses_it() -> None:
    """Whoever reads it knows where to look on."""
    for fields, text in (({"merged_into": "af31b6f0959342e0"}, "af31b6f0959342e0"), ({"suppressed_by": "x:1"}, "x:1")):
        driver = QueueDriver()
        driver.deliver(incident(1))
        driver.now += 1000
        driver.put(incident(2, "ended" if "merged_into" in fields else "ongoing", **fields))
        assert text in driver.send()[0].reason


def test_the_end_follows_when_no_route_matches_any_more() -> None:
    """An incident that no longer matches is still told to whom it was told; a new one is not."""
    driver = QueueDriver()
    driver.deliver(incident(1))
    driver.put(incident(2, "ended"), None)
    assert [item.action for item in driver.send()] == ["ended"]
    driver.put(incident(1, incident_id="0" * 16), None)
    assert driver.send() == []
    assert driver.unsettled() == set()


def test_the_end_follows_a_message_that_may_have_arrived() -> None:
    """Timed out, then over: the end is told, also by a process that only knows what was written down before."""
    driver = QueueDriver()
    driver.put(incident(1))
    driver.send(UNSURE)
    for one in (driver, driver.restarted()):
        one.put(incident(2, "ended"))
        one.now += 1000
        assert [item.action for item in one.send()] == ["ended"]


def test_killed_while_sending_it_sends_again_under_the_same_id() -> None:
    """Nothing is known of how the first went: the same revision has the same id after the restart."""
    driver = QueueDriver()
    driver.put(incident(1))
    job = driver.next_job()
    assert job is not None
    assert driver.unsettled() == {0}
    again = driver.restarted()
    again.put(incident(1))
    assert [item.id for item in again.send()] == [job.items[0].id]
    assert again.unsettled() == set()


def test_what_was_delivered_is_not_told_again_after_a_restart() -> None:
    """Read again from an older offset, no revision says anything; the end still does."""
    driver = QueueDriver()
    driver.deliver(incident(1))
    driver.deliver(incident(2, "spreading"))
    again = driver.restarted()
    assert [said for n in (1, 2) for said in again.deliver(incident(n, "spreading"))] == []
    assert again.deliver(incident(3, "ended")) == ["ended"]


def test_a_dead_first_message_is_tried_again_with_the_next_revision() -> None:
    """A receiver that was away is told once it is back; one that refused and never knew hears no end."""
    driver = QueueDriver()
    assert driver.deliver(incident(1), REFUSED) == ["opened"]
    assert [dead.reason for dead in driver.effects.dead_letters] == ["refused"]
    assert driver.restarted().deliver(incident(2)) == ["opened"]
    assert driver.deliver(incident(2, "ended")) == []
