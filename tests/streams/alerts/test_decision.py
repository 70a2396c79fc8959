"""Which revisions of an incident or outage a receiver gets."""

from __future__ import annotations

import pytest

from streams.alerts.notice import Notice
from streams.config.alerts import Route
from streams.config.receivers import AnyReceiver
from tests.streams.alerts.helpers import RECEIVERS, REFUSED, UNSURE, QueueDriver, incident, outage

PARTIAL = {"severity": "partial"}


@pytest.mark.parametrize(
    ("course", "actions"),
    [
        ([incident(1)], ["opened"]),
        ([incident(1, "suspected"), incident(2)], ["opened"]),
        ([incident(1, "suspected"), incident(2, "retracted")], []),
        ([incident(1), incident(2, "retracted", kinds=["feed-fault"])], ["opened", "ended"]),
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
        ([incident(1), incident(2, suppressed_by="calendar:exam"), incident(3)], ["opened", "suppressed", "opened"]),
        ([incident(1, "ended")], []),
        ([incident(3), incident(1), incident(2, "spreading")], ["opened"]),
        ([outage(revision=1), outage(revision=2, state="retracted")], ["opened", "ended"]),
    ],
)
def test_courses(course: list[Notice], actions: list[str]) -> None:
    """A receiver gets the first confirmed revision, changes that matter and the end, each once; no end alone."""
    driver = QueueDriver()
    assert [action for notice in course for action in driver.deliver(notice)] == actions
    assert driver.unsettled() == set()


def test_suspected_incidents_go_to_routes_that_want_them() -> None:
    """With `suspected` the confirmation is a change, and the end follows."""
    driver, route = QueueDriver(), Route(receivers=("noc",), suspected=True)
    actions = []
    for notice in (incident(1, "suspected"), incident(2), incident(3, "ended")):
        driver.now += 1000
        driver.put(notice, route)
        actions += [(item.action, item.reason) for item in driver.send()]
    assert actions == [("opened", "suspected"), ("changed", "confirmed"), ("ended", "over")]


@pytest.mark.parametrize("receiver", RECEIVERS.values(), ids=RECEIVERS)
@pytest.mark.parametrize(
    ("kinds", "reason"),
    [
        (["partial"], "retracted: it was never confirmed"),
        (["feed-fault"], "retracted: the feed was not at fault"),
    ],
)
def test_a_suspicion_that_is_retracted_ends_as_such(receiver: AnyReceiver, kinds: list[str], reason: str) -> None:
    """Every receiver of the suspicion gets a message that it was none, not that something is over."""
    driver, route = QueueDriver(receiver), Route(receivers=("noc",), suspected=True)
    driver.put(incident(1, "suspected", kinds=kinds), route)
    driver.send()
    driver.now += 1000
    driver.put(incident(2, "retracted", kinds=kinds), route)
    assert [(item.action, item.reason) for item in driver.send()] == [("ended", reason)]


@pytest.mark.parametrize(
    ("state", "field", "name"), [("ended", "merged_into", "af31b6f0959342e0"), ("ongoing", "suppressed_by", "x:1")]
)
def test_the_end_names_the_older_incident_or_the_calendar_entry(state: str, field: str, name: str) -> None:
    """The reason of an end says where the incident went, or what suppresses it."""
    driver = QueueDriver()
    driver.deliver(incident(1))
    driver.now += 1000
    driver.put(incident(2, state, **{field: name}))
    assert name in driver.send()[0].reason


def test_the_end_follows_when_no_route_matches_any_more() -> None:
    """A receiver of the opening gets the end without a matching route. A new incident needs a route."""
    driver = QueueDriver()
    driver.deliver(incident(1))
    driver.put(incident(2, "ended"), None)
    assert [item.action for item in driver.send()] == ["ended"]
    driver.put(incident(1, incident_id="0" * 16), None)
    assert driver.send() == []
    assert driver.unsettled() == set()


def test_the_end_follows_a_message_that_may_have_arrived() -> None:
    """After a timeout the receiver gets the end, also from a process that has only the written states."""
    driver = QueueDriver()
    driver.put(incident(1))
    driver.send(UNSURE)
    for process in (driver, driver.restarted()):
        process.put(incident(2, "ended"))
        process.now += 1000
        assert [item.action for item in process.send()] == ["ended"]


def test_a_crash_during_a_request_repeats_the_same_id() -> None:
    """The outcome of the first request is unknown, so it is repeated after the restart, with the same id."""
    driver = QueueDriver()
    driver.put(incident(1))
    job = driver.next_job()
    assert job is not None
    assert driver.unsettled() == {0}
    again = driver.restarted()
    again.put(incident(1))
    assert [item.id for item in again.send()] == [job.items[0].id]
    assert again.unsettled() == set()


def test_delivered_revisions_are_not_sent_again_after_a_restart() -> None:
    """Delivered revisions are moot when they are read again; the end is not."""
    driver = QueueDriver()
    driver.deliver(incident(1))
    driver.deliver(incident(2, "spreading"))
    again = driver.restarted()
    assert [action for n in (1, 2) for action in again.deliver(incident(n, "spreading"))] == []
    assert again.deliver(incident(3, "ended")) == ["ended"]


def test_a_dead_first_message_is_tried_again_with_the_next_revision() -> None:
    """The next revision opens the incident. A receiver that refused the opening gets no end."""
    driver = QueueDriver()
    assert driver.deliver(incident(1), REFUSED) == ["opened"]
    assert [dead.reason for dead in driver.effects.dead_letters] == ["refused"]
    assert driver.restarted().deliver(incident(2)) == ["opened"]
    assert driver.deliver(incident(2, "ended")) == []
