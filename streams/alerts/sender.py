"""A thread for each receiver: one that hangs holds up nobody else."""

from __future__ import annotations

import queue
import ssl
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from streams.address_policy import Resolve, resolve
from streams.alerts.alertmanager import alertmanager
from streams.alerts.delivery_types import Job, Outcome
from streams.alerts.endpoint import Endpoint
from streams.alerts.message import Context, Message
from streams.alerts.outcome import outcome, unreachable
from streams.alerts.pagerduty import pagerduty
from streams.alerts.slack import slack
from streams.alerts.webhook import webhook
from streams.config.alerts import Alertmanager, PagerDuty, Slack
from streams.config.errors import SettingsError
from streams.http_client import RequestPolicy, UnreachableError, request, seconds_asked


class Landed(NamedTuple):
    """A message that was sent, or was tried, to a receiver."""

    name: str
    job: Job
    outcome: Outcome


def compose(endpoint: Endpoint, job: Job, context: Context) -> Message:
    """Return the message of a job, in the words of the receiver."""
    if isinstance(endpoint.receiver, Alertmanager):
        return alertmanager(endpoint, job.items, job.repeats, context)
    if isinstance(endpoint.receiver, PagerDuty):
        return pagerduty(endpoint, job, context)
    return (slack if isinstance(endpoint.receiver, Slack) else webhook)(endpoint, job.items, context)


def policy(endpoint: Endpoint) -> RequestPolicy:
    """Return how a receiver may be reached. Raises SettingsError, which names the file of its authorities."""
    its = endpoint.receiver
    try:
        tls = ssl.create_default_context(cafile=its.ca_file)
    except OSError as error:
        where = f"alerts.receivers.{endpoint.name}.ca_file {its.ca_file}"
        raise SettingsError(f"{where}: holds no certificate that can be read: {error.strerror}") from None
    return RequestPolicy(float(its.timeout), its.allow_private, tls)


class Sender:
    """Sends the messages of one receiver."""

    def __init__(
        self, endpoint: Endpoint, link: str | None, clock: Callable[[], float] = time.time, resolve: Resolve = resolve
    ) -> None:
        self._endpoint, self._link, self._clock, self._resolve = endpoint, link, clock, resolve
        self._policy = policy(endpoint)

    def __call__(self, job: Job) -> Outcome:
        """Send a message and say how it went. Never raises."""
        try:
            message = compose(self._endpoint, job, Context(self._endpoint.name, self._link, self._clock()))
            answer = request("POST", message.url, message.headers, message.body, self._policy, self._resolve)
            return outcome(answer, seconds_asked(answer.retry_after, self._clock), self._endpoint.secrets())
        except UnreachableError as error:
            return unreachable(error)
        except Exception as error:  # noqa: BLE001 (one message that we cannot make must not end all others)
            return Outcome("refused", "refused", f"cannot be sent: {type(error).__name__}")


class Courier:
    """Takes one job at a time and puts it, with its outcome, among those that have landed."""

    def __init__(self, name: str, send: Callable[[Job], Outcome], landed: queue.SimpleQueue[Landed]) -> None:
        self._name, self._send, self._landed = name, send, landed
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=f"alerts-{name}", daemon=True).start()

    def give(self, job: Job) -> None:
        """Have a job done."""
        self._jobs.put(job)

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            self._landed.put(Landed(self._name, job, self._send(job)))
