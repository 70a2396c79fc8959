"""Every client against an Apache Kafka with TLS and a password or a certificate: accepted, or refused with a reason."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.broker import clients, topics
from streams.cli.main import main
from streams.config.errors import EbbtideError
from streams.config.loader import load
from tests.conftest import do_without_kafka
from tests.ebbtide import Cluster, Worker
from tests.kafka import KafkaUnavailableError, install
from tests.secure_kafka import KEY_PASSWORD, PASSWORD, USER, Authority, SecureKafka

pytestmark = pytest.mark.kafka
LINE = b'{"feed":"atlas","ts":1466089620,"asn":43754,"member":"1","up":true}\n'


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """Return one broker for all tests here."""
    try:
        install()
    except KafkaUnavailableError as missing:
        do_without_kafka(missing)
    secure = SecureKafka(tmp_path_factory.mktemp("secure"))
    with secure:
        yield secure


def login(broker: SecureKafka, mechanism: str, **other: str) -> dict[str, Any]:
    """Return variables that get a client in."""
    variables = {
        "BOOTSTRAP_SERVERS": broker.address,
        "SECURITY_PROTOCOL": "SASL_SSL",
        "SASL_MECHANISM": mechanism,
        "SASL_USERNAME": USER,
        "SASL_PASSWORD": PASSWORD,
        "SSL_CAFILE": str(broker.authority.file),
        **other,
    }
    return {f"EBBTIDE_KAFKA_{key}": value for key, value in variables.items() if value}


def certified(broker: SecureKafka) -> dict[str, Any]:
    """Return variables of a client that shows a certificate whose key has a password."""
    certificate, key = broker.authority.issue("client", password=KEY_PASSWORD)
    files = {"SSL_CERTFILE": str(certificate), "SSL_KEYFILE": str(key), "SSL_KEY_PASSWORD": KEY_PASSWORD}
    without = {"SASL_USERNAME": "", "SASL_PASSWORD": "", "SECURITY_PROTOCOL": "SSL"}
    return login(broker, "", BOOTSTRAP_SERVERS=broker.certificate_address, **without, **files)


def secrets_in(worker: Worker) -> list[str]:
    """Return the forms in which a client has the passwords that stand in what a worker has written."""
    forms = (PASSWORD, KEY_PASSWORD, repr(PASSWORD.encode())[2:-1], base64.b64encode(PASSWORD.encode()).decode())
    text = worker.error_file.read_bytes() + worker.output()
    return [form for form in forms if form.encode() in text]


def takes_one(cluster: Cluster, *arguments: str) -> Worker:
    """Send a measurement by `ebbtide replay`, let a worker take it, save it and leave."""
    line = cluster.directory / "one.jsonl"
    line.write_bytes(LINE)
    sent = cluster.run("replay", line)
    assert sent.returncode == 0, sent.stderr
    worker = cluster.worker(*arguments)
    worker.wait_applied({0: 0})
    assert worker.stop() == 0
    assert cluster.committed() == {0: 1}
    return worker


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_all_clients_log_in_by_name_and_password(broker: SecureKafka, tmp_path: Path, mechanism: str) -> None:
    """Topics, replay and the worker at debug level get in, over TLS, and nothing that they write has the password."""
    variables = login(broker, mechanism)
    del variables["EBBTIDE_KAFKA_SASL_PASSWORD"]
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    variables["EBBTIDE_KAFKA_SASL_PASSWORD_FILE"] = str(tmp_path / "password")
    cluster = Cluster(broker.address, f"secure-{mechanism.lower()}", tmp_path, **variables)
    worker = takes_one(cluster, "--log-level", "debug")
    assert f"Authenticated as {USER} via {mechanism}" in worker.errors()
    assert secrets_in(worker) == []


def test_all_clients_show_a_certificate(broker: SecureKafka, tmp_path: Path) -> None:
    """Without any password of SASL, by a certificate whose key is locked."""
    variables = certified(broker)
    worker = takes_one(Cluster(broker.certificate_address, "certified", tmp_path, **variables), "--log-level", "debug")
    assert secrets_in(worker) == []


def test_a_login_in_the_clear(broker: SecureKafka) -> None:
    """SASL without TLS, for brokers behind something that encrypts."""
    clear = {"BOOTSTRAP_SERVERS": broker.clear_address, "SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SSL_CAFILE": ""}
    for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
        assert topics.existing(load(None, login(broker, mechanism, **clear)).kafka) == {}


def test_a_refused_client_says_why(
    broker: SecureKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line with the reason: wrong password, no certificate, an unknown authority; never the password."""
    monkeypatch.setattr(clients, "CONNECT_MS", 2000)
    stranger = str(Authority(tmp_path, "stranger").file)
    nobody = {key: value for key, value in certified(broker).items() if "_CERT" not in key and "_KEY" not in key}
    refusals = {
        "SCRAM-SHA-256|login may be wrong": login(broker, "SCRAM-SHA-256", SASL_PASSWORD="wr0ng"),
        "Authentication failed|login may be wrong": login(broker, "PLAIN", SASL_PASSWORD="wr0ng"),
        "certificate verify failed": login(broker, "PLAIN", SSL_CAFILE=stranger),
        "(?i)certificate|closed|reset|aborted": nobody,
        "no Kafka broker answers": {"EBBTIDE_KAFKA_BOOTSTRAP_SERVERS": broker.address},
    }
    for reason, variables in refusals.items():
        with monkeypatch.context() as patched:
            for name, value in variables.items():
                patched.setenv(name, value)
            assert main(["topics", "--check"]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert re.search(reason, line), line
        assert "wr0ng" not in line


def test_the_name_in_the_certificate_counts(broker: SecureKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate is for 127.0.0.1: under another name it is refused, unless the operator says that names pass."""
    monkeypatch.setattr(clients, "CONNECT_MS", 500)
    variables = login(broker, "PLAIN", BOOTSTRAP_SERVERS=f"localhost:{broker.port}")
    with pytest.raises(EbbtideError, match="certificate is not valid for 'localhost'"):
        topics.existing(load(None, variables).kafka)
    assert topics.existing(load(None, {**variables, "EBBTIDE_KAFKA_SSL_CHECK_HOSTNAME": "false"}).kafka) == {}
