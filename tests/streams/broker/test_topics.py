"""What is wanted of each topic."""

from __future__ import annotations

from collections import defaultdict

from streams.broker.topics import Topic, alerting, all_of, sourcing, wanted
from streams.config.settings import KafkaSettings

KAFKA = KafkaSettings()


def test_programs_want_the_same_of_a_topic() -> None:
    """Whichever program a list is of: the last one that names a topic would else decide what is created."""
    found: dict[str, list[Topic]] = defaultdict(list)
    for topic in [*wanted(KAFKA), *alerting(KAFKA), *sourcing(KAFKA)]:
        found[topic.name].append(topic)
    assert max(map(len, found.values())) == 2
    assert [topics for topics in found.values() if topics != topics[:1] * len(topics)] == []


def test_the_broker_says_when_a_measurement_was_received() -> None:
    """Measurements are created with the broker's time: one that producers set is no proof."""
    (measurements,) = [topic for topic in all_of(KAFKA) if topic.name == KAFKA.measurements]
    assert measurements.config == {"message.timestamp.type": "LogAppendTime"}
