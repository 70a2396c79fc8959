"""The Apache Kafka of the tests: what happens without Java, and that it is fetched once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kafka.errors import UnknownTopicOrPartitionError

from tests import kafka as kafka_module
from tests.conftest import do_without_kafka
from tests.kafka import ApacheKafka, KafkaUnavailableError, install


def test_without_java_it_is_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No java on the path is said before anything is fetched."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KafkaUnavailableError, match="java is not installed"):
        install()


def test_without_jars_it_is_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """When Maven cannot fetch the jars, its words are passed on."""
    for name, says in (("java", ""), ("install", "no network")):
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\necho {says} >&2\nexit 1\n")
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(kafka_module, "DEPLOY", tmp_path)
    with pytest.raises(KafkaUnavailableError, match="no network"):
        install()


def test_tests_without_kafka_are_skipped_in_these_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words are those that CI and the README look for."""
    monkeypatch.delenv("EBBTIDE_REQUIRE_KAFKA", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"^no Java: the Apache Kafka tests were skipped$"):
        do_without_kafka(KafkaUnavailableError("java is not installed"))


def test_tests_without_kafka_fail_where_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """EBBTIDE_REQUIRE_KAFKA=1 turns the skip into a failure that says what is missing."""
    monkeypatch.setenv("EBBTIDE_REQUIRE_KAFKA", "1")
    with pytest.raises(pytest.fail.Exception, match="java is not installed"):
        do_without_kafka(KafkaUnavailableError("java is not installed"))


@pytest.mark.kafka
def test_second_install_needs_no_network(kafka: ApacheKafka, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the jars in place Maven is not called any more."""
    broken = tmp_path / "mvn"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    stamp = kafka_module.DEPLOY / "target" / "dependency" / ".complete"
    before = stamp.stat().st_mtime_ns
    install()
    assert stamp.stat().st_mtime_ns == before


@pytest.mark.kafka
def test_topics_are_made_on_request_only(kafka: ApacheKafka) -> None:
    """A topic that was created is there with its partitions; one that is only asked for is not made."""
    kafka.create_topic("made", 3, cleanup_policy="compact")
    with kafka.admin() as admin:
        (made,) = admin.describe_topics(["made"])
        assert len(made["partitions"]) == 3
        (asked,) = admin.describe_topics(["mistyped"])
        assert asked["error_code"] == UnknownTopicOrPartitionError.errno
        assert "mistyped" not in admin.list_topics()


@pytest.mark.kafka
@pytest.mark.parametrize("kill", [False, True])
def test_a_restart_keeps_what_is_stored(own_kafka: ApacheKafka, kill: bool) -> None:
    """Topics are there again, at the same address, after an orderly restart and after kill -9."""
    topic = f"kept-{kill}"
    own_kafka.create_topic(topic, 2)
    own_kafka.restart(kill=kill)
    with own_kafka.admin() as admin:
        assert topic in admin.list_topics()
