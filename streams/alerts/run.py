"""Runs `ebbtide alerts`: checks settings, secrets, ports and topics, then delivers until a signal stops it."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from importlib.metadata import version
from types import FrameType
from typing import Any

import orjson
from prometheus_client import CollectorRegistry

from schemas.notification import Subject
from streams.alerts.delivery_log import DryRunDeliveryLog, KafkaDeliveryLog, read_states
from streams.alerts.delivery_types import Job, Outcome
from streams.alerts.dispatcher import Dispatcher
from streams.alerts.endpoint import Endpoint, load_endpoint_of
from streams.alerts.http_pages import serve
from streams.alerts.message import Context
from streams.alerts.metrics import AlertMetrics
from streams.alerts.metrics_recorder import MetricsRecorder
from streams.alerts.outcome import masked
from streams.alerts.revision_source import DryRunSource, GroupSource
from streams.alerts.sender import MessageSender, compose
from streams.alerts.service import AlertService, Ports
from streams.alerts.templates import TemplateFaultError
from streams.broker import installation, remark_topic, topics
from streams.config.alerts import AlertsSettings
from streams.config.errors import UsageError
from streams.config.ports import demand_port
from streams.config.settings import Settings

LOG = logging.getLogger("ebbtide.alerts")
STOP_SECONDS = 9.5  # until the process exits by force


def load_endpoints(alerts: AlertsSettings) -> dict[str, Endpoint]:
    """Return all receivers with their secrets. Raises UsageError without receivers or routes, and SettingsError."""
    if not alerts.receivers or not alerts.routes:
        raise UsageError("the settings name no receivers or no routes, so there is nobody to alert: see docs/alerts.md")
    return {name: load_endpoint_of(alerts, name) for name in alerts.receivers}


def subjects(settings: Settings) -> dict[str, Subject]:
    """Return the subject of each topic that a route wants."""
    wanted = {topic for route in settings.alerts.routes for topic in route.topics}
    found: dict[str, Subject] = {}
    if "incidents" in wanted:
        found[settings.kafka.incidents] = "incident"
    if "outages" in wanted:
        found[settings.kafka.outages] = "outage"
    return found


def run_alerts(settings: Settings, once: bool) -> None:
    """Deliver until a signal, or with `once` until all is delivered. Raises an EbbtideError when it cannot."""
    kafka, alerts = settings.kafka, settings.alerts
    senders = {name: MessageSender(endpoint, alerts.link) for name, endpoint in load_endpoints(alerts).items()}
    if alerts.port:
        demand_port(alerts.bind, alerts.port, "alerts.bind, alerts.port")
    partitions = topics.demand(kafka, topics.alerting(kafka))
    if warning := installation.record(installation.of_alerts(kafka)):
        LOG.warning("%s", warning)
    sources, metrics = subjects(settings), _metrics(settings)
    if alerts.port:
        serve(metrics, alerts.bind, alerts.port)
    ports = Ports(
        source=GroupSource(kafka, sources),
        delivery_log=KafkaDeliveryLog(kafka),
        senders=senders,
        read_states=lambda: read_states(kafka, partitions[kafka.alerts_state]),
        topics=sources,
        metrics=MetricsRecorder(metrics),
    )
    remarks = remark_topic.read(kafka)
    remark_topic.follow(kafka, remarks)
    _run(AlertService(Dispatcher(alerts, remarks), ports, once))


def run_dry(settings: Settings, once: bool) -> None:
    """Print the messages as JSON lines. Send, write and commit nothing. Raises an EbbtideError."""
    kafka, alerts, sources = settings.kafka, settings.alerts, subjects(settings)
    endpoints = load_endpoints(alerts)
    partitions = topics.demand(kafka, topics.alerting(kafka))
    installation.demand_own(installation.of_alerts(kafka))
    parts = frozenset((topic, number) for topic in sources for number in range(partitions[topic]))
    ports = Ports(
        source=DryRunSource(kafka, parts),
        delivery_log=DryRunDeliveryLog(),
        senders={name: _DryRunSender(endpoint, alerts.link) for name, endpoint in endpoints.items()},
        read_states=lambda: read_states(kafka, partitions[kafka.alerts_state]),
        topics=sources,
        metrics=MetricsRecorder(_metrics(settings)),
    )
    _run(AlertService(Dispatcher(alerts, remark_topic.read(kafka)), ports, once))


class _DryRunSender:
    """Prints the messages of one receiver, without its secrets."""

    def __init__(self, endpoint: Endpoint, link: str | None) -> None:
        self._endpoint, self._link = endpoint, link

    def __call__(self, job: Job) -> Outcome:
        """Print a message, and report it as delivered."""
        try:
            shown = compose(self._endpoint, job, Context(self._endpoint.name, self._link, 0.0)).shown
        except TemplateFaultError as error:
            return Outcome("refused", "refused", masked(f"cannot be made: {error}", self._endpoint.secrets()))
        notices = [{"id": item.id, "action": item.action, "reason": item.reason} for item in job.items]
        line = {"receiver": self._endpoint.name, "notices": notices, "body": _body(shown)}
        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
        sys.stdout.flush()
        return Outcome("delivered")


def _body(shown: str) -> Any:  # noqa: ANN401
    """Return a body as JSON, or as text when an operator's template makes something else."""
    try:
        return orjson.loads(shown)
    except orjson.JSONDecodeError:
        return shown


def _metrics(settings: Settings) -> AlertMetrics:
    metrics = AlertMetrics(CollectorRegistry(), tuple(settings.alerts.receivers), tuple(subjects(settings)))
    metrics.build.info({"version": version("ebbtide")})
    return metrics


def _run(service: AlertService) -> None:
    """Run until SIGTERM or SIGINT, then finish running requests within 10 seconds; signals are as before at the end."""

    def stop(_: int, __: FrameType | None) -> None:
        service.stopping.set()
        timer = threading.Timer(STOP_SECONDS, os._exit, (1,))  # a hanging request is sent again after a restart
        timer.daemon = True
        timer.start()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        service.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
