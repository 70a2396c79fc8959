"""Sends messages, in a thread for each receiver: a receiver that hangs delays no other."""

from __future__ import annotations

import queue
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from streams.address_policy import Resolve, resolve
from streams.alerts.alertmanager import alertmanager_message
from streams.alerts.delivery_types import Job, MessageItem, Outcome
from streams.alerts.endpoint import Endpoint
from streams.alerts.mail import email_of, mail_message, mail_server
from streams.alerts.matrix import matrix_message
from streams.alerts.mattermost import mattermost_message
from streams.alerts.message import Context, Message
from streams.alerts.ntfy import ntfy_message
from streams.alerts.opsgenie import opsgenie_message
from streams.alerts.outcome import masked, outcome_of, outcome_of_mail, outcome_without_answer, retry_asked
from streams.alerts.pagerduty import pagerduty_message
from streams.alerts.slack import slack_message
from streams.alerts.smtp_client import RefusedMailError, reach_mail, send_mail
from streams.alerts.telegram import telegram_message
from streams.alerts.templates import TemplateFaultError
from streams.alerts.webhook import webhook_message
from streams.config.errors import SettingsError
from streams.config.receivers import (
    Alertmanager,
    Email,
    Matrix,
    Mattermost,
    Ntfy,
    Opsgenie,
    PagerDuty,
    Receiver,
    Slack,
    Telegram,
    Webhook,
)
from streams.http_client import RequestPolicy, UnreachableError, reach, request

Composer: TypeAlias = Callable[[Endpoint, Job, Context], Message]


class Delivered(NamedTuple):
    """A job that a receiver's thread has done, with its outcome."""

    receiver: str
    job: Job
    outcome: Outcome


def _of_items(make: Callable[[Endpoint, Sequence[MessageItem], Context], Message]) -> Composer:
    return lambda endpoint, job, context: make(endpoint, job.items, context)


COMPOSERS: Mapping[type[Receiver], Composer] = {
    Alertmanager: lambda endpoint, job, context: alertmanager_message(endpoint, job.items, job.repeats, context),
    Email: _of_items(mail_message),
    Matrix: _of_items(matrix_message),
    Mattermost: _of_items(mattermost_message),
    Ntfy: _of_items(ntfy_message),
    Opsgenie: opsgenie_message,
    PagerDuty: pagerduty_message,
    Slack: _of_items(slack_message),
    Telegram: _of_items(telegram_message),
    Webhook: _of_items(webhook_message),
}


def compose(endpoint: Endpoint, job: Job, context: Context) -> Message:
    """Return the message of a job, in the format of the receiver. Raises TemplateFaultError."""
    return COMPOSERS[type(endpoint.receiver)](endpoint, job, context)


def request_policy(endpoint: Endpoint) -> RequestPolicy:
    """Return the limits of requests to a receiver. Raises SettingsError, which names an unreadable `ca_file`."""
    receiver = endpoint.receiver
    try:
        tls = ssl.create_default_context(cafile=receiver.ca_file)
    except OSError as error:
        where = f"alerts.receivers.{endpoint.name}.ca_file {receiver.ca_file}"
        raise SettingsError(f"{where}: holds no certificate that can be read: {error.strerror}") from None
    return RequestPolicy(float(receiver.timeout), receiver.allow_private, tls)


class MessageSender:
    """Sends the messages of one receiver, over HTTP or SMTP."""

    def __init__(
        self, endpoint: Endpoint, link: str | None, clock: Callable[[], float] = time.time, resolve: Resolve = resolve
    ) -> None:
        self._endpoint, self._link, self._clock, self._resolve = endpoint, link, clock, resolve
        self._policy = request_policy(endpoint)

    def __call__(self, job: Job) -> Outcome:
        """Send a message and those that follow it, and return the outcome. Never raises."""
        try:
            message = compose(self._endpoint, job, Context(self._endpoint.name, self._link, self._clock()))
            return self._send_all(message)
        except UnreachableError as error:
            return outcome_without_answer(error)
        except RefusedMailError as error:
            return outcome_of_mail(error.code, str(error), self._endpoint.secrets())
        except TemplateFaultError as error:
            return Outcome("refused", "refused", masked(f"cannot be made: {error}", self._endpoint.secrets()))
        except Exception as error:  # noqa: BLE001 (a message that cannot be made must not stop the others)
            return Outcome("refused", "refused", f"cannot be sent: {type(error).__name__}")

    def _send_all(self, message: Message) -> Outcome:
        outcome = self._mail(message) if message.method == "MAIL" else self._request(message)
        if message.then is None or outcome.result != "delivered":
            return outcome
        return self._send_all(message.then)

    def _request(self, message: Message) -> Outcome:
        answer = request(message.method, message.url, message.headers, message.body, self._policy, self._resolve)
        return outcome_of(answer, retry_asked(answer, self._clock), self._endpoint.secrets())

    def _mail(self, message: Message) -> Outcome:
        receiver = self._endpoint.receiver
        assert isinstance(receiver, Email)
        server, mail = mail_server(self._endpoint), email_of(message)
        refused = send_mail(server, mail, receiver.sender, receiver.to, self._policy, self._resolve)
        return Outcome("delivered", detail=masked("; ".join(refused), self._endpoint.secrets()))


def fault_of(endpoint: Endpoint) -> str | None:
    """Return why a receiver cannot be reached; None when it can."""
    policy = request_policy(endpoint)
    try:
        if isinstance(endpoint.receiver, Email):
            reach_mail(mail_server(endpoint), policy, resolve)
        else:
            reach(endpoint.url.reveal(), policy)
    except (UnreachableError, RefusedMailError) as error:
        return masked(str(error), endpoint.secrets())
    return None


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
