"""Notices, receivers, and queues whose clock and random numbers belong to the test."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from schemas.alertstate import AlertState
from streams.alerts.delivery_types import Effects, Job, MessageItem, Outcome, QueuedNotice, RecordLocation
from streams.alerts.notice import Notice, decode_notice
from streams.alerts.receiver_queue import ReceiverQueue
from streams.config.alerts import Route
from streams.config.receivers import (
    Alertmanager,
    AnyReceiver,
    Email,
    Matrix,
    Mattermost,
    Ntfy,
    Opsgenie,
    PagerDuty,
    Slack,
    Telegram,
    Webhook,
)
from streams.config.secret import Secret
from streams.config.types import Duration
from tests.schemas.examples import INCIDENT, OUTAGE

ID = "9b5c1d27a0e4f386"
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwmFRKoJJtGVQ="
WEBHOOK = Webhook(url=Secret("https://noc.example/hook"), keys=(Secret(KEY),))
SLACK = Slack(url=Secret("https://hooks.slack.example/services/T/B/secret"))
PAGERDUTY = PagerDuty(routing_key=Secret("routing-key-secret"))
ALERTMANAGER = Alertmanager(url=Secret("http://am.example:9093"), labels={"team": "noc"}, repeat=Duration(60))
EMAIL = Email(host="mail.example", sender="ebbtide@noc.example", to=("noc@noc.example",))
NTFY = Ntfy(topic=Secret("secret-topic"), token=Secret("ntfy-secret"))
TELEGRAM = Telegram(token=Secret("123:telegram-secret"), chat="-1001234567890")
MATRIX = Matrix(url=Secret("https://matrix.example"), token=Secret("matrix-secret"), room="!noc:matrix.example")
MATTERMOST = Mattermost(url=Secret("https://chat.example/hooks/secret"))
OPSGENIE = Opsgenie(token=Secret("opsgenie-secret"))
RECEIVERS: dict[str, AnyReceiver] = {
    "webhook": WEBHOOK,
    "slack": SLACK,
    "pagerduty": PAGERDUTY,
    "alertmanager": ALERTMANAGER,
    "email": EMAIL,
    "ntfy": NTFY,
    "telegram": TELEGRAM,
    "matrix": MATRIX,
    "mattermost": MATTERMOST,
    "opsgenie": OPSGENIE,
}
ALL = Route(receivers=("noc",))
DELIVERED = Outcome("delivered")
AGAIN = Outcome("again", "network", "refused")
UNSURE = Outcome("again", "timeout", "timed out", unsure=True)
REFUSED = Outcome("refused", "refused", "HTTP 400")


def incident(revision: int = 1, state: str = "ongoing", **fields: Any) -> Notice:  # noqa: ANN401
    """Return the incident of the contract's example, with these fields changed."""
    message = json.loads(INCIDENT) | {"revision": revision, "state": state, "absorbed": []} | fields
    return decode_notice("incident", json.dumps(message).encode())


def outage(**fields: Any) -> Notice:  # noqa: ANN401
    """Return the outage of the contract's example, with these fields changed."""
    return decode_notice("outage", json.dumps(json.loads(OUTAGE) | fields).encode())


def incident_ids(count: int) -> list[str]:
    """Return a number of incident ids, in order."""
    return [f"{number:016x}" for number in range(count)]


class QueueDriver:
    """A receiver's queue with the sum of its effects. Its clock stands still unless the test moves it."""

    def __init__(self, receiver: AnyReceiver = WEBHOOK, limit: int = 1000) -> None:
        self.queue = ReceiverQueue("noc", receiver, limit)
        self.queue.restart([], frozenset({("incidents", 0)}))
        self.now, self.rng, self.offset = 1_000_000.0, Random(1), 0
        self.effects, self.outcome = Effects(), DELIVERED

    def put(self, notice: Notice, route: Route | None = ALL, partition: int = 0) -> None:
        """Queue a revision."""
        location = RecordLocation("incidents", partition, self.offset)
        self.effects.add(self.queue.put(QueuedNotice(notice, location, route, self.now)))
        self.offset += 1

    def put_all(self, count: int, revision: int = 1, state: str = "ongoing", route: Route | None = ALL) -> None:
        """Queue a revision of each of a number of incidents."""
        for name in incident_ids(count):
            self.put(incident(revision, state, incident_id=name), route)

    def next_job(self) -> Job | None:
        """Return the message to send now, its states written."""
        job = self.queue.next_job(self.now, self.effects)
        self.effects.states += job.intents if job else []
        return job

    def record_outcome(self, job: Job, outcome: Outcome) -> None:
        """Record the result of a job."""
        self.effects.add(self.queue.record_outcome(job, outcome, self.now, self.rng))

    def send(self, outcome: Outcome = DELIVERED) -> list[MessageItem]:
        """Send the next message with this outcome, and return its items."""
        job = self.next_job()
        if job is None:
            return []
        self.record_outcome(job, outcome)
        return job.items

    def deliver(self, notice: Notice, outcome: Outcome = DELIVERED) -> list[str]:
        """Queue a revision and send it, some time after the last one. Return the actions in the message."""
        self.now += 1000
        self.put(notice)
        return [item.action for item in self.send(outcome)]

    def restarted(self) -> QueueDriver:
        """Return the queue of a process that starts with the states that this one has written."""
        other = QueueDriver(self.queue.receiver)
        newest: dict[str, AlertState] = {state.id: state for state in self.effects.states}
        other.queue.restart(newest.values(), self.queue.states.owned)
        other.now = self.now
        return other

    def unsettled(self) -> set[int]:
        """Return the offsets that must not be committed yet."""
        return set(range(self.offset)) - {location.offset for location in self.effects.settled}
