"""Notices, receivers, and outboxes whose clock and chance are the test's."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from schemas.alertstate import AlertState
from streams.alerts.delivery_types import Effects, Item, Job, Origin, Outcome, Waiting
from streams.alerts.notice import Notice, notice
from streams.alerts.receiver_queue import Outbox
from streams.config.alerts import Alertmanager, AnyReceiver, PagerDuty, Route, Slack, Webhook
from streams.config.secret import Secret
from streams.config.types import Duration
from tests.schemas.examples import INCIDENT, OUTAGE

ID = "9b5c1d27a0e4f386"
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwmFRKoJJtGVQ="
WEBHOOK = Webhook(url=Secret("https://noc.example/hook"), keys=(Secret(KEY),))
SLACK = Slack(url=Secret("https://hooks.slack.example/services/T/B/secret"))
PAGERDUTY = PagerDuty(routing_key=Secret("routing-key-secret"))
ALERTMANAGER = Alertmanager(url=Secret("http://am.example:9093"), labels={"team": "noc"}, repeat=Duration(60))
ALL = Route(receivers=("noc",))
DELIVERED = Outcome("delivered")
AGAIN = Outcome("again", "network", "refused")
UNSURE = Outcome("again", "timeout", "timed out", unsure=True)
REFUSED = Outcome("refused", "refused", "HTTP 400")


def incident(revision: int = 1, state: str = "ongoing", **fields: Any) -> Notice:  # noqa: ANN401
    """An incident of the contract's example, with these fields changed."""
    message = json.loads(INCIDENT) | {"revision": revision, "state": state, "absorbed": []} | fields
    return notice("incident", json.dumps(message).encode())


def outage(**fields: Any) -> Notice:  # noqa: ANN401
    """The outage of the contract's example, with these fields changed."""
    return notice("outage", json.dumps(json.loads(OUTAGE) | fields).encode())


class Box:
    """An outbox, and what was written down, settled and buried; time stands still unless it is moved."""

    def __init__(self, receiver: AnyReceiver = WEBHOOK, limit: int = 1000) -> None:
        self.box = Outbox("noc", receiver, limit, frozenset({("incidents", 0)}))
        self.now, self.chance, self.offset = 1_000_000.0, Random(1), 0
        self.effects, self.outcome = Effects(), DELIVERED

    def put(self, one: Notice, route: Route | None = ALL) -> None:
        """A revision comes."""
        self.effects.add(self.box.put(Waiting(one, Origin("incidents", 0, self.offset), route, self.now)))
        self.offset += 1

    def next(self) -> Job | None:
        """The message that would be sent now."""
        job = self.box.next(self.now, self.effects)
        self.effects.states += job.intents if job else []
        return job

    def send(self, outcome: Outcome = DELIVERED) -> list[Item]:
        """Send what is to be sent now, which goes like this; the notices in it."""
        job = self.next()
        if job is None:
            return []
        self.effects.add(self.box.land(job, outcome, self.now, self.chance))
        return job.items

    def tell(self, one: Notice, outcome: Outcome = DELIVERED) -> list[str]:
        """A revision comes and is sent, some time after what was sent before; what is said of it."""
        self.now += 1000
        self.put(one)
        return [item.action for item in self.send(outcome)]

    def restarted(self) -> Box:
        """The box of a process that begins with what this one has written down."""
        other = Box(self.box.receiver)
        newest: dict[str, AlertState] = {state.id: state for state in self.effects.states}
        other.box.forget(newest.values(), self.box.owned)
        other.now = self.now
        return other

    def unsettled(self) -> set[int]:
        """The offsets that must not be committed yet."""
        return set(range(self.offset)) - {origin.offset for origin in self.effects.settled}
