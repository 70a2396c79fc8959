"""Silences and acknowledgements, as receivers see them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from schemas.remark import Remark, encode, key
from schemas.times import format_time
from streams.alerts.dispatcher import Dispatcher
from streams.alerts.metrics import AlertMetrics
from streams.alerts.metrics_recorder import MetricsRecorder
from tests.streams.alerts.helpers import ID, RECEIVERS, QueueDriver, incident, outage


def say(driver: QueueDriver, kind: Any, until: float | None = None) -> None:  # noqa: ANN401
    """Put a remark on the incident."""
    time = None if until is None else format_time(until)
    made = Remark(incident_id=ID, kind=kind, by="noc", written_at=format_time(driver.now), until=time)
    driver.queue.remarks.put(key(made), encode(made))


def take_back(driver: QueueDriver, kind: str) -> None:
    """Delete a remark."""
    driver.queue.remarks.put(f"{ID}/{kind}".encode(), None)


def test_a_silenced_incident_is_sent_after_the_silence_if_it_still_holds() -> None:
    """Nothing goes out before the silence ends; then the newest revision does. Others are not silenced."""
    driver = QueueDriver()
    say(driver, "silence", driver.now + 7200)
    driver.put(incident(1))
    driver.put(incident(1, incident_id="0" * 16))
    assert [item.notice.id for item in driver.send()] == ["0" * 16]
    driver.now += 7000
    driver.put(incident(2, "spreading"))
    assert driver.send() == []
    assert (driver.queue.snoozed(driver.now), driver.queue.silenced(driver.now)) == (1, 1)
    driver.now += 300
    assert driver.queue.silenced(driver.now) == 0
    assert [(item.action, item.notice.revision) for item in driver.send()] == [("opened", 2)]


def test_the_metric_counts_what_a_silence_keeps_back() -> None:
    """It is neither in the queue nor among what waits for the end of quiet hours, and 0 when the silence is over."""
    driver, registry = QueueDriver(), CollectorRegistry()
    recorder = MetricsRecorder(AlertMetrics(registry, ("noc",), ()))
    dispatcher = cast("Dispatcher", SimpleNamespace(queues={"noc": driver.queue}))

    def waiting() -> list[float | None]:
        recorder.refresh(dispatcher, {}, driver.now)
        names = ("silenced", "held", "queue_length")
        return [registry.get_sample_value(f"ebbtide_alerts_{name}", {"receiver": "noc"}) for name in names]

    say(driver, "silence", driver.now + 7200)
    driver.put(incident(1))
    assert waiting() == [1, 0, 0]
    driver.now += 7300
    assert waiting() == [0, 0, 1]


def test_a_silence_ends_early_when_it_is_taken_back() -> None:
    """`--end` sends what waited."""
    driver = QueueDriver()
    say(driver, "silence", driver.now + 7200)
    driver.put(incident(1))
    assert driver.send() == []
    take_back(driver, "silence")
    assert [item.action for item in driver.send()] == ["opened"]


@pytest.mark.parametrize(("name", "count"), [("webhook", 0), ("pagerduty", 1), ("alertmanager", 1), ("opsgenie", 1)])
def test_an_end_resolves_an_alert_at_once_also_in_a_silence(name: str, count: int) -> None:
    """A resolved alert wakes nobody; a message about it might."""
    driver = QueueDriver(RECEIVERS[name])
    driver.deliver(incident(1))
    say(driver, "silence", driver.now + 7200)
    driver.now += 1000
    driver.put(incident(2, "ended"))
    assert len(driver.send()) == count


def test_an_incident_over_within_its_silence_is_never_sent() -> None:
    """There is nothing to do any more."""
    driver = QueueDriver()
    say(driver, "silence", driver.now + 7200)
    driver.put(incident(1))
    driver.put(incident(2, "ended"))
    driver.now += 8000
    assert driver.send() == []
    assert driver.unsettled() == set()


def test_an_acknowledged_incident_sends_only_what_is_worse_and_its_end() -> None:
    """A person is at it: neither an opening elsewhere nor a lesser change, but a higher severity and the end."""
    driver, other = QueueDriver(), QueueDriver()
    driver.deliver(incident(1, severity="partial"))
    for each in (driver, other):
        say(each, "ack")
    course = [incident(2, "spreading", severity="partial"), incident(3, severity="total"), incident(4, "ended")]
    assert [driver.deliver(notice) for notice in course] == [[], ["changed"], ["ended"]]
    assert [other.deliver(notice) for notice in course] == [[], [], []]
    assert driver.unsettled() == other.unsettled() == set()


def test_an_acknowledgement_that_is_taken_back_opens_with_the_next_revision() -> None:
    """As if it had not been."""
    driver = QueueDriver()
    say(driver, "ack")
    assert driver.deliver(incident(1)) == []
    take_back(driver, "ack")
    assert driver.deliver(incident(2)) == ["opened"]


@pytest.mark.parametrize("kind", ["silence", "ack"])
def test_outages_are_not_silenced_with_their_incident(kind: str) -> None:
    """They do not name it in their topic, and one whose own id is the same is another matter."""
    driver = QueueDriver()
    say(driver, kind, driver.now + 7200 if kind == "silence" else None)
    driver.put(outage(incident_id=None, outage_id=ID))
    assert [item.notice.id for item in driver.send()] == [ID]
