"""Opsgenie: alerts created, raised and closed by their alias, at a local server; a storm is one alert."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from streams.alerts.delivery_types import Job, Outcome
from streams.alerts.endpoint import load_endpoint
from streams.alerts.sender import MessageSender
from streams.config.secret import Secret
from tests.streams.alerts.helpers import OPSGENIE, QueueDriver, incident
from tests.streams.alerts.servers import Receiver
from tests.streams.alerts.test_payloads import ENDED, item

LINK = "https://grafana.example/d/x?id={id}"
ACCEPTED = b'{"result": "Request will be processed", "requestId": "1"}'


def send(server: Receiver, job: Job) -> Outcome:
    """Send a job."""
    receiver = msgspec.structs.replace(OPSGENIE, url=Secret(server.url), allow_private=True)
    return MessageSender(load_endpoint("noc", receiver), LINK)(job)


def job_of(notice: Any, action: str, previous: Any = None) -> Job:  # noqa: ANN401
    """Return the job of one notice."""
    return Job([item(notice, action, previous)], [], [])


def test_an_alert_is_created_raised_and_closed() -> None:
    """By its alias; an open alert ignores a new priority in what is sent again, so it follows by itself."""
    partial, total = incident(1, severity="partial"), incident(2, severity="total")
    with Receiver(202, body=ACCEPTED) as server:
        for job in (job_of(partial, "opened"), job_of(total, "changed", partial), job_of(ENDED, "ended", total)):
            assert send(server, job).result == "delivered"
    alias = incident().id
    assert [(got.method, got.path) for got in server.got] == [
        ("POST", "/v2/alerts"),
        ("POST", "/v2/alerts"),
        ("PUT", f"/v2/alerts/{alias}/priority?identifierType=alias"),
        ("POST", f"/v2/alerts/{alias}/close?identifierType=alias"),
    ]
    assert {got.headers["authorization"] for got in server.got} == {"GenieKey opsgenie-secret"}
    created, again, priority, closed = (json.loads(got.body) for got in server.got)
    assert (created["alias"], created["priority"], again["priority"], priority) == (
        alias,
        "P3",
        "P1",
        {"priority": "P1"},
    )
    assert len(created["message"]) <= 130
    assert LINK.replace("{id}", alias) in created["description"]
    assert closed["note"] == "over"


def test_a_priority_that_fails_is_sent_again_with_its_alert() -> None:
    """A half message is none."""
    with Receiver(202, 503, body=ACCEPTED) as server:
        outcome = send(server, job_of(incident(2, severity="total"), "changed", incident()))
    assert (outcome.result, len(server.got)) == ("again", 2)


def test_a_storm_is_one_alert_until_all_of_it_is_over() -> None:
    """As at PagerDuty: opened once with the worst priority, updated, and closed with the last."""
    driver = QueueDriver(OPSGENIE)
    with Receiver(202, body=ACCEPTED) as server:
        for state, revision in (("ongoing", 1), ("ended", 2)):
            driver.put_all(20, revision, state)
            while (job := driver.next_job()) is not None:
                assert send(server, job).result == "delivered"
                driver.record_outcome(job, Outcome("delivered"))
                driver.now += 60
    opened, closed = server.got
    assert json.loads(opened.body)["message"].startswith("20 at once: ")
    assert closed.path == f"/v2/alerts/{json.loads(opened.body)['alias']}/close?identifierType=alias"
    assert driver.queue.states.open_states() == []
