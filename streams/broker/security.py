"""The TLS and SASL options of the Kafka clients, made of the settings."""

from __future__ import annotations

import logging
import ssl
from typing import Any

import faust

from streams.config.errors import SettingsError
from streams.config.secret import Secret, one_of
from streams.config.settings import KafkaSettings

# At debug level they log each request, the one with the password too.
_TALKATIVE = ("kafka", "aiokafka.conn", "kafka.net.connection", "kafka.protocol.parser")


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the addresses, TLS and SASL options for kafka-python. Raises SettingsError."""
    hush()
    options: dict[str, Any] = {
        "bootstrap_servers": list(kafka.bootstrap_servers),
        "security_protocol": kafka.security_protocol,
        "ssl_context": tls_context(kafka),
    }
    if kafka.uses_sasl:
        options["sasl_mechanism"] = kafka.sasl_mechanism
        options["sasl_plain_username"] = kafka.sasl_username
        options["sasl_plain_password"] = _password(kafka).reveal()
    return options


def credentials(kafka: KafkaSettings) -> faust.types.auth.CredentialsT | None:
    """Return the TLS and SASL options for Faust; None for plain text without login. Raises SettingsError."""
    hush()
    context = tls_context(kafka)
    if kafka.uses_sasl:
        return faust.SASLCredentials(
            username=kafka.sasl_username,
            password=_password(kafka).reveal(),
            ssl_context=context,
            mechanism=kafka.sasl_mechanism,
        )
    return None if context is None else faust.SSLCredentials(context)


def kafka_secrets(kafka: KafkaSettings) -> tuple[Secret | None, ...]:
    """Return the password of the login and that of the key, None for each that is not set. Raises SettingsError."""
    login = one_of(kafka.sasl_password, kafka.sasl_password_file, "kafka.sasl_password_file")
    return login, _key_password(kafka)


def tls_context(kafka: KafkaSettings) -> ssl.SSLContext | None:
    """Return the TLS context; None without TLS. Raises SettingsError, which names the file."""
    if not kafka.uses_tls:
        return None
    try:
        context = ssl.create_default_context(cafile=kafka.ssl_cafile)
    except OSError as error:
        raise SettingsError(f"kafka.ssl_cafile {kafka.ssl_cafile}: {_reason(error)}") from None
    context.check_hostname = kafka.ssl_check_hostname
    if kafka.ssl_certfile is not None:
        _show_certificate(context, kafka, kafka.ssl_certfile)
    return context


def _show_certificate(context: ssl.SSLContext, kafka: KafkaSettings, certificate: str) -> None:
    password = _key_password(kafka)
    text = password.reveal() if password else ""  # with none at all OpenSSL would ask at the terminal
    try:
        context.load_cert_chain(certificate, kafka.ssl_keyfile, lambda: text)
    except OSError as error:
        where = " and ".join(f"kafka.{key} {getattr(kafka, key)}" for key in ("ssl_certfile", "ssl_keyfile"))
        raise SettingsError(f"{where}: {_reason(error)}") from None


def _key_password(kafka: KafkaSettings) -> Secret | None:
    return one_of(kafka.ssl_key_password, kafka.ssl_key_password_file, "kafka.ssl_key_password_file")


def _reason(error: OSError) -> str:
    """Return what is wrong with a file, without the position in OpenSSL's source."""
    if isinstance(error, ssl.SSLError):
        return f"is not what it should be in PEM: {(error.reason or 'no certificate').replace('_', ' ').lower()}"
    return f"cannot be read: {error.strerror}"


def _password(kafka: KafkaSettings) -> Secret:
    found, _ = kafka_secrets(kafka)
    if found is None:  # the settings were made by hand
        raise SettingsError("kafka.sasl_password: is missing")
    return found


def hush() -> None:
    """Keep the clients from logging requests, whatever the level of other loggers."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.INFO))
