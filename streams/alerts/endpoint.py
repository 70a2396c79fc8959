"""A receiver with its secrets, from the settings or from files. All are checked before the first request."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple
from urllib.parse import urlsplit

from streams.config.alerts import Alertmanager, AnyReceiver, PagerDuty, Webhook, check_url
from streams.config.errors import SettingsError
from streams.config.secret import Secret, one_of

PREFIX = "whsec_"


class Endpoint(NamedTuple):
    """A receiver and its secrets.

    `keys` sign messages. `token`: the integration key of PagerDuty, or the bearer token of an Alertmanager.
    """

    name: str
    receiver: AnyReceiver
    url: Secret
    keys: tuple[Secret, ...] = ()
    token: Secret | None = None

    def secrets(self) -> list[str]:
        """Return all texts that must not be shown, with path and query of the URL, since servers repeat those."""
        parts = urlsplit(self.url.reveal())
        path = [parts.path] if parts.path.strip("/") else []
        query = [parts.query] if parts.query else []
        secrets = (self.url, *self.keys, *([self.token] if self.token else []))
        return [*(secret.reveal() for secret in secrets), *path, *query]


def load_endpoint(name: str, receiver: AnyReceiver) -> Endpoint:
    """Return a receiver with its secrets. Raises SettingsError, which names the key and the file, never the secret."""
    where = f"alerts.receivers.{name}"
    # The URL in the settings may be a default, so a file goes first.
    url = _demand(one_of(receiver.url, receiver.url_file, f"{where}.url_file"), f"{where}.url")
    try:
        check_url(url.reveal().strip())
    except ValueError as error:
        raise SettingsError(f"{where}.url_file: {error}") from None
    keys = _keys(receiver, where) if isinstance(receiver, Webhook) else ()
    return Endpoint(name, receiver, Secret(url.reveal().strip()), keys, _token(receiver, where))


def _token(receiver: AnyReceiver, where: str) -> Secret | None:
    if isinstance(receiver, PagerDuty):
        found = one_of(receiver.routing_key, receiver.routing_key_file, f"{where}.routing_key_file")
        return _plain(_demand(found, f"{where}.routing_key"), f"{where}.routing_key")
    if isinstance(receiver, Alertmanager):
        found = one_of(receiver.token, receiver.token_file, f"{where}.token_file")
        return None if found is None else _plain(found, f"{where}.token")
    return None


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
