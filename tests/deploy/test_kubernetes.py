"""The manifests for Kubernetes: each is valid for the API, and together they say what the program says of itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from streams.alerts.run import load_endpoints
from streams.config.loader import load
from streams.config.settings import Settings
from tests import prometheus
from tests.deploy import rules
from tests.deploy.commands import commands

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
VERSION = "1.32"
ADDRESS = "http://alertmanager.monitoring:9093"
OWN = {"Kustomization", "PodMonitor"}  # of programs beside Kubernetes, whose schemas are not in its API


def manifests() -> list[dict[str, Any]]:
    """Every object that stands in the folder."""
    files = sorted(FOLDER.glob("*.yaml"))
    return [manifest for file in files for manifest in yaml.safe_load_all(file.read_text())]


def pods() -> dict[str, dict[str, Any]]:
    """The template of the pods of each object that makes some, by kind and name."""
    made = [manifest for manifest in manifests() if manifest["kind"] in ("Job", "StatefulSet", "Deployment")]
    return {f"{manifest['kind']}/{manifest['metadata']['name']}": manifest["spec"]["template"] for manifest in made}


def settings() -> Settings:
    """The settings that the pods are given."""
    return load(FOLDER / "ebbtide.toml", {})


@pytest.mark.parametrize("manifest", [m for m in manifests() if m["kind"] not in OWN], ids=lambda m: str(m["kind"]))
def test_each_object_is_valid(manifest: dict[str, Any]) -> None:
    """Fields, types and versions are those of the API, and nothing else is in it."""
    assert kubernetes_validate.validate(manifest, VERSION, strict=True).startswith(VERSION)


def test_a_wrong_field_is_found() -> None:
    """The check is no formality: a field that nobody knows fails it."""
    wrong = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}, "specs": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_workers_get_the_memory_that_the_limits_follow_from() -> None:
    """Kubernetes, systemd and the composition give a worker as much as `worker.memory` says."""
    memory = settings().worker.memory
    (worker,) = pods()["StatefulSet/ebbtide-worker"]["spec"]["containers"]
    assert worker["resources"]["limits"]["memory"] == f"{memory}Mi"
    unit = (FOLDER.parent / "systemd" / "ebbtide-worker@.service").read_text()
    assert f"\nMemoryMax={memory}M\n" in unit
    services = yaml.safe_load((FOLDER.parent / "compose.yaml").read_text())["services"]
    assert services["worker"]["mem_limit"] == f"{memory}m"


def test_all_files_are_applied() -> None:
    """The kustomization names every manifest in the folder, and the settings file; a source is for overlays."""
    (whole,) = [manifest for manifest in manifests() if manifest["kind"] == "Kustomization"]
    beside = {file.name for file in FOLDER.glob("*.yaml")} - {"kustomization.yaml", "source.yaml"}
    assert set(whole["resources"]) == beside
    assert whole["configMapGenerator"][0]["files"] == ["ebbtide.toml"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_the_kustomization_renders() -> None:
    """What `kubectl apply --kustomize` would send is valid, too, and uses the settings under their generated name."""
    rendered = subprocess.run(["kubectl", "kustomize", str(FOLDER)], capture_output=True, text=True, check=True).stdout
    found = list(yaml.safe_load_all(rendered))
    for manifest in found:
        if manifest["kind"] not in OWN:
            kubernetes_validate.validate(manifest, VERSION, strict=True)
    (config,) = [manifest["metadata"]["name"] for manifest in found if manifest["kind"] == "ConfigMap"]
    assert config != "ebbtide-settings"
    assert rendered.count(f"name: {config}") == len(pods())  # but for the source, which stands in overlays


@pytest.mark.parametrize("name", pods())
def test_pods_have_no_privileges(name: str) -> None:
    """Not root, nothing gained, a root that is read-only, no token of the cluster, bounded memory."""
    pod = pods()[name]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", pods())
def test_pods_know_the_secrets_that_they_need(name: str) -> None:
    """Each logs in to Kafka; only the delivery knows how to reach the receivers."""
    (container,) = pods()[name]["spec"]["containers"]
    wanted = ["ebbtide-secrets", "ebbtide-alerts-secrets"] if container["args"] == ["alerts"] else ["ebbtide-secrets"]
    assert container["envFrom"] == [{"secretRef": {"name": secret, "optional": True}} for secret in wanted]


def test_the_pages_ask_for_the_token_of_a_secret() -> None:
    """Workers get it as a file of a secret that must exist, and Prometheus shows the same."""
    pod = pods()["StatefulSet/ebbtide-worker"]["spec"]
    (container,) = pod["containers"]
    variables = {variable["name"]: variable.get("value") for variable in container["env"]}
    (secret,) = [volume for volume in pod["volumes"] if "secret" in volume]
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == secret["name"]]
    assert "optional" not in secret["secret"]
    assert variables["EBBTIDE_WEB_TOKEN_FILE"] == f"{mount['mountPath']}/token"
    monitors = {m["metadata"]["name"]: m["spec"] for m in manifests() if m["kind"] == "PodMonitor"}
    (endpoint,) = monitors["ebbtide-worker"]["podMetricsEndpoints"]
    name = secret["secret"]["secretName"]
    assert endpoint["authorization"] == {"type": "Bearer", "credentials": {"name": name, "key": "token"}}
    assert f"secret generic {name} --from-literal=token=" in (rules.ROOT / "docs" / "deploy.md").read_text()


@pytest.mark.parametrize("name", pods())
def test_pods_run_commands_that_there_are(name: str) -> None:
    """The arguments of each container are a command of `ebbtide`."""
    (container,) = pods()[name]["spec"]["containers"]
    assert container["args"][0] in commands()


def test_ports_are_those_of_the_settings() -> None:
    """The worker's port in the pod, the service and the network policy is that of the settings."""
    port = settings().web.port
    named = [manifest for manifest in manifests() if "metadata" in manifest]
    by_kind = {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in named}
    (container,) = pods()["StatefulSet/ebbtide-worker"]["spec"]["containers"]
    assert container["ports"] == [{"name": "web", "containerPort": port}]
    assert by_kind["Service", "ebbtide-worker"]["spec"]["ports"][0]["port"] == port
    allowed = by_kind["NetworkPolicy", "ebbtide"]["spec"]["ingress"][0]["ports"]
    assert {"port": port, "protocol": "TCP"} in allowed


def test_alerts_have_a_receiver() -> None:
    """Its pod would start again and again without a receiver; its metrics are where the policy lets Prometheus in."""
    alerts = settings().alerts
    assert [endpoint.url.reveal() for endpoint in load_endpoints(alerts).values()] == [ADDRESS]
    assert alerts.bind == "0.0.0.0"
    policies = [manifest for manifest in manifests() if manifest["kind"] == "NetworkPolicy"]
    by_name = {policy["metadata"]["name"]: policy["spec"] for policy in policies}
    (container,) = pods()["Deployment/ebbtide-alerts"]["spec"]["containers"]
    assert container["ports"] == [{"name": "web", "containerPort": alerts.port}]
    assert {"port": alerts.port, "protocol": "TCP"} in by_name["ebbtide"]["ingress"][0]["ports"]
    assert {"port": 9093, "protocol": "TCP"} in by_name["ebbtide-alerts"]["egress"][1]["ports"]


@pytest.mark.parametrize("name", ["StatefulSet/ebbtide-worker", "Deployment/ebbtide-alerts"])
def test_what_keeps_running_is_watched(name: str) -> None:
    """A process that hangs is started again, and one that is not ready holds up a rolling update."""
    (container,) = pods()[name]["spec"]["containers"]
    ready = "/readyz?standby=ok" if "worker" in name else "/readyz"
    probes = ("startupProbe", "livenessProbe", "readinessProbe")
    assert [container[probe]["httpGet"] for probe in probes] == [
        {"path": path, "port": "web"} for path in ("/healthz", "/healthz", ready)
    ]


def test_prometheus_scrapes_the_jobs_that_the_rules_know() -> None:
    """Each job of prometheus.yml has a monitor of that name, or alerts on its absence would fire and no other."""
    monitors = [manifest["spec"] for manifest in manifests() if manifest["kind"] == "PodMonitor"]
    jobs = {}
    for monitor in monitors:
        (endpoint,) = monitor["podMetricsEndpoints"]
        assert (endpoint["port"], endpoint["path"]) == ("web", "/metrics")
        (named,) = [rule["replacement"] for rule in endpoint["relabelings"] if rule["targetLabel"] == "job"]
        jobs[named] = monitor["selector"]["matchLabels"]["app.kubernetes.io/component"]
    assert jobs == {"ebbtide": "worker", "ebbtide-alerts": "alerts", "ebbtide-sources": "source"}
    scraped = rules.read(rules.PROMETHEUS / "prometheus.yml")["scrape_configs"]
    assert jobs.keys() == {config["job_name"] for config in scraped}


def test_the_command_in_the_page_makes_objects_of_the_rules() -> None:
    """What it hands to kubectl are the groups of each file, for the Prometheus operator."""
    page = (rules.ROOT / "docs" / "deploy.md").read_text()
    ((command, namespace),) = re.findall(
        r"^(awk .*?) \| kubectl apply --namespace (\S+) ", page, re.MULTILINE | re.DOTALL
    )
    made = subprocess.run(command, shell=True, capture_output=True, text=True, check=True, cwd=rules.ROOT).stdout
    found = {built["metadata"]["name"]: built for built in yaml.safe_load_all(made)}
    assert {name: built["spec"] for name, built in found.items()} == {
        f"ebbtide-{path.stem}": rules.read(path) for path in rules.RULES
    }
    assert {(built["apiVersion"], built["kind"]) for built in found.values()} == {
        ("monitoring.coreos.com/v1", "PrometheusRule")
    }
    assert namespace in {manifest["metadata"]["name"] for manifest in manifests() if manifest["kind"] == "Namespace"}


def test_no_more_workers_than_partitions() -> None:
    """The autoscaler stops where another worker would have nothing to do, and takes a metric that the worker has."""
    (scaler,) = [manifest["spec"] for manifest in manifests() if manifest["kind"] == "HorizontalPodAutoscaler"]
    assert scaler["maxReplicas"] <= settings().kafka.partitions
    assert scaler["metrics"][0]["external"]["metric"]["name"] == "ebbtide_partition_lag_messages"


def test_the_adapter_of_the_page_serves_what_the_autoscaler_asks_for(tmp_path: Path) -> None:
    """Under its name, of its namespace (without the override the adapter has no label for it), and by a valid query."""
    (scaler,) = [manifest["spec"] for manifest in manifests() if manifest["kind"] == "HorizontalPodAutoscaler"]
    page = (rules.ROOT / "docs" / "deploy.md").read_text()
    (block,) = re.findall(r"^```yaml\n(externalRules:.*?)^```", page, re.MULTILINE | re.DOTALL)
    (rule,) = yaml.safe_load(block)["externalRules"]
    assert rule["name"]["as"] == rule["seriesQuery"] == scaler["metrics"][0]["external"]["metric"]["name"]
    assert rule["resources"]["overrides"] == {"namespace": {"resource": "namespace"}}
    query = (
        rule["metricsQuery"].replace("<<.Series>>", rule["seriesQuery"]).replace("<<.LabelMatchers>>", 'namespace="x"')
    )
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "x", "rules": [{"record": "a:b:c", "expr": query}]}]}))
    prometheus.run("promtool", "check", "rules", path)


def test_selectors_find_the_pods() -> None:
    """Each selector for pods of a component matches the labels of a template."""
    labels = [set(pod["metadata"]["labels"].items()) for pod in pods().values()]
    for manifest in manifests():
        has_selector = manifest["kind"] in ("Service", "PodDisruptionBudget", "PodMonitor")
        selector = manifest["spec"].get("selector", {}) if has_selector else {}
        wanted = set(selector.get("matchLabels", selector).items())
        assert any(wanted <= template for template in labels), manifest["metadata"]["name"]
