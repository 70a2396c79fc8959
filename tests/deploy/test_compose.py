"""The composition of all programs on one machine, and the image that it builds."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from streams.alerts.run import load_endpoints
from streams.config.loader import load
from tests.deploy.commands import commands, services_of

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILE = DEPLOY / "compose.yaml"
OURS = ("topics", "worker", "alerts", "source")


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    """All services."""
    return services_of(FILE)


def test_the_file_is_valid(services: dict[str, dict[str, Any]]) -> None:
    """It keeps the Compose Specification, and volumes that are named are declared."""
    assert set(services) == {"kafka", *OURS, "prometheus", "alertmanager", "grafana"}


@pytest.mark.skipif(shutil.which("docker") is None, reason="docker is not installed")
def test_docker_takes_the_file() -> None:
    """`docker compose config` has nothing against it."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("this docker has no compose")
    command = ["docker", "compose", "--file", str(FILE), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_privileges(services: dict[str, dict[str, Any]], name: str) -> None:
    """A read-only root, no capability, nothing gained, and a command that there is."""
    service = services[name]
    assert service["read_only"] is True
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert service["command"][0] in commands()


def test_images_are_pinned_by_digest(services: dict[str, dict[str, Any]]) -> None:
    """A tag can be given to another image; a digest names its content. The tag is beside it for the reader."""
    digest = r"@sha256:[0-9a-f]{64}"
    foreign = [service["image"] for name, service in services.items() if name not in OURS]
    commented = re.findall(rf"^ *image: (\S+{digest})  # v?\d+\.\d+\.\d+$", FILE.read_text(), flags=re.MULTILINE)
    assert sorted(commented) == sorted(foreign) and len(foreign) == 4
    bases = re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert len(bases) == 2 and len(set(bases)) == 1
    assert re.fullmatch(rf"python:3\.11\.\d+-slim-[a-z]+{digest}", bases[0])


def test_nobody_has_a_default_password(services: dict[str, dict[str, Any]]) -> None:
    """Grafana makes no administrator, offers no login, and a visitor without one only looks."""
    grafana = services["grafana"]["environment"]
    assert grafana["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert grafana["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == grafana["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert grafana["GF_AUTH_BASIC_ENABLED"] == grafana["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert not re.search(r"(?i)_password\b(?!__FILE)", FILE.read_text())


def test_nothing_is_reached_from_outside(services: dict[str, dict[str, Any]]) -> None:
    """Every port that is published is one of the loopback address."""
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    hosts = {port["host_ip"] if isinstance(port, dict) else port.split(":")[0] for port in published}
    assert hosts == {"127.0.0.1"}


def test_files_that_are_mounted_are_there(services: dict[str, dict[str, Any]]) -> None:
    """A path that is missing would be made as an empty folder, and the program would start with that."""
    mounted = re.findall(r"^ *- (\./[^:]+):", FILE.read_text(), flags=re.MULTILINE)
    assert len(mounted) >= 5
    assert [path for path in mounted if not (DEPLOY / path).exists()] == []


def test_what_kafka_keeps_outlives_its_container(services: dict[str, dict[str, Any]]) -> None:
    """Its log is in the volume: where nothing is said it is in /tmp, since a variable puts the defaults away."""
    kafka = services["kafka"]
    assert [volume.partition(":")[2] for volume in kafka["volumes"]] == [kafka["environment"]["KAFKA_LOG_DIRS"]]


def test_health_checks_use_the_ports_of_the_settings(services: dict[str, dict[str, Any]]) -> None:
    """The image checks the port of the worker; `alerts` has another port and a check of its own."""
    settings = load(DEPLOY / "ebbtide.toml", {})
    assert f"127.0.0.1:{settings.web.port}/healthz" in (DEPLOY / "Dockerfile").read_text()
    assert "healthcheck" not in services["worker"]
    assert f"127.0.0.1:{settings.alerts.port}/healthz" in " ".join(services["alerts"]["healthcheck"]["test"])


def test_the_settings_name_the_broker_of_the_composition(services: dict[str, dict[str, Any]]) -> None:
    """They are right, and lead to the service `kafka` by its inner name."""
    settings = load(DEPLOY / "ebbtide.toml", {})
    assert settings.kafka.bootstrap_servers == ("kafka:9092",)
    assert "PLAINTEXT://kafka:9092" in services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]


def test_pages_answer_under_the_names_that_lead_to_them() -> None:
    """The machine's loopback, and the name that Prometheus scrapes; no page of another site has one of these."""
    target = (DEPLOY / "prometheus" / "targets.compose" / "workers.yml").read_text()
    scraped = re.findall(r'"([a-z]+):6066"', target)
    assert set(load(DEPLOY / "ebbtide.toml", {}).web.hosts) == {"127.0.0.1", "localhost", *scraped}


def test_alerts_have_a_receiver() -> None:
    """The container would start again and again without a receiver; Prometheus reaches its metrics."""
    settings = load(DEPLOY / "ebbtide.toml", {}).alerts
    assert [endpoint.url.reveal() for endpoint in load_endpoints(settings).values()] == ["http://alertmanager:9093"]
    assert settings.bind == "0.0.0.0"
    assert f"alerts:{settings.port}" in (DEPLOY / "prometheus" / "targets.compose" / "alerts.yml").read_text()


def test_the_image_is_built_from_what_is_there() -> None:
    """Each path that the Dockerfile copies exists and is not ignored, and it does not end as root."""
    lines = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    ours = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    copied = [path.removeprefix("./") for paths in ours for path in paths]
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert [path for path in copied if not (ROOT / path).exists() or path not in kept] == []
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    installs = [line for line in lines if "pip install" in line or "pip wheel" in line]
    assert len(installs) == 2
    assert installs[0].count("pip install") == installs[0].count("--require-hashes") == 2
    assert [line for line in lines if "fonts-dejavu-core" in line and line.startswith("RUN apt-get update")]
    locked = (ROOT / "requirements.lock").read_text()
    # Else cards as PNG, holidays, or flows in protobuf are missing in the image.
    assert all(f"\n{name}==" in locked for name in ("resvg-py", "holidays", "protobuf", "proto-schema-parser"))
    assert "pip wheel --no-build-isolation --no-deps" in installs[1] and "pip install --no-deps" in installs[1]
