"""A transaction counts wholly or not at all, and ends with one line where no broker answers."""

from __future__ import annotations

from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.errors import KafkaError, KafkaTimeoutError

from streams.broker import transactions
from streams.broker.transactions import transaction
from streams.config.errors import BrokerError
from streams.config.settings import KafkaSettings

KAFKA = KafkaSettings(bootstrap_servers=("one:1", "two:2"))


class Producer:
    """Stands for a producer; notes its steps. Calls named in `silent` get no answer."""

    commit_transaction: Any

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.silent: set[str] = set()

    def send(self, topic: str, value: bytes, **_: object) -> SimpleNamespace:
        """Take a message; the value `lost` never arrives."""
        return SimpleNamespace(get=lambda _: self._fail() if value == b"lost" else None)

    def _fail(self) -> None:
        raise KafkaTimeoutError("late")

    def __getattr__(self, step: str) -> Any:  # noqa: ANN401
        return lambda *_: self._take(step)

    def _take(self, step: str) -> None:
        self.steps.append(step.removesuffix("_transaction"))
        if step in self.silent:
            Event().wait()


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> Producer:
    """The producer that is made in place of Kafka's."""
    made = Producer()
    monkeypatch.setattr(transactions, "opened", lambda *_, **__: made)
    monkeypatch.setattr(transactions, "PATIENCE", 0.05)
    return made


def test_a_transaction_is_whole(producer: Producer) -> None:
    """It is committed once all of it is there and what goes before has run."""
    with transaction(KAFKA, "state", "me", lambda: producer.steps.append("before")) as send:
        send(b"a", b"1")
    assert producer.steps == ["init_transactions", "begin", "before", "commit", "close"]


def test_a_transaction_is_nothing_where_a_message_is_lost(producer: Producer) -> None:
    """It is taken back, also where no broker answers that."""
    producer.silent = {"abort_transaction"}
    line = r"^one:1,two:2: nothing of topic state was changed: .*late$"
    with pytest.raises(BrokerError, match=line), transaction(KAFKA, "state", "me", lambda: None) as send:
        send(b"a", b"lost")
    assert producer.steps == ["init_transactions", "begin", "abort", "close"]


def test_a_commit_without_an_answer_is_unknown(producer: Producer) -> None:
    """The line does not claim that nothing was changed: the broker may have committed before it went away."""
    producer.silent = {"commit_transaction"}
    line = r"^one:1,two:2: topic state has all changes or none: no broker answered the commit within 0\.05 s; repeat"
    with pytest.raises(BrokerError, match=line), transaction(KAFKA, "state", "me", lambda: None) as send:
        send(b"a", b"1")
    assert producer.steps[-1] == "close"


def test_the_error_of_a_commit_is_its_callers(producer: Producer) -> None:
    """It was raised in another thread."""

    def refuse() -> None:
        raise KafkaError("refused")

    producer.commit_transaction = refuse
    with (
        pytest.raises(BrokerError, match=r"nothing of topic state was changed: .*refused"),
        transaction(KAFKA, "state", "me", lambda: None) as send,
    ):
        send(b"a", b"1")
    assert producer.steps == ["init_transactions", "begin", "abort", "close"]
