"""What the user of a worker may not do on an Apache Kafka with an authorizer: one line with the permission."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

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
from tests.ebbtide import Cluster, wait_for
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


def allow_prefix(admin: KafkaAdminClient, prefix: str) -> None:
    """Allow the user what docs/security.md says, on all topics and groups whose names begin so."""
    operations = (ACLOperation.READ, ACLOperation.WRITE, ACLOperation.CREATE, ACLOperation.DESCRIBE)
    allow(admin, ResourceType.TOPIC, prefix, *operations, pattern=ACLResourcePatternType.PREFIXED)
    groups = (ACLOperation.READ, ACLOperation.DELETE)
    allow(admin, ResourceType.GROUP, prefix, *groups, pattern=ACLResourcePatternType.PREFIXED)
    wait_for("a coordinator of the new cluster", lambda: _has_coordinator(admin))


def authorized(directory: Path) -> SecureKafka:
    """Return a broker with an authorizer; without Kafka the test skips."""
    try:
        install()
    except KafkaUnavailableError as missing:
        do_without_kafka(missing)
    return SecureKafka(directory, AUTHORIZER, SUPER_USERS, user="broker", password="broker")


def assert_comes_to(kafka: KafkaSettings, line: str, act: Callable[[KafkaSettings], object]) -> None:
    """In the end an action fails with a line, empty for one that succeeds: a broker learns of permissions later."""
    wait_for(line or "all permissions", lambda: _refusal(kafka, act) == line)


def _refusal(kafka: KafkaSettings, act: Callable[[KafkaSettings], object]) -> str:
    try:
        act(kafka)
    except BrokerError as error:
        return str(error)
    return ""


def start(kafka: KafkaSettings) -> None:
    """Check what a worker checks at its start."""
    topics.check(kafka)
    topics.demand_permissions(kafka)


def test_each_missing_permission_is_named(tmp_path: Path) -> None:
    """Describe and Create of a topic, Read of a topic, Write of a topic and Read of the group; with all, nothing."""
    secure = authorized(tmp_path)
    with secure as broker, broker.admin() as admin:
        kafka = load(None, _variables(secure)).kafka
        at = f"at {broker.address}: the user {USER} lacks the permission"
        assert_comes_to(kafka, f"topic measurements {at} Describe", start)
        for topic in topics.all_of(kafka):
            allow(admin, ResourceType.TOPIC, topic.name, ACLOperation.DESCRIBE)
        assert_comes_to(kafka, f"topic measurements {at} Create", topics.create)
        admin.create_topics(topics._new(topics.all_of(kafka), 1), wait_for_metadata=True)
        assert_comes_to(kafka, f"topic measurements {at} Read", start)
        for topic in topics.wanted(kafka):
            allow(admin, ResourceType.TOPIC, topic.name, ACLOperation.READ)
        assert_comes_to(kafka, f"topic clock {at} Write", start)
        for topic in topics.wanted(kafka):
            allow(admin, ResourceType.TOPIC, topic.name, ACLOperation.WRITE)
        assert_comes_to(kafka, f"group ebbtide {at} Read", start)
        allow(admin, ResourceType.GROUP, kafka.app_id, ACLOperation.READ)
        assert_comes_to(kafka, "", start)


def test_permissions_by_prefix(tmp_path: Path) -> None:
    """The two rules of docs/security.md suffice for the topics, a start and the record, and for nothing of another."""
    secure = authorized(tmp_path)
    with secure as broker:
        settings = load(None, {**_variables(secure), "EBBTIDE_KAFKA_PREFIX": "staging."})
        with broker.admin() as admin:
            allow_prefix(admin, "staging.")
        topics.create(settings.kafka)
        assert topics.check(settings.kafka) == settings.kafka.partitions
        topics.demand_permissions(settings.kafka)
        assert installation.record(installation.of_workers(settings)) == ""
        found = installation.read(installation.of_workers(settings)).values()
        assert [[there.app_id for there in of] for of in found] == [["staging.ebbtide"]] * 5
        with pytest.raises(BrokerError, match=r"the user \S+ lacks the permission Describe$"):
            topics.create(load(None, _variables(secure)).kafka)


def test_changelog_that_may_not_be_written(tmp_path: Path) -> None:
    """An administrator forbids a running worker to write its changelog: the partition is refused, nothing more is
    committed, and once it is allowed again a start misses nothing.
    """
    secure = authorized(tmp_path)
    with secure, secure.admin() as admin, ExitStack() as stack:
        allow_prefix(admin, "acl")
        variables = {**_variables(secure), "EBBTIDE_WORKER_SNAPSHOT_EVERY": "1s"}
        cluster = stack.enter_context(closing(Cluster(secure.address, "acl", tmp_path, **variables)))
        values = [b'{"feed":"atlas","ts":%d,"asn":1,"member":"a","up":true}' % (1_466_121_600 + n) for n in range(40)]
        worker = cluster.worker()
        worker.wait_ready()
        last = cluster.send(*((0, b"asn/1", value) for value in values[:20]))[-1]
        wait_for("a snapshot", lambda: cluster.committed() == {0: last + 1})
        log = ResourcePattern(ResourceType.TOPIC, topics.changelog(cluster.kafka))
        denied = ACL(f"User:{USER}", "*", ACLOperation.WRITE, ACLPermissionType.DENY, log)
        admin.create_acls([denied])
        end = cluster.send(*((0, b"asn/1", value) for value in values[20:]))[-1]
        wait_for("a refusal", lambda: b"its snapshot was not written (TopicAuthorization" in worker.get("/readyz")[1])
        assert worker.get("/readyz")[0] == 503
        assert cluster.committed() == {0: last + 1}
        assert worker.stop() == 0
        user = f"the user {USER} lacks the permission Write"
        assert user in cluster.run("worker").stderr.decode()
        admin.delete_acls([denied])
        again = cluster.worker()
        assert again.wait_applied({0: end})[0]["received"] == len(values)
        wait_for("a snapshot of all", lambda: cluster.committed() == {0: end + 1})


def test_copies_that_cannot_be_had(kafka: ApacheKafka) -> None:
    """The line names the setting, its number and how many brokers there are."""
    settings = load(None, {"EBBTIDE_KAFKA_BOOTSTRAP_SERVERS": kafka.address}).kafka
    names = {key: f"copies.{key}" for key in TOPIC_KEYS}
    wanted = msgspec.structs.replace(settings, app_id="copies", replication=3, **names)
    with pytest.raises(BrokerError, match=r"^kafka\.replication 3: cannot be had: the cluster at \S+ has 1 broker$"):
        topics.create(wanted)


@pytest.mark.parametrize(
    ("prefix", "line"),
    [
        ("alike_", r"topic alike_measurements: Kafka takes `\.` and `_` for the same in names, and alike\.m\S+ exists"),
        ("x" * 250, r"the broker allows none of these names: x{250}"),
    ],
)
def test_names_that_cannot_be_had(kafka: ApacheKafka, prefix: str, line: str) -> None:
    """The line names the topic and the other in its way, not the request of twelve topics."""
    topics.create(load(None, _alike(kafka, "alike.")).kafka)
    names = load(None, _alike(kafka, "")).kafka
    wanted = msgspec.structs.replace(names, prefix=prefix).with_whole_names()
    with pytest.raises(BrokerError, match=f"^{line}"):
        topics.create(wanted)


def _alike(kafka: ApacheKafka, prefix: str) -> dict[str, str]:
    address = {"EBBTIDE_KAFKA_BOOTSTRAP_SERVERS": kafka.address, "EBBTIDE_KAFKA_PARTITIONS": "1"}
    return {**address, "EBBTIDE_KAFKA_PREFIX": prefix}


def _has_coordinator(admin: KafkaAdminClient) -> bool:
    try:
        admin.describe_groups(["ebbtide"])
    except CoordinatorNotAvailableError:
        return False
    return True


def _variables(broker: SecureKafka) -> dict[str, Any]:
    variables = {
        "BOOTSTRAP_SERVERS": broker.address,
        "SECURITY_PROTOCOL": "SASL_SSL",
        "SASL_MECHANISM": "PLAIN",
        "SASL_USERNAME": USER,
        "SASL_PASSWORD": PASSWORD,
        "SSL_CAFILE": str(broker.authority.file),
    }
    return {f"EBBTIDE_KAFKA_{key}": value for key, value in variables.items()}
