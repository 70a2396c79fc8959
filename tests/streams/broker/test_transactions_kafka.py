"""What was taken back is read by none of our consumers, and the markers at the end of a topic hold none of them up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from streams.alerts.revision_source import DryRunSource, GroupSource
from streams.broker.changelog import read_tables
from streams.worker import calendar_topic
from tests.ebbtide import Cluster, wait_for
from tests.kafka import ApacheKafka

pytestmark = pytest.mark.kafka


@pytest.fixture
def cluster(kafka: ApacheKafka, tmp_path: Path) -> Iterator[Cluster]:
    """Make topics; those of outages and of the calendar have a committed transaction between two aborted ones."""
    made = Cluster(kafka.address, "transactions", tmp_path)
    producer = Producer({"bootstrap.servers": kafka.address, "transactional.id": "transactions"})
    producer.init_transactions(60)
    for word, abort in ((b"never", True), (b"said", False), (b"never", True)):
        producer.begin_transaction()
        for topic in (made.kafka.outages, made.kafka.calendar):
            for number in range(3):
                producer.produce(topic, b"%b %d" % (word, number), word, 0)
        assert producer.flush(60) == 0
        (producer.abort_transaction if abort else producer.commit_transaction)(60)
    yield made
    made.close()


def test_no_consumer_reads_what_was_taken_back(cluster: Cluster) -> None:
    """State tools, the calendar, and `ebbtide alerts` as a member of its group and in a dry run."""
    assert read_tables(cluster.kafka, cluster.kafka.outages, 1, lambda _: None) == {0: {b"said": b"said 2"}}
    found = calendar_topic.read(cluster.kafka)
    assert len(found.faults) == 3, "three messages, which are no entries"
    assert found.following == {0: 12}
    for source in (
        GroupSource(cluster.kafka, [cluster.kafka.outages]),  # first: it makes the group that the dry run asks for
        DryRunSource(cluster.kafka, [(cluster.kafka.outages, 0)]),
    ):
        values: list[bytes | None] = []
        try:
            wait_for("all records", lambda: _read(source, values))  # noqa: B023
        finally:
            source.close()
        assert values == [b"said 0", b"said 1", b"said 2"]


def _read(source: DryRunSource | GroupSource, values: list[bytes | None]) -> bool:
    source.changed()
    values += [record.value for record in source.poll(0.5)]
    return len(values) >= 3
