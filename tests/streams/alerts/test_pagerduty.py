"""A storm at PagerDuty: one alert for many incidents, opened once and resolved with the last of them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.alerts.delivery_types import Job
from streams.alerts.endpoint import load_endpoint
from streams.alerts.message import Context
from streams.alerts.notice import Notice
from streams.alerts.sender import compose
from tests.streams.alerts.helpers import AGAIN, PAGERDUTY, REFUSED, UNSURE, QueueDriver, incident
from tests.streams.alerts.program import Program, course

EAGER = msgspec.structs.replace(PAGERDUTY, digest_over=1)
COUNT = 20


def event(job: Job) -> dict[str, Any]:
    """Return the event of a job."""
    made: dict[str, Any] = json.loads(compose(load_endpoint("noc", PAGERDUTY), job, Context("noc", None, 0.0)).shown)
    return made


def storm(revision: int = 1, state: str = "ongoing", count: int = COUNT, **fields: Any) -> list[Notice]:  # noqa: ANN401
    """Return a revision of each of a number of incidents."""
    return [incident(revision, state, incident_id=f"{number:016x}", **fields) for number in range(count)]


def sent(driver: QueueDriver, *notices: Notice) -> list[dict[str, Any]]:
    """Queue revisions and return the events that follow."""
    for notice in notices:
        driver.put(notice)
    events = []
    for _ in range(100):
        job = driver.next_job()
        if job is None:
            break
        events.append(event(job))
        driver.record_outcome(job, driver.outcome)
        driver.now += 60
    return events


def test_a_storm_is_one_alert_until_all_of_it_is_over() -> None:
    """Twenty incidents open one alert. It is updated when some end, also after a restart, and resolved at last."""
    driver, ends = QueueDriver(PAGERDUTY), storm(2, "ended")
    (first,) = sent(driver, *storm())
    assert (first["event_action"], len(first["payload"]["custom_details"]["going_on"])) == ("trigger", COUNT)
    assert first["payload"]["summary"].startswith("20 at once: ")
    (second,) = sent(driver, *ends[:5])
    assert (second["event_action"], second["dedup_key"]) == ("trigger", first["dedup_key"])
    again = driver.restarted()
    later = [sent(again, end)[0] for end in ends[5:]]
    assert [made["event_action"] for made in later] == ["trigger"] * 14 + ["resolve"]
    assert {made["dedup_key"] for made in later} == {first["dedup_key"]}
    assert again.queue.states.open_states() == []
    assert driver.unsettled() == again.unsettled() == set()


def test_a_few_and_what_comes_later_have_alerts_of_their_own() -> None:
    """An incident that begins during a storm must page, so it is not added to the open alert."""
    driver = QueueDriver(PAGERDUTY)
    few = sent(driver, *storm(count=5))
    assert [made["dedup_key"] for made in few] == [notice.id for notice in storm(count=5)]
    (digest,) = sent(driver, *storm()[5:])
    (late,) = sent(driver, incident(1, incident_id="f" * 16))
    assert len({digest["dedup_key"], late["dedup_key"], *(made["dedup_key"] for made in few)}) == 7
    resolved = sent(driver, *reversed(storm(2, "ended")), incident(2, "ended", incident_id="f" * 16))
    assert {made["event_action"] for made in resolved} == {"resolve"}
    assert sorted(made["dedup_key"] for made in resolved) == sorted(made["dedup_key"] for made in [*few, digest, late])


def test_an_alert_has_the_severity_of_its_worst() -> None:
    """Its summary begins with the headline of the worst incident."""
    driver = QueueDriver(PAGERDUTY)
    worst = incident(1, incident_id="e" * 16, severity="total", headline="All of it is down.")
    (digest,) = sent(driver, *storm(severity="partial"), worst)
    assert digest["payload"]["severity"] == "critical"
    assert digest["payload"]["summary"] == "21 at once: All of it is down."


def test_an_alert_is_of_one_partition() -> None:
    """Another process may own the other partition, and neither could know when all incidents are over."""
    driver = QueueDriver(PAGERDUTY)
    for number, notice in enumerate(storm()):
        driver.put(notice, partition=number % 2)
    going_on = [set(made["payload"]["custom_details"]["going_on"]) for made in sent(driver)]
    assert [{int(name, 16) % 2 for name in names} for names in going_on] == [{0}, {1}]


def test_an_alert_that_may_have_arrived_is_resolved_with_its_key() -> None:
    """After a timeout the same alert is sent again, or resolved if all incidents are over by then."""
    driver = QueueDriver(PAGERDUTY)
    driver.outcome = UNSURE
    for notice in storm():
        driver.put(notice)
    job = driver.next_job()
    assert job is not None
    driver.record_outcome(job, UNSURE)
    again = driver.restarted()
    for other, notices in ((driver, []), (again, storm(2, "ended"))):
        other.now += 600
        other.outcome = AGAIN
        for notice in notices:
            other.put(notice)
        later = other.next_job()
        assert later is not None
        assert event(later)["dedup_key"] == event(job)["dedup_key"]
        assert event(later)["event_action"] == ("resolve" if notices else "trigger")


def test_a_refused_storm_is_given_up_as_a_whole() -> None:
    """Ebbtide composes the event, so no single incident can be the reason. None of them stays open."""
    driver = QueueDriver(PAGERDUTY)
    driver.outcome = REFUSED
    assert len(sent(driver, *storm())) == 1
    assert len(driver.effects.dead_letters) == COUNT
    assert driver.queue.states.open_states() == []
    assert driver.unsettled() == set()


STEPS = ("read", "read", "read", "send", "send", "send and die", "commit", "die")


@settings(max_examples=200)
@given(
    st.permutations([number for number in range(4) for _ in range(3)]), st.lists(st.sampled_from(STEPS), max_size=60)
)
def test_every_alert_is_opened_once_and_resolved_after_any_crash(order: list[int], steps: list[str]) -> None:
    """An incident is in one alert only. Nothing is sent after a delivered end. Finally all alerts are resolved."""
    courses = [iter(course(number)) for number in range(4)]
    program = Program([next(courses[number]) for number in order], EAGER, forget_after=60.0)
    for step in steps:
        if step.startswith("send"):
            program.send(None) if step.endswith("die") else program.send()
        else:
            {"read": program.read, "commit": program.commit, "die": program.crash}[step]()
        program.now += 600
    program.crash()
    program.finish()
    actions, alerts = dict[str, str](), dict[str, set[str]]()
    for job in program.arrived:
        made = event(job)
        actions[made["dedup_key"]] = made["event_action"]
        for item in job.items:
            alerts.setdefault(item.notice.id, set()).add(made["dedup_key"])
    assert set(actions.values()) <= {"resolve"}
    assert all(len(keys) == 1 for keys in alerts.values())
    assert program.dispatcher.queues["noc"].states.open_states() == []
