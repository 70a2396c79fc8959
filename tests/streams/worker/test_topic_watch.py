"""What the watch of topics finds between two looks at them."""

from __future__ import annotations

from streams.broker.topics import TopicState, wanted
from streams.config.kafka import KafkaSettings
from streams.worker.topic_watch import changes, deleted

KAFKA = KafkaSettings()
GONE = TopicState("", 0)
START = {topic.name: TopicState("id", topic.partitions) for topic in wanted(KAFKA)}


def test_a_topic_that_is_gone_twice_was_deleted() -> None:
    """At one look it may be about to be made anew; without an answer nothing is known; others' topics do not count."""
    gone = {**START, "outages": GONE, "alerts.state": GONE}
    unknown = {name: state for name, state in START.items() if name != "outages"}
    line = "topic outages was deleted: create it with `ebbtide topics` and start the worker again"
    assert list(deleted(KAFKA, START, gone, gone)) == [line]
    for looks in [(START, gone), (gone, START), (gone, unknown), (unknown, unknown), (START, START)]:
        assert list(deleted(KAFKA, START, *looks)) == [], looks


def test_a_topic_that_is_gone_has_not_changed() -> None:
    """Neither its id nor the number of its partitions is that of another topic yet; one made anew has."""
    assert list(changes(KAFKA, START, {**START, "measurements": GONE})) == []
    anew = {**START, "measurements": TopicState("other", 4)}
    assert [line.partition(":")[0] for line in changes(KAFKA, START, anew)] == [
        "topic measurements was made anew while it was read"
    ]
