"""`ebbtide alerts`: checks everything that can be checked, then delivers until it is told to stop."""

from __future__ import annotations

import os
import signal
import sys
import threading
from importlib.metadata import version
from types import FrameType

import orjson
from prometheus_client import CollectorRegistry

from schemas.notification import Subject
from streams.alerts.delivery_log import Nowhere, Topics, read_states
from streams.alerts.delivery_types import Job, Outcome
from streams.alerts.dispatcher import Desk
from streams.alerts.endpoint import Endpoint, endpoint
from streams.alerts.http_pages import serve
from streams.alerts.message import Context
from streams.alerts.metrics import AlertMetrics
from streams.alerts.metrics_recorder import Gauges
from streams.alerts.revision_source import Member, Onlooker
from streams.alerts.sender import Sender, compose
from streams.alerts.service import Loop, World
from streams.broker import topics
from streams.config.alerts import Alerts
from streams.config.errors import UsageError
from streams.config.ports import demand_port
from streams.config.settings import Settings

STOP_SECONDS = 9.5


def endpoints(alerts: Alerts) -> dict[str, Endpoint]:
    """Return all receivers with their secrets. Raises UsageError when there is nobody to tell, or nothing to tell."""
    if not alerts.receivers or not alerts.routes:
        raise UsageError("the settings name no receivers or no routes: nobody would be told (see docs/alerts.md)")
    return {name: endpoint(name, receiver) for name, receiver in alerts.receivers.items()}


def subjects(settings: Settings) -> dict[str, Subject]:
    """Return what is in each topic that a route wants."""
    wanted = {topic for route in settings.alerts.routes for topic in route.topics}
    found: dict[str, Subject] = {}
    if "incidents" in wanted:
        found[settings.kafka.incidents] = "incident"
    if "outages" in wanted:
        found[settings.kafka.outages] = "outage"
    return found


def run_alerts(settings: Settings, once: bool) -> None:
    """Deliver until told to stop. Raises an EbbtideError when it cannot start, or not go on."""
    kafka, alerts = settings.kafka, settings.alerts
    senders = {name: Sender(one, alerts.link) for name, one in endpoints(alerts).items()}
    if alerts.port:
        demand_port(alerts.bind, alerts.port, "alerts.bind, alerts.port")
    there = topics.demand(kafka, topics.alerting(kafka))
    sources, metrics = subjects(settings), _metrics(settings)
    if alerts.port:
        serve(metrics, alerts.bind, alerts.port)
    world = World(
        source=Member(kafka, sources),
        journal=Topics(kafka),
        senders=senders,
        states=lambda: read_states(kafka, there[kafka.alerts_state]),
        topics=sources,
        gauges=Gauges(metrics),
    )
    _run(Loop(Desk(alerts), world, once))


def run_dry(settings: Settings, once: bool) -> None:
    """Print, as JSON lines, what would be sent; send, write and commit nothing. Raises an EbbtideError."""
    kafka, alerts, sources = settings.kafka, settings.alerts, subjects(settings)
    found = endpoints(alerts)
    there = topics.demand(kafka, topics.alerting(kafka))
    world = World(
        source=Onlooker(kafka, frozenset((topic, number) for topic in sources for number in range(there[topic]))),
        journal=Nowhere(),
        senders={name: _Printer(one, alerts.link) for name, one in found.items()},
        states=lambda: read_states(kafka, there[kafka.alerts_state]),
        topics=sources,
        gauges=Gauges(_metrics(settings)),
    )
    _run(Loop(Desk(alerts), world, once))


class _Printer:
    """Prints the messages of one receiver, without its secrets."""

    def __init__(self, endpoint: Endpoint, link: str | None) -> None:
        self._endpoint, self._link = endpoint, link

    def __call__(self, job: Job) -> Outcome:
        """Print a message as if it had been delivered."""
        shown = compose(self._endpoint, job, Context(self._endpoint.name, self._link, 0.0)).shown
        what = [{"id": one.id, "action": one.action, "reason": one.reason} for one in job.items]
        told = {"receiver": self._endpoint.name, "notices": what, "body": orjson.loads(shown)}
        sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
        sys.stdout.flush()
        return Outcome("delivered")


def _metrics(settings: Settings) -> AlertMetrics:
    metrics = AlertMetrics(CollectorRegistry(), tuple(settings.alerts.receivers), tuple(subjects(settings)))
    metrics.build.info({"version": version("ebbtide")})
    return metrics


def _run(loop: Loop) -> None:
    """Run until SIGTERM or SIGINT, and a little longer for what is under way."""

    def stop(_: int, __: FrameType | None) -> None:
        loop.stopping.set()
        timer = threading.Timer(STOP_SECONDS, os._exit, (1,))  # whatever hangs: what is not settled is read again
        timer.daemon = True
        timer.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    loop.run()
