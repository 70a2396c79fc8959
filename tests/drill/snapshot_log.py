"""What an administrator may do to the changelog of the snapshots."""

from __future__ import annotations

from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from streams.broker import topics
from streams.broker.security import client_options
from tests.ebbtide import Cluster

NOTHING = 100  # bytes of a message, less than any row of a snapshot has


class SnapshotLog:
    """The changelog of a cluster's workers."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.topic = cluster, topics.changelog(cluster.kafka)

    def configure(self, **configs: str) -> None:
        """Change the configuration of the topic; `_` stands for a dot."""
        values = {name.replace("_", "."): value for name, value in configs.items()}
        with topics.connected(self.cluster.kafka) as admin:
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, self.topic, values)])

    def limit(self, size: int) -> None:
        """Have the broker refuse messages of more bytes."""
        self.configure(max_message_bytes=str(size))

    def add_transaction(self) -> None:
        """Add a row that means nothing to each partition, in a transaction, whose marker is then the last record."""
        producer = KafkaProducer(**client_options(self.cluster.kafka), transactional_id=f"{self.topic}-mirror")
        try:
            producer.init_transactions()
            producer.begin_transaction()
            for number in range(self.cluster.kafka.partitions):
                producer.send(self.topic, key=b"of nobody", value=b"", partition=number)
            producer.commit_transaction()
        finally:
            producer.close()
