"""What the user of a worker may not do on an Apache Kafka with an authorizer: one line with the permission."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)
from kafka.errors import CoordinatorNotAvailableError

from streams.broker import installation, topics
from streams.config.errors import BrokerError
from streams.config.kafka import TOPIC_KEYS
from streams.config.loader import load
from streams.config.settings import KafkaSettings
from tests.conftest import do_without_kafka
from tests.ebbtide import wait_for
from tests.kafka import ApacheKafka, KafkaUnavailableError, install
from tests.secure_kafka import PASSWORD, USER, SecureKafka

pytestmark = pytest.mark.kafka
AUTHORIZER = "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer"
SUPER_USERS = "super.users=User:broker;User:ANONYMOUS"


def allow(
    admin: KafkaAdminClient,
    kind: ResourceType,
    name: str,
    *operations: ACLOperation,
    pattern: ACLResourcePatternType = ACLResourcePatternType.LITERAL,
) -> None:
    """Allow the user these."""
    where = ResourcePattern(kind, name, pattern)
    admin.create_acls([ACL(f"User:{USER}", "*", may, ACLPermissionType.ALLOW, where) for may in operations])


def refusal(kafka: KafkaSettings) -> str:
    """Return the line of the error at a worker's start."""
    with pytest.raises(BrokerError) as caught:
        topics.check(kafka)
        topics.demand_permissions(kafka)
    return str(caught.value)


def test_each_missing_permission_is_named(tmp_path: Path) -> None:
    """Describe and Create of a topic, Read of a topic, Write of a topic and Read of the group; with all, nothing."""
    try:
        install()
    except KafkaUnavailableError as missing:
        do_without_kafka(missing)
    secure = SecureKafka(tmp_path, AUTHORIZER, SUPER_USERS, user="broker", password="broker")
    with secure as broker:
        kafka = load(None, _variables(secure)).kafka
        at = f"at {broker.address}: the user {USER} lacks the permission"
        assert refusal(kafka) == f"topic measurements {at} Describe"
        with broker.admin() as admin:
            for topic in topics.all_of(kafka):
                allow(admin, ResourceType.TOPIC, topic.name, ACLOperation.DESCRIBE)
            with pytest.raises(BrokerError, match=f"topic measurements {at} Create"):
                topics.create(kafka)
            admin.create_topics(topics._new(topics.all_of(kafka), 1), wait_for_metadata=True)
            assert refusal(kafka) == f"topic measurements {at} Read"
            for topic in topics.wanted(kafka):
                allow(admin, ResourceType.TOPIC, topic.name, ACLOperation.READ)
            assert refusal(kafka) == f"topic clock {at} Write"
            for topic in topics.wanted(kafka):
                allow(admin, ResourceType.TOPIC, topic.name, ACLOperation.WRITE)
            wait_for("a coordinator of the new cluster", lambda: _has_coordinator(admin))
            assert refusal(kafka) == f"group ebbtide {at} Read"
            allow(admin, ResourceType.GROUP, kafka.app_id, ACLOperation.READ)
            topics.demand_permissions(kafka)


def test_permissions_by_prefix(tmp_path: Path) -> None:
    """The two rules of docs/security.md suffice for the topics, a start and the record, and for nothing of another."""
    try:
        install()
    except KafkaUnavailableError as missing:
        do_without_kafka(missing)
    secure = SecureKafka(tmp_path, AUTHORIZER, SUPER_USERS, user="broker", password="broker")
    with secure as broker:
        settings = load(None, {**_variables(secure), "EBBTIDE_KAFKA_PREFIX": "staging."})
        topic, group = ACLOperation.READ, ACLOperation.DELETE
        with broker.admin() as admin:
            operations = (topic, ACLOperation.WRITE, ACLOperation.CREATE, ACLOperation.DESCRIBE)
            allow(admin, ResourceType.TOPIC, "staging.", *operations, pattern=ACLResourcePatternType.PREFIXED)
            allow(admin, ResourceType.GROUP, "staging.", topic, group, pattern=ACLResourcePatternType.PREFIXED)
            wait_for("a coordinator of the new cluster", lambda: _has_coordinator(admin))
        topics.create(settings.kafka)
        assert topics.check(settings.kafka) == settings.kafka.partitions
        topics.demand_permissions(settings.kafka)
        assert installation.record(installation.of_workers(settings)) == ""
        assert list(installation.read(installation.of_workers(settings))) == ["staging.ebbtide"]
        with pytest.raises(BrokerError, match=r"the user \S+ lacks the permission Describe$"):
            topics.create(load(None, _variables(secure)).kafka)


def test_copies_that_cannot_be_had(kafka: ApacheKafka) -> None:
    """The line names the setting, its number and how many brokers there are."""
    settings = load(None, {"EBBTIDE_KAFKA_BOOTSTRAP_SERVERS": kafka.address}).kafka
    names = {key: f"copies.{key}" for key in TOPIC_KEYS}
    wanted = msgspec.structs.replace(settings, app_id="copies", replication=3, **names)
    with pytest.raises(BrokerError, match=r"^kafka\.replication 3: cannot be had: the cluster at \S+ has 1 broker$"):
        topics.create(wanted)


def _has_coordinator(admin: KafkaAdminClient) -> bool:
    try:
        admin.describe_groups(["ebbtide"])
    except CoordinatorNotAvailableError:
        return False
    return True


def _variables(broker: SecureKafka) -> dict[str, str]:
    variables = {
        "BOOTSTRAP_SERVERS": broker.address,
        "SECURITY_PROTOCOL": "SASL_SSL",
        "SASL_MECHANISM": "PLAIN",
        "SASL_USERNAME": USER,
        "SASL_PASSWORD": PASSWORD,
        "SSL_CAFILE": str(broker.authority.file),
    }
    return {f"EBBTIDE_KAFKA_{key}": value for key, value in variables.items()}
