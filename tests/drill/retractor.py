"""A second producer, which sends messages in transactions and takes all of them back."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import KafkaException, Producer

from tests.drill.stream import Message

ANSWER = 10.0  # seconds for an answer; the broker may be down
TRANSACTION_MS = 20_000  # after which the broker aborts what was left open when it went down


class Retractor:
    """Sends copies of messages that nobody may read. `count`: how many transactions it has taken back."""

    def __init__(self, address: str, topic: str) -> None:
        self._topic, self.count = topic, 0
        self._producer: Producer | None = None
        self._options = {
            "bootstrap.servers": address,
            "transactional.id": f"{topic}-retractor",
            "transaction.timeout.ms": TRANSACTION_MS,
            "message.timeout.ms": TRANSACTION_MS,
            "compression.type": "zstd",
            "log_level": 0,
        }

    def take_back(self, messages: Sequence[Message]) -> None:
        """Send messages and abort. A broker that is down leaves the transaction open until its time is over."""
        try:
            producer = self._opened()
            producer.begin_transaction()
            for message in messages:
                producer.produce(self._topic, message.value, message.key, message.partition)
            producer.flush(ANSWER)
            producer.abort_transaction(ANSWER)
        except KafkaException:
            self._producer = None
        else:
            self.count += 1

    def _opened(self) -> Producer:
        """Return the producer; a new one aborts what the last one left open."""
        if self._producer is None:
            producer = Producer(self._options)
            producer.init_transactions(ANSWER)
            self._producer = producer
        return self._producer
