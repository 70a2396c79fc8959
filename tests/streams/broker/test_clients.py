"""Clients of Kafka without a broker: what goes wrong is one line that names it, and each client is closed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, SaslAuthenticationFailedError

from streams.broker import clients
from streams.broker.clients import PATIENCE, FirstCause, opened, reading, sending
from streams.config.errors import BrokerError
from streams.config.settings import KafkaSettings

KAFKA = KafkaSettings(bootstrap_servers=("one:1", "two:2"))


class Future:
    """A delivery that has come, or that has failed."""

    def __init__(self, client: Client, error: KafkaError | None) -> None:
        self.client, self.error = client, error

    def get(self, seconds: float) -> None:
        """Wait for it."""
        assert seconds == PATIENCE
        self.client.waited_for += 1
        if self.error:
            raise self.error


class Client:
    """Stands for a producer or a consumer, with what it was made with and what was done with it."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.sent: list[tuple[object, ...]] = []
        self.waited_for = 0
        self.closed = False

    def with_options(self, options: dict[str, Any]) -> Client:
        """Note what it is made with."""
        self.options = options
        return self

    def send(
        self, topic: str, key: bytes, value: bytes | None, partition: int | None, headers: list[tuple[str, bytes]]
    ) -> Future:
        """Take a message; one of the key `lost` never arrives."""
        self.sent.append((topic, key, value, partition, *headers))
        return Future(self, KafkaTimeoutError("late") if key == b"lost" else None)

    def close(self, timeout: float | None = None) -> None:
        """Note it; what is still to be sent cannot be."""
        self.closed = True
        if self.waited_for < len(self.sent):
            raise KafkaTimeoutError(f"not flushed within {timeout} s")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    """The client that is made in place of any of Kafka's."""
    made = Client()
    for kind in (KafkaProducer, KafkaConsumer):
        monkeypatch.setattr(clients, kind.__name__, lambda **options: made.with_options(options))
    return made


def test_what_is_sent_has_arrived_at_the_end(client: Client) -> None:
    """Its keys, values and partitions are as given, deletions too, and every replica has them."""
    with sending(KAFKA, "calendar", max_request_size=7) as send:
        send(b"a", b"1")
        send(b"b", None, partition=2)
        send(b"c", b"3", topic="outages", headers=[("ce_id", b"c/1")])
    assert client.sent == [
        ("calendar", b"a", b"1", None),
        ("calendar", b"b", None, 2),
        ("outages", b"c", b"3", None, ("ce_id", b"c/1")),
    ]
    assert client.waited_for == 3
    assert client.closed
    assert (client.options["acks"], client.options["max_request_size"]) == ("all", 7)


def test_what_does_not_arrive_names_broker_and_topic(client: Client) -> None:
    """In one line, though others arrived."""
    line = r"^one:1,two:2: topic calendar was not written: .*late$"
    with pytest.raises(BrokerError, match=line), sending(KAFKA, "calendar") as send:
        send(b"a", b"1")
        send(b"lost", b"2")
    assert client.closed


def test_what_is_refused_while_reading_names_the_broker(client: Client) -> None:
    """Errors of Kafka's become ours; all others are left as they are. Offsets are never committed on the side."""
    with pytest.raises(BrokerError, match=r"^one:1,two:2: cannot be read: .*gone$"), reading(KAFKA):
        raise KafkaConnectionError("gone")
    assert client.closed
    assert client.options["enable_auto_commit"] is False
    with pytest.raises(LookupError), reading(KAFKA):
        raise LookupError


@pytest.mark.parametrize("error", [KafkaConnectionError("down"), OSError("down"), ValueError("down")])
def test_who_cannot_connect_is_told_where(error: Exception) -> None:
    """One line with the key of the settings and the addresses, whatever kind of error it was."""

    def fails(**_: object) -> None:
        raise error

    with pytest.raises(BrokerError, match=r"^kafka\.bootstrap_servers one:1,two:2: no Kafka broker answers: .*down$"):
        opened(KAFKA, fails)


def test_the_cause_is_logged_where_it_is_looked_for() -> None:
    """A real client that reaches nobody: the reason is in the error, so kafka-python still logs it there."""
    with pytest.raises(BrokerError, match=r"no Kafka broker answers: .*Unable to bootstrap.*: .*(refused|Connect)"):
        opened(KafkaSettings(bootstrap_servers=("127.0.0.1:1",)), quickly(KafkaConsumer))


def quickly(kind: Callable[..., Any]) -> Callable[..., Any]:
    """Return a client that gives up soon."""
    return lambda **options: kind(**{**options, "bootstrap_timeout_ms": 300})


def test_the_cause_of_a_login_that_failed_is_kept() -> None:
    """Not that time ran out, and not what came before or after."""
    log = logging.getLogger("kafka.net.manager")
    with FirstCause() as cause:
        for error in (KafkaTimeoutError("late"), KafkaConnectionError("gone"), KafkaConnectionError("again")):
            log.warning("Bootstrap connection failed: %s", error)
        assert "gone" in cause.text
        log.warning("Bootstrap connection failed: %s", SaslAuthenticationFailedError("wrong\nword"))
    log.warning("Bootstrap connection failed: %s", KafkaConnectionError("after"))
    assert cause.text.endswith("wrong\\nword")
