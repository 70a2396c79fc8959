"""Prometheus's rules: valid, each alert with its texts, its unit test and its runbook; promtool says so."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import prometheus
from tests.deploy import rules

ALERTS = rules.alerts()
ANNOTATIONS = {"summary", "description", "runbook_url", "dashboard_url"}
NAME = re.compile(r"\b(?:[a-z_]+:)?ebbtide_[a-z0-9_]+(?::[a-z0-9_]+)?\b")
SEVERITIES = {"critical", "warning", "info", "none"}


def test_promtool_finds_configuration_and_rules_valid() -> None:
    """The example's configuration with all rule files that it names."""
    said = prometheus.run("promtool", "check", "config", rules.PROMETHEUS / "prometheus.yml")
    assert f"{len(rules.RULES)} rule files found" in said
    assert "is valid prometheus config file syntax" in said


def test_targets_are_given_for_a_host_and_for_the_composition() -> None:
    """Both folders have the files that the configuration names, with one port; sources may have none."""
    names = re.findall(r"targets/(\w+\.yml)", (rules.PROMETHEUS / "prometheus.yml").read_text())
    assert len(names) == 4
    for name in names:
        addresses = [rules.read(rules.PROMETHEUS / folder / name) for folder in ("targets", "targets.compose")]
        ports = {target.rpartition(":")[2] for groups in addresses for group in groups for target in group["targets"]}
        assert len(ports) == (name != "sources.yml")


@pytest.mark.parametrize("path", rules.UNIT_TESTS, ids=lambda path: path.stem)
def test_promtool_runs_the_unit_tests(path: Path) -> None:
    """Alerts fire when they should and not when they should not, with these labels and texts."""
    assert "SUCCESS" in prometheus.run("promtool", "test", "rules", path.name, at=path.parent)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_all_that_it_must(name: str) -> None:
    """Severity, a summary without templates, description, links, and how long it waits and stays."""
    alert = ALERTS[name]
    assert alert.keys() == {"alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
    assert alert["annotations"].keys() == ANNOTATIONS
    assert alert["labels"].keys() == {"severity"}
    assert alert["labels"]["severity"] in SEVERITIES
    assert "{{" not in alert["annotations"]["summary"]
    assert name.startswith("Ebbtide")


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_seen_firing_and_not_firing(name: str) -> None:
    """There is a unit test of both, and the first compares the texts. The watchdog has no other state than firing."""
    mine = [check["exp_alerts"] for check in rules.checks() if check["alertname"] == name]
    firing = [alert for alerts in mine for alert in alerts]
    assert firing
    assert all(alert["exp_annotations"].keys() == ANNOTATIONS for alert in firing)
    assert name == "EbbtideWatchdog" or [] in mine


def test_no_unit_test_is_of_an_alert_that_is_not_there() -> None:
    """A name that is misspelt would be a test that cannot fail."""
    assert {check["alertname"] for check in rules.checks()} == ALERTS.keys()


@pytest.mark.parametrize("name", ALERTS)
def test_the_links_of_an_alert_lead_somewhere(name: str) -> None:
    """The runbook is its own, in docs/runbooks; the dashboard is one of ours and has the variables that are set."""
    links = ALERTS[name]["annotations"]
    assert rules.in_repository(links["runbook_url"]) == rules.ROOT / "docs" / "runbooks" / f"{name}.md"
    parts = urlsplit(re.sub(r"{{.*?}}", "x", links["dashboard_url"]))
    assert (parts.scheme, parts.netloc) == ("https", rules.GRAFANA)
    variables = dashboards()[parts.path.removeprefix("/d/")]
    assert set(re.findall(r"var-(\w+)=", parts.query)) <= variables


@cache
def dashboards() -> dict[str, set[str]]:
    """Return the variables of each dashboard in deploy/grafana, by its uid."""
    found = [rules.read(path) for path in (rules.ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")]
    return {board["uid"]: {variable["name"] for variable in board["templating"]["list"]} for board in found}


def test_recording_rules_are_named_by_level_metric_and_operation() -> None:
    """As Prometheus's practice has it; the metric is one of ours."""
    for name in rules.recorded():
        assert re.fullmatch(r"[a-z_]+:ebbtide_[a-z_]+:[a-z0-9_]+", name), name


def test_rules_name_no_metric_that_is_not_exported(metrics: set[str]) -> None:
    """All that rules and runbooks ask for is in docs/metrics.md or is recorded."""
    defined = [rule for group in rules.groups() for rule in group["rules"]]
    texts = [str(rule["expr"]) + str(rule.get("annotations", "")) for rule in defined]
    texts += [path.read_text() for path in (rules.ROOT / "docs" / "runbooks").glob("*.md")]
    assert {name for text in texts for name in NAME.findall(text)} - metrics == set()


@pytest.fixture
def metrics() -> set[str]:
    """Names of all metrics that there are."""
    page = (rules.ROOT / "docs" / "metrics.md").read_text()
    exported = set(re.findall(r"^\| `(ebbtide_\w+)` ", page, re.MULTILINE))
    exported |= {f"{name}_bucket" for name in re.findall(r"^\| `(\w+)` \| histogram", page, re.MULTILINE)}
    return exported | set(rules.recorded())


def test_the_page_lists_all_alerts_with_their_severity() -> None:
    """docs/alerting.md has a row for each."""
    page = (rules.ROOT / "docs" / "alerting.md").read_text()
    rows = dict(re.findall(r"^\| \[(\w+)\]\(runbooks/\1\.md\) \| (\w+) \|", page, re.MULTILINE))
    assert rows == {name: alert["labels"]["severity"] for name, alert in ALERTS.items()}


def test_the_command_in_the_page_puts_in_other_links(tmp_path: Path) -> None:
    """After it, no file of rules and no dashboard has a link to a placeholder."""
    page = (rules.ROOT / "docs" / "alerting.md").read_text()
    (command,) = re.findall(r"^sed .*$", page, re.MULTILINE)
    for folder in ("prometheus/rules", "grafana/dashboards"):
        shutil.copytree(rules.ROOT / "deploy" / folder, tmp_path / folder)
    assert any(".example" in path.read_text() for path in tmp_path.rglob("*.json"))
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    texts = [path.read_text() for path in tmp_path.rglob("*.*")]
    assert not any(".example" in text for text in texts)
    assert sum(text.count("https://grafana.internal/d/ebbtide-") for text in texts) == len(ALERTS)
