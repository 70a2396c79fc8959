"""Sends messages, in a thread for each receiver: a receiver that hangs delays no other."""

from __future__ import annotations

import queue
import ssl
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from streams.address_policy import Resolve, resolve
from streams.alerts.alertmanager import alertmanager_message
from streams.alerts.delivery_types import Job, Outcome
from streams.alerts.endpoint import Endpoint
from streams.alerts.message import Context, Message
from streams.alerts.outcome import outcome_of, outcome_without_answer
from streams.alerts.pagerduty import pagerduty_message
from streams.alerts.slack import slack_message
from streams.alerts.webhook import webhook_message
from streams.config.alerts import Alertmanager, PagerDuty, Slack
from streams.config.errors import SettingsError
from streams.http_client import RequestPolicy, UnreachableError, request, seconds_asked


class Delivered(NamedTuple):
    """A job that a receiver's thread has done, with its outcome."""

    receiver: str
    job: Job
    outcome: Outcome


def compose(endpoint: Endpoint, job: Job, context: Context) -> Message:
    """Return the message of a job, in the format of the receiver."""
    if isinstance(endpoint.receiver, Alertmanager):
        return alertmanager_message(endpoint, job.items, job.repeats, context)
    if isinstance(endpoint.receiver, PagerDuty):
        return pagerduty_message(endpoint, job, context)
    if isinstance(endpoint.receiver, Slack):
        return slack_message(endpoint, job.items, context)
    return webhook_message(endpoint, job.items, context)


def request_policy(endpoint: Endpoint) -> RequestPolicy:
    """Return the limits of requests to a receiver. Raises SettingsError, which names an unreadable `ca_file`."""
    receiver = endpoint.receiver
    try:
        tls = ssl.create_default_context(cafile=receiver.ca_file)
    except OSError as error:
        where = f"alerts.receivers.{endpoint.name}.ca_file {receiver.ca_file}"
        raise SettingsError(f"{where}: holds no certificate that can be read: {error.strerror}") from None
    return RequestPolicy(float(receiver.timeout), receiver.allow_private, tls)


class HttpSender:
    """Sends the messages of one receiver over HTTP."""

    def __init__(
        self, endpoint: Endpoint, link: str | None, clock: Callable[[], float] = time.time, resolve: Resolve = resolve
    ) -> None:
        self._endpoint, self._link, self._clock, self._resolve = endpoint, link, clock, resolve
        self._policy = request_policy(endpoint)

    def __call__(self, job: Job) -> Outcome:
        """Send a message and return its outcome. Never raises."""
        try:
            message = compose(self._endpoint, job, Context(self._endpoint.name, self._link, self._clock()))
            answer = request("POST", message.url, message.headers, message.body, self._policy, self._resolve)
            return outcome_of(answer, seconds_asked(answer.retry_after, self._clock), self._endpoint.secrets())
        except UnreachableError as error:
            return outcome_without_answer(error)
        except Exception as error:  # noqa: BLE001 (a message that cannot be made must not stop the others)
            return Outcome("refused", "refused", f"cannot be sent: {type(error).__name__}")


class ReceiverThread:
    """Runs one job at a time in a thread, and puts each into `delivered` with its outcome."""

    def __init__(self, name: str, send: Callable[[Job], Outcome], delivered: queue.SimpleQueue[Delivered]) -> None:
        self._name, self._send, self._delivered = name, send, delivered
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=f"alerts-{name}", daemon=True).start()

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self._jobs.put(job)

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            self._delivered.put(Delivered(self._name, job, self._send(job)))
