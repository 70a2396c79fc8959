"""The alerts of deploy/prometheus, their unit tests and what they link to, as the tests read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS, ALERTMANAGER = ROOT / "deploy" / "prometheus", ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
UNIT_TESTS = sorted((Path(__file__).parent / "prometheus").glob("*.test.yml"))
DOCS, GRAFANA = "ebbtide.example", "grafana.example"  # where the links of the rules lead until an operator says where


def read(path: Path) -> Any:  # noqa: ANN401
    """Return what a YAML file holds."""
    return yaml.safe_load(path.read_text())


def groups() -> list[dict[str, Any]]:
    """Return all groups of rules."""
    return [group for path in RULES for group in read(path)["groups"]]


def alerts() -> dict[str, dict[str, Any]]:
    """Return all alerting rules by name."""
    return {rule["alert"]: rule for group in groups() for rule in group["rules"] if "alert" in rule}


def recorded() -> list[str]:
    """Return the names of all recording rules."""
    return [rule["record"] for group in groups() for rule in group["rules"] if "record" in rule]


def checks() -> list[dict[str, Any]]:
    """Return all unit tests of alerts: each names an alert and what must be there."""
    tests = [suite for path in UNIT_TESTS for suite in read(path)["tests"]]
    return [check for suite in tests for check in suite.get("alert_rule_test", [])]


def in_repository(url: str) -> Path:
    """Return the file that a link to the documentation stands for."""
    parts = urlsplit(url)
    assert parts.scheme == "https", url
    assert parts.netloc == DOCS, url
    return ROOT / parts.path.lstrip("/")
