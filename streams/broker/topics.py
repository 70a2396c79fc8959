"""The topics of the settings: their configuration, creation, and check before a worker starts."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import (
    ClusterAuthorizationFailedError,
    CoordinatorNotAvailableError,
    GroupAuthorizationFailedError,
    InvalidReplicationFactorError,
    InvalidTopicError,
    KafkaError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from streams.broker.clients import opened
from streams.config.errors import BrokerError, StateInUseError
from streams.config.kafka import OWNED, owner_of
from streams.config.settings import KafkaSettings

TABLE = "snapshots"
RESET = "reset"  # metadata of the offsets that `ebbtide state reset` commits
ALERTS_GROUP = "{}-alerts"  # of an `app_id`
#: What to do when a topic has got more partitions.
REPARTITION = "keys have moved, so the state fits no more; docs/state.md says how to go on"
COORDINATOR_ATTEMPTS, COORDINATOR_PAUSE = 60, 0.5  # and seconds between them
TIMESTAMPS = "message.timestamp.type"
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
        _measurements(kafka),
        Topic(kafka.clock, kafka.partitions, {"retention.ms": "86400000"}),
        Topic(kafka.partials, kafka.partitions, {}),
        Topic(changelog(kafka), kafka.partitions, hot),
        Topic(kafka.findings, kafka.partitions, large),
        Topic(kafka.outages, kafka.partitions, compacted),
        Topic(kafka.incidents, kafka.partitions, compacted),
        Topic(kafka.calendar, 1, compacted),
        Topic(kafka.remarks, 1, compacted),
        *(Topic(name, 1, compacted) for name in _owners(kafka)),
        _dead(kafka),
    ]


def _owners(kafka: KafkaSettings) -> list[str]:
    return [owner_of(getattr(kafka, key)) for key in OWNED]


def _measurements(kafka: KafkaSettings) -> Topic:
    return Topic(kafka.measurements, kafka.partitions, {TIMESTAMPS: "LogAppendTime"})


def _dead(kafka: KafkaSettings) -> Topic:
    return Topic(kafka.dead, kafka.partitions, {"max.message.bytes": str(MAX_MESSAGE)})


def alerting(kafka: KafkaSettings) -> list[Topic]:
    """Return all topics that `ebbtide alerts` reads or writes; outages only where a route wants them."""
    compacted, large = {"cleanup.policy": "compact"}, {"max.message.bytes": str(MAX_MESSAGE)}
    return [
        Topic(kafka.incidents, kafka.partitions, compacted),
        Topic(kafka.outages, kafka.partitions, compacted),
        Topic(kafka.remarks, 1, compacted),
        Topic(kafka.alerts_state, 1, {**compacted, **large}),
        Topic(kafka.alerts_dead, 1, large),
    ]


def sourcing(kafka: KafkaSettings) -> list[Topic]:
    """Return all topics that `ebbtide source` reads or writes."""
    return [
        _measurements(kafka),
        _dead(kafka),
        Topic(kafka.sources_state, 1, {"cleanup.policy": "compact"}),
    ]


def all_of(kafka: KafkaSettings) -> list[Topic]:
    """Return all topics, each once."""
    return list({topic.name: topic for topic in [*wanted(kafka), *alerting(kafka), *sourcing(kafka)]}.values())


class TopicState(NamedTuple):
    """A topic as it is: its id, empty when the broker has none, and the number of its partitions, 0 when it is gone."""

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
    """Return what `describe` does. Raises BrokerError."""
    with connected(kafka) as client:
        return describe(client, kafka)


def describe(client: Any, kafka: KafkaSettings) -> dict[str, TopicState]:  # noqa: ANN401
    """Return each topic of the settings on which the broker has a certain answer, as a connected client sees it."""
    return {
        name: TopicState(_id(topic.get("topic_id")), len(topic["partitions"]))
        for name, topic in _answers(client, kafka).items()
        if topic["error_code"] in (0, UnknownTopicOrPartitionError.errno)
    }


def _answers(client: Any, kafka: KafkaSettings) -> dict[str, dict[str, Any]]:  # noqa: ANN401
    """Return the broker's answer on each topic of the settings, also on one that is missing or hidden."""
    return {topic["name"]: topic for topic in client.describe_topics([topic.name for topic in all_of(kafka)])}


def _id(found: object) -> str:
    """Return the id of a topic, empty for the one of all zeros that old brokers send."""
    text = str(found or "")
    return text if text.strip("0-") else ""


def existing(kafka: KafkaSettings, needed: Iterable[Topic] = ()) -> dict[str, int]:
    """Return the number of partitions of each topic of the settings that exists.

    Raises BrokerError, also when the user may not know whether a needed topic exists.
    """
    with connected(kafka) as client:
        answers = _answers(client, kafka)
    for topic in needed:
        if answers[topic.name]["error_code"] == TopicAuthorizationFailedError.errno:
            raise _lacking(kafka, f"topic {topic.name}", "DESCRIBE")
    return {name: len(topic["partitions"]) for name, topic in answers.items() if not topic["error_code"]}


def _lacking(kafka: KafkaSettings, where: str, permission: str) -> BrokerError:
    user = kafka.sasl_username or "of these credentials"
    return BrokerError(f"{where} at {kafka.address}: the user {user} lacks the permission {permission.title()}")


def partitions_of(kafka: KafkaSettings, topic: str) -> int:
    """Return the number of partitions of any topic; 0 when there is none of that name. Raises BrokerError."""
    with connected(kafka) as client:
        (answer,) = client.describe_topics([topic])
    return 0 if answer["error_code"] else len(answer["partitions"])


def demand_permissions(kafka: KafkaSettings) -> None:
    """Raise BrokerError, which names the topic or group and the permission, when a worker may not do what it must."""
    with connected(kafka) as client:
        found = {name: topic["authorized_operations"] or () for name, topic in _answers(client, kafka).items()}
        _demand_topics(kafka, found)
        _demand_group(client, kafka)


def _demand_topics(kafka: KafkaSettings, found: Mapping[str, Collection[str]]) -> None:
    """Raise BrokerError unless what the broker allows on each topic is enough."""
    both = (kafka.clock, kafka.partials, kafka.findings, changelog(kafka), kafka.outages, kafka.incidents)
    needs = [(name, "READ") for name in (kafka.measurements, kafka.calendar, kafka.remarks, *_owners(kafka), *both)]
    for name, permission in (*needs, *((name, "WRITE") for name in (*both, kafka.dead))):
        allowed = found.get(name, ())
        if "DESCRIBE" in allowed and permission not in allowed:  # without it the broker has not said what is allowed
            raise _lacking(kafka, f"topic {name}", permission)


def _demand_group(client: Any, kafka: KafkaSettings) -> None:  # noqa: ANN401
    group, allowed = f"group {kafka.app_id}", ()
    with suppress(KafkaError, ValueError):  # no coordinator yet, or no answer of Kafka
        try:
            allowed = client.describe_groups([kafka.app_id])[kafka.app_id]["authorized_operations"] or ()
        except GroupAuthorizationFailedError:
            raise _lacking(kafka, group, "READ") from None
    if "DESCRIBE" in allowed and "READ" not in allowed:
        raise _lacking(kafka, group, "READ")


def create(kafka: KafkaSettings) -> list[str]:
    """Create the topics that are missing and return their names. Raises BrokerError."""
    there = existing(kafka, all_of(kafka))
    missing = [topic for topic in all_of(kafka) if topic.name not in there]
    with connected(kafka) as client:
        if missing:
            _create(client, kafka, missing)
    return [topic.name for topic in missing]


def _create(client: Any, kafka: KafkaSettings, missing: list[Topic]) -> None:  # noqa: ANN401
    try:
        client.create_topics(_new(missing, kafka.replication), wait_for_metadata=True)
    except InvalidReplicationFactorError:
        brokers = len(client.describe_cluster()["brokers"])
        few = f"the cluster at {kafka.address} has {brokers} broker{'s' if brokers > 1 else ''}"
        raise BrokerError(f"kafka.replication {kafka.replication}: cannot be had: {few}") from None
    except (TopicAuthorizationFailedError, ClusterAuthorizationFailedError):
        raise _lacking(kafka, f"topic {missing[0].name}", "CREATE") from None
    except InvalidTopicError:
        raise BrokerError(_collision(missing, client.list_topics())) from None


def _collision(missing: Iterable[Topic], there: Collection[str]) -> str:
    """Return which topic Kafka does not make since one that is there has a name with `.` where it has `_`."""
    alike = {name.replace(".", "_"): name for name in there}
    pairs = [(topic.name, alike[key]) for topic in missing if (key := topic.name.replace(".", "_")) in alike]
    if not pairs:
        return f"the broker allows none of these names: {', '.join(topic.name for topic in missing)}"
    name, other = pairs[0]
    return f"topic {name}: Kafka takes `.` and `_` for the same in names, and {other} exists: choose another name"


def delete(kafka: KafkaSettings) -> None:
    """Delete all topics of the settings that exist. Raises BrokerError."""
    there = existing(kafka)
    with connected(kafka) as client:
        client.delete_topics(list(there))


def demand(kafka: KafkaSettings, topics: Iterable[Topic]) -> dict[str, int]:
    """Return how many partitions each topic has. Raises BrokerError when one of these is missing or hidden."""
    topics = list(topics)
    there = existing(kafka, topics)
    for topic in topics:
        if topic.name not in there:
            raise missing_topic(kafka, topic.name)
    return there


def missing_topic(kafka: KafkaSettings, name: str) -> BrokerError:
    """Return the error of a topic that does not exist."""
    return BrokerError(f"topic {name} does not exist at {kafka.address}: create it with `ebbtide topics`")


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


def committed_offsets(client: Any, group: str) -> dict[Any, Any]:  # noqa: ANN401
    """Return what a group has committed, by topic and partition; a broker that never had a group needs a moment.

    Raises KafkaError.
    """
    for _ in range(COORDINATOR_ATTEMPTS - 1):
        with suppress(CoordinatorNotAvailableError):  # the broker makes the topic of all groups now
            return dict(client.list_group_offsets([group])[group])
        time.sleep(COORDINATOR_PAUSE)
    return dict(client.list_group_offsets([group])[group])


def offsets_of_reset(kafka: KafkaSettings) -> dict[tuple[str, int], int]:
    """Return the committed offsets that no worker has committed since `ebbtide state reset`, by topic and partition."""
    found: dict[Any, Any] = {}
    with connected(kafka) as client, suppress(KafkaError, ValueError):  # no coordinator yet, or no answer of Kafka
        found = client.list_group_offsets([kafka.app_id])[kafka.app_id]
    return {(tp.topic, tp.partition): at.offset for tp, at in found.items() if at.metadata == RESET}


def demand_idle(kafka: KafkaSettings, group: str) -> None:
    """Raise StateInUseError when a worker of a group is alive, or was within the session timeout."""
    with connected(kafka) as client:
        groups = {found["group_id"]: found["group_state"] for found in client.list_groups()}
    if groups.get(group, "Empty") not in ("Empty", "Dead"):
        raise StateInUseError(
            f"group {group} has workers ({groups[group]}): stop them first; one that was killed counts "
            f"for kafka.session_timeout, {float(kafka.session_timeout):g} s"
        )


def timestamp_type(kafka: KafkaSettings) -> str | None:
    """Return who sets the timestamps of the measurements, as Kafka names it; None when the broker does not say."""
    name = kafka.measurements
    try:
        with connected(kafka) as client:
            found = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)], config_filter="all")
    except (BrokerError, KafkaError):  # no permission to describe configurations
        return None
    kind: str | None = found.get("topic", {}).get(name, {}).get(TIMESTAMPS, {}).get("value")
    return kind


def timestamp_warning(kafka: KafkaSettings) -> str | None:
    """Return a line when producers set the timestamps of the measurements; None when the broker does, or is silent."""
    name, kind = kafka.measurements, timestamp_type(kafka)
    if kind in (None, "LogAppendTime"):
        return None
    return (
        f"topic {name} has {TIMESTAMPS}={kind}: producers set when a message was received, so only the worker's own "
        f"clock bounds a forged time; set {TIMESTAMPS}=LogAppendTime"
    )


def _new(topics: list[Topic], replication: int) -> dict[str, dict[str, Any]]:
    return {
        name: {"num_partitions": partitions, "replication_factor": replication, "configs": config}
        for name, partitions, config in topics
    }
