"""The examples of kcat and of Docker Compose: what they run is run here, without Docker and under other addresses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streams.alerts.run import load_endpoints
from streams.broker.async_clients import partition_of
from streams.config.kafka import KafkaSettings
from streams.config.loader import load
from tests import programs
from tests.deploy.commands import services_of
from tests.ebbtide import ebbtide, wait_for
from tests.kafka import ApacheKafka, free_ports
from tests.schemas.examples import INCIDENT

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
FILE, SETTINGS = EXAMPLES / "compose" / "compose.yaml", EXAMPLES / "compose" / "ebbtide.toml"
PREFIX = "kcat-example."
COMMON = {"feed": "reach", "ts": 1577254200, "country": "NO", "value": 58, "of": 60}
LINES = [COMMON, *({**COMMON, "asn": asn} for asn in range(64500, 64520))]


def kcat(action: str, broker: str, text: bytes = b"") -> str:
    """Run the example, and return what it prints."""
    programs.demand(("kcat", "jq"), "the example needs kcat and jq (Debian: kcat, jq)", "EBBTIDE_REQUIRE_KCAT")
    environment = {**os.environ, "BROKER": broker, "PREFIX": PREFIX}
    command = [str(EXAMPLES / "kcat.sh"), action]
    done = subprocess.run(command, input=text, capture_output=True, env=environment, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


class Sent(NamedTuple):
    """A message as it is in the topic."""

    partition: int
    value: Any


def sent(topic: str, broker: str, count: int) -> dict[str, Sent]:
    """Return so many messages of a topic by their keys."""
    found: dict[str, Sent] = {}
    with KafkaConsumer(bootstrap_servers=broker, consumer_timeout_ms=10_000) as consumer:
        consumer.assign([TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()])
        consumer.seek_to_beginning()
        while len(found) < count:
            message = next(consumer)
            found[message.key.decode()] = Sent(message.partition, json.loads(message.value))
    return found


@pytest.mark.kafka
def test_kcat_sends_each_network_to_its_partition(kafka: ApacheKafka) -> None:
    """Under the key of its entity and where `kafka.partitioner` says by default; the value is the line."""
    topic = f"{PREFIX}measurements"
    kafka.create_topic(topic, 4)
    kcat("send", kafka.address, b"".join(json.dumps(line).encode() + b"\n" for line in LINES))
    place = partition_of(KafkaSettings(), 4)
    keys = ["country/NO", *(f"asn/{asn}" for asn in range(64500, 64520))]
    expected = {key: Sent(place(key), line) for key, line in zip(keys, LINES, strict=True)}
    assert sent(topic, kafka.address, len(LINES)) == expected
    assert len({message.partition for message in expected.values()}) == 4


@pytest.mark.kafka
def test_kcat_reads_incidents_and_dead_letters(kafka: ApacheKafka) -> None:
    """A line for each revision of an incident, and each dead letter under its reason."""
    for topic in ("incidents", "measurements.dead"):
        kafka.create_topic(f"{PREFIX}{topic}", 1)
    with KafkaProducer(bootstrap_servers=kafka.address) as producer:
        producer.send(f"{PREFIX}incidents", key=b"x", value=INCIDENT)
        producer.send(f"{PREFIX}incidents", key=b"x")
        producer.send(f"{PREFIX}measurements.dead", value=b"{]", headers=[("reason", b"bad-json")])
        producer.flush()
    incident = json.loads(INCIDENT)
    line = f"{incident['updated_at']} {incident['state']}: {incident['headline']}\n"
    assert kcat("incidents", kafka.address) == line
    assert kcat("dead", kafka.address) == "reason=bad-json\n  {]\n"


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    """What the composition adds."""
    return services_of(FILE)


def test_the_composition_adds_to_that_of_deploy(services: dict[str, dict[str, Any]]) -> None:
    """Files that it mounts are there from the folder of the first file, and our services read its settings."""
    mounted = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])]
    assert [path for path in mounted if not (ROOT / "deploy" / path).resolve().exists()] == []
    ours = re.findall(r"^  (\w+):\n    <<: \*ebbtide", (ROOT / "deploy" / "compose.yaml").read_text(), re.MULTILINE)
    target = ":/etc/ebbtide/ebbtide.toml:ro"
    assert all(services[name]["volumes"][0].endswith(f"ebbtide.toml{target}") for name in ours if name != "source")
    new = [service for name, service in services.items() if name not in ours]
    assert all((each["read_only"], each["cap_drop"]) == (True, ["ALL"]) for each in new)
    assert not any("ports" in service for service in services.values())


def test_its_settings_are_right_and_lead_to_its_receiver(services: dict[str, dict[str, Any]]) -> None:
    """`ebbtide check` takes them; the alert goes to the name and the port of the service `receiver`."""
    done = ebbtide("check", "--offline", "--settings", SETTINGS)
    assert done.returncode == 0, done.stderr
    settings = load(SETTINGS, {})
    port = services["receiver"]["command"][0]
    assert [endpoint.url.reveal() for endpoint in load_endpoints(settings.alerts).values()] == [
        f"http://receiver:{port}/"
    ]
    deployed = load(ROOT / "deploy" / "ebbtide.toml", {})
    assert (settings.web.bind, settings.web.port) == (deployed.web.bind, deployed.web.port)
    assert settings.kafka == deployed.kafka


def words(service: dict[str, Any]) -> list[str]:
    """Return the command of a service, with the paths of this machine."""
    asked: list[str] = [*service["entrypoint"], *service["command"]]
    assert asked[0] == "python"
    return [sys.executable, asked[1].replace("/examples/", f"{EXAMPLES}/"), *asked[2:]]


def test_its_programs_take_their_arguments(services: dict[str, dict[str, Any]]) -> None:
    """The producer knows its arguments and its feed is in the settings; the receiver prints what it receives."""
    help_of = subprocess.run([*words(services["producer"]), "--help"], capture_output=True, check=False, timeout=60)
    assert help_of.returncode == 0, help_of.stderr
    assert f'"feed": "{next(iter(load(SETTINGS, {}).feeds))}"' in (EXAMPLES / "producer.py").read_text()
    (port,) = map(str, free_ports(1))
    command = [word.replace(services["receiver"]["command"][0], port) for word in words(services["receiver"])]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as receiver:
        body = json.dumps({"type": "incident.opened", "data": {"headline": "The Internet is down."}}).encode()
        wait_for("the receiver", lambda: posted(f"http://127.0.0.1:{port}/", body))
        receiver.terminate()
        assert receiver.stdout is not None
        assert receiver.stdout.read() == b"incident.opened: The Internet is down.\n"


def test_a_producer_without_a_broker_says_so_in_one_line(services: dict[str, dict[str, Any]]) -> None:
    """It names the address and what may be missing, without a traceback."""
    (port,) = free_ports(1)
    command = [word.replace("kafka:9092", f"127.0.0.1:{port}") for word in words(services["producer"])]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=120)
    (line,) = done.stderr.splitlines()[-1:]
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert line.startswith(f"producer.py: 127.0.0.1:{port}: ") and "ebbtide topics" in line


def posted(url: str, body: bytes) -> bool:
    """Return whether the receiver took a message."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=5) as answer:
            return bool(answer.status == 204)
    except OSError:
        return False
