"""A receiver with its secrets, from the settings or from files. All are checked before the first request."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from schemas.notification import Subject
from streams.alerts.templates import Templates, load_templates
from streams.config.alerts import AlertsSettings
from streams.config.errors import SettingsError
from streams.config.receivers import AnyReceiver, Email, HttpReceiver, Ntfy, Webhook, check_url
from streams.config.secret import Secret, one_of

PREFIX, KEY_BYTES = "whsec_", 32
TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")  # of ntfy


class Endpoint(NamedTuple):
    """A receiver and its secrets.

    `url`: that of the settings, or `smtp://HOST:PORT`. `keys` sign messages. `token`: what authorizes them.
    `topic`: that of ntfy. `templates`: what a webhook sends in place of a notification.
    """

    name: str
    receiver: AnyReceiver
    url: Secret
    keys: tuple[Secret, ...] = ()
    token: Secret | None = None
    topic: Secret | None = None
    templates: Templates | None = None

    def secrets(self) -> list[str]:
        """Return all texts that must not be shown, with path and query of the URL, since servers repeat those."""
        parts = urlsplit(self.url.reveal())
        path = [parts.path] if parts.path.strip("/") else []
        query = [parts.query] if parts.query else []
        secrets = (self.url, *self.keys, *(secret for secret in (self.token, self.topic) if secret))
        return [*(secret.reveal() for secret in secrets), *path, *query]


def load_endpoint(name: str, receiver: AnyReceiver, subjects: Sequence[Subject] = ("incident", "outage")) -> Endpoint:
    """Return a receiver with its secrets. `subjects`: what its templates must be able to show.

    Raises SettingsError, which names the key and the file, never the secret.
    """
    where = f"alerts.receivers.{name}"
    if isinstance(receiver, Email):
        url = Secret(
            f"smtp://{receiver.host if ':' not in receiver.host else f'[{receiver.host}]'}:{receiver.real_port}"
        )
        return Endpoint(name, receiver, url, token=_token(receiver, where))
    url, token = _url(receiver, where), _token(receiver, where)
    if isinstance(receiver, Webhook):
        templates = load_templates(receiver, where, subjects)
        return Endpoint(name, receiver, url, _keys(receiver, where), token, templates=templates)
    return Endpoint(name, receiver, url, token=token, topic=_topic(receiver, where))


def load_endpoint_of(alerts: AlertsSettings, name: str) -> Endpoint:
    """Return a receiver of the settings, whose templates show what its routes send. Raises SettingsError."""
    topics = {topic for route in alerts.routes if name in route.receivers for topic in route.topics}
    subjects: dict[str, Subject] = {"incidents": "incident", "outages": "outage"}
    return load_endpoint(name, alerts.receivers[name], [subjects[topic] for topic in sorted(topics or {"incidents"})])


def _url(receiver: HttpReceiver, where: str) -> Secret:
    # The URL in the settings may be a default, so a file goes first.
    url = _demand(one_of(receiver.url, receiver.url_file, f"{where}.url_file"), f"{where}.url")
    try:
        check_url(url.reveal().strip())
    except ValueError as error:
        raise SettingsError(f"{where}.url_file: {error}") from None
    return Secret(url.reveal().strip())


def _token(receiver: AnyReceiver, where: str) -> Secret | None:
    key = receiver.token_key
    if not key:
        return None
    found = one_of(getattr(receiver, key), getattr(receiver, f"{key}_file"), f"{where}.{key}_file")
    if found is None and receiver.token_is_optional:
        return None
    return _plain(_demand(found, f"{where}.{key}"), f"{where}.{key}")


def _topic(receiver: AnyReceiver, where: str) -> Secret | None:
    if not isinstance(receiver, Ntfy):
        return None
    found = _demand(one_of(receiver.topic, receiver.topic_file, f"{where}.topic_file"), f"{where}.topic")
    if not TOPIC.fullmatch(found.reveal().strip()):
        raise SettingsError(f"{where}.topic: is not 1 to 64 letters, digits, `_` or `-`")
    return Secret(found.reveal().strip())


def _demand(found: Secret | None, key: str) -> Secret:
    if found is None:
        name = key.rpartition(".")[2]
        raise SettingsError(f"{key}: is missing: give `{name}` or `{name}_file`")
    return found


def _plain(secret: Secret, key: str) -> Secret:
    text = secret.reveal().strip()
    if not text or not text.isascii() or not text.isprintable():
        raise SettingsError(f"{key}: has characters that cannot be in a header")
    return Secret(text)


def _keys(receiver: Webhook, where: str) -> tuple[Secret, ...]:
    keys = receiver.keys
    if not keys and receiver.keys_file is None:
        return ()
    if not keys:
        text = _demand(one_of(None, receiver.keys_file, f"{where}.keys_file"), f"{where}.keys").reveal()
        keys = tuple(Secret(line.strip()) for line in text.splitlines() if line.strip())
    if not keys:
        raise SettingsError(f"{where}.keys_file {receiver.keys_file}: holds no key")
    for number, key in enumerate(keys, 1):
        if not 24 <= len(key_bytes(key)) <= 64:
            raise SettingsError(f"{where}.keys: key {number} is not {PREFIX} and 24 to 64 bytes in base64")
    return keys


def key_bytes(key: Secret) -> bytes:
    """Return the bytes of a key; empty when it is not in the format of Standard Webhooks."""
    text = key.reveal()
    try:
        return base64.b64decode(text.removeprefix(PREFIX), validate=True) if text.startswith(PREFIX) else b""
    except binascii.Error:
        return b""


def new_key(random_bytes: Callable[[int], bytes]) -> str:
    """Return a new key in the format of Standard Webhooks."""
    return PREFIX + base64.b64encode(random_bytes(KEY_BYTES)).decode()
