"""The topics of the settings: their configuration, creation, and check before a worker starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from streams.broker.clients import opened
from streams.config.errors import BrokerError
from streams.config.settings import KafkaSettings

TABLE = "snapshots"
#: Keys of the settings that name a topic.
KEYS = (
    "measurements",
    "outages",
    "incidents",
    "findings",
    "partials",
    "dead",
    "clock",
    "calendar",
    "alerts_state",
    "alerts_dead",
)
#: What to do when a topic has got more partitions.
REPARTITION = "keys have moved, so the state fits no more; docs/state.md says how to go on"
MAX_MESSAGE = 16 * 1024 * 1024  # bytes of a snapshot row, or of a dead letter with its headers
MAX_DEAD = MAX_MESSAGE - 65_536  # bytes of a dead letter without its headers


class Topic(NamedTuple):
    """The wanted configuration of a topic."""

    name: str
    partitions: int
    config: dict[str, str]


def changelog(kafka: KafkaSettings) -> str:
    """Return the name that Faust gives the changelog topic of the snapshot table."""
    return f"{kafka.app_id}-{TABLE}-changelog"


def wanted(kafka: KafkaSettings) -> list[Topic]:
    """Return all topics that a worker reads or writes; internal ones have as many partitions as the measurements."""
    compacted = {"cleanup.policy": "compact"}
    large = {"max.message.bytes": str(MAX_MESSAGE)}
    hot = {
        **compacted,
        **large,
        "segment.ms": "600000",
        "min.cleanable.dirty.ratio": "0.1",
        "delete.retention.ms": "600000",
    }
    return [
        Topic(kafka.measurements, kafka.partitions, {}),
        Topic(kafka.clock, kafka.partitions, {"retention.ms": "86400000"}),
        Topic(kafka.partials, kafka.partitions, {}),
        Topic(changelog(kafka), kafka.partitions, hot),
        Topic(kafka.findings, kafka.partitions, large),
        Topic(kafka.outages, kafka.partitions, compacted),
        Topic(kafka.incidents, kafka.partitions, compacted),
        Topic(kafka.calendar, 1, compacted),
        Topic(kafka.dead, kafka.partitions, large),
    ]


def alerting(kafka: KafkaSettings) -> list[Topic]:
    """Return all topics that `ebbtide alerts` reads or writes; outages only where a route wants them."""
    compacted, large = {"cleanup.policy": "compact"}, {"max.message.bytes": str(MAX_MESSAGE)}
    return [
        Topic(kafka.incidents, kafka.partitions, compacted),
        Topic(kafka.outages, kafka.partitions, compacted),
        Topic(kafka.alerts_state, 1, {**compacted, **large}),
        Topic(kafka.alerts_dead, 1, large),
    ]


def all_of(kafka: KafkaSettings) -> list[Topic]:
    """Return all topics, each once."""
    return list({topic.name: topic for topic in [*wanted(kafka), *alerting(kafka)]}.values())


class TopicState(NamedTuple):
    """A topic as it is: its id, empty when the broker has none, and the number of its partitions."""

    topic_id: str
    partitions: int


@contextmanager
def connected(kafka: KafkaSettings) -> Iterator[Any]:
    """Yield an admin client. Raises BrokerError, which names the address, when no broker answers or one refuses."""
    client = opened(kafka, KafkaAdminClient)
    try:
        yield client
    except (KafkaError, OSError) as error:
        raise BrokerError(f"kafka.bootstrap_servers {kafka.address}: the broker refuses: {error}") from None
    finally:
        client.close()


def described(kafka: KafkaSettings) -> dict[str, TopicState]:
    """Return each topic of the settings that exists. Raises BrokerError."""
    with connected(kafka) as client:
        return describe(client, kafka)


def describe(client: Any, kafka: KafkaSettings) -> dict[str, TopicState]:  # noqa: ANN401
    """Return each topic of the settings that exists, as a connected client sees it."""
    found = client.describe_topics([topic.name for topic in all_of(kafka)])
    return {
        topic["name"]: TopicState(_id(topic.get("topic_id")), len(topic["partitions"]))
        for topic in found
        if not topic["error_code"]
    }


def _id(found: object) -> str:
    """Return the id of a topic, empty for the one of all zeros that old brokers send."""
    text = str(found or "")
    return text if text.strip("0-") else ""


def existing(kafka: KafkaSettings) -> dict[str, int]:
    """Return the number of partitions of each topic of the settings that exists. Raises BrokerError."""
    return {name: topic.partitions for name, topic in described(kafka).items()}


def create(kafka: KafkaSettings) -> list[str]:
    """Create the topics that are missing and return their names. Raises BrokerError."""
    there = existing(kafka)
    missing = [topic for topic in all_of(kafka) if topic.name not in there]
    with connected(kafka) as client:
        if missing:
            client.create_topics(_new(missing, kafka.replication), wait_for_metadata=True)
    return [topic.name for topic in missing]


def delete(kafka: KafkaSettings) -> None:
    """Delete all topics of the settings that exist. Raises BrokerError."""
    there = existing(kafka)
    with connected(kafka) as client:
        client.delete_topics(list(there))


def demand(kafka: KafkaSettings, topics: Iterable[Topic]) -> dict[str, int]:
    """Return how many partitions each topic has. Raises BrokerError when one of these is missing."""
    there = existing(kafka)
    for topic in topics:
        if topic.name not in there:
            raise BrokerError(f"topic {topic.name} does not exist at {kafka.address}: create it with `ebbtide topics`")
    return there


def check(kafka: KafkaSettings) -> int:
    """Return the number of partitions of the measurements.

    Raises BrokerError when a topic of the worker is missing, or when one that must be cut like them is cut otherwise.
    """
    there = demand(kafka, wanted(kafka))
    partitions = there[kafka.measurements]
    for name in (kafka.clock, kafka.partials, kafka.findings, changelog(kafka)):
        if there[name] != partitions:
            raise BrokerError(
                f"topic {name} has {there[name]} partitions, {kafka.measurements} has {partitions}: {REPARTITION}"
            )
    return partitions


def _new(topics: list[Topic], replication: int) -> dict[str, dict[str, Any]]:
    return {
        name: {"num_partitions": partitions, "replication_factor": replication, "configs": config}
        for name, partitions, config in topics
    }
