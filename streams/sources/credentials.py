"""Credentials and certificates for a service of others, as arguments of a session."""

from __future__ import annotations

import ssl
from base64 import b64encode
from typing import Any

import aiohttp

from streams.config.errors import SettingsError
from streams.config.network_sources import NetworkSource, PrometheusSource
from streams.config.secret import one_of


def session_options(source: NetworkSource, name: str) -> dict[str, Any]:
    """Return the arguments of `aiohttp.ClientSession` that log in. Raises SettingsError, which names key and file."""
    if not isinstance(source, PrometheusSource):
        return {}
    options, key = _headers(source, name), f"sources.{name}"
    if source.ca_file is not None or source.cert_file is not None:
        options["connector"] = aiohttp.TCPConnector(ssl=_context(source, key))
    return options


def demand_credentials(source: NetworkSource, name: str) -> None:
    """Raise SettingsError, which names key and file, when a secret or a certificate cannot be read."""
    if isinstance(source, PrometheusSource):
        _headers(source, name)
        if source.ca_file is not None or source.cert_file is not None:
            _context(source, f"sources.{name}")


def _headers(source: PrometheusSource, name: str) -> dict[str, Any]:
    key = f"sources.{name}"
    token = one_of(source.token, source.token_file, f"{key}.token_file")
    password = one_of(source.password, source.password_file, f"{key}.password_file")
    options: dict[str, Any] = {}
    if token is not None:
        options["headers"] = {"Authorization": f"Bearer {token.reveal()}"}
    if source.username is not None:
        pair = f"{source.username}:{'' if password is None else password.reveal()}".encode()
        options["headers"] = {"Authorization": f"Basic {b64encode(pair).decode()}"}
    return options


def _context(source: PrometheusSource, key: str) -> ssl.SSLContext:
    where = f"{key}.ca_file {source.ca_file}"
    try:
        context = ssl.create_default_context(cafile=source.ca_file)
        if source.cert_file is not None:
            where = f"{key}.cert_file {source.cert_file}"
            context.load_cert_chain(source.cert_file, source.key_file)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else "is no PEM"
        raise SettingsError(f"{where}: {reason}") from None
    return context
