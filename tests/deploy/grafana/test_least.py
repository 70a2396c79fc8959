"""The least Grafana that the dashboards are for is written down, and they use nothing that it lacks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from deploy.grafana.__main__ import LEAST
from tests.deploy import rules
from tests.deploy.grafana.boards import boards

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "least.schema.json").read_text())


@pytest.mark.parametrize("uid", boards())
def test_a_dashboard_uses_nothing_newer(uid: str) -> None:
    """Each panel, option, override and transformation is one of the least version."""
    errors = Draft202012Validator(SCHEMA).iter_errors(boards()[uid])
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_what_is_newer_is_found() -> None:
    """A colour that only Grafana 10 shows, a panel and a transformation that 9.3 has not."""
    board = json.loads(json.dumps(boards()["ebbtide-overview"]))
    table = next(panel for panel in board["panels"] if panel["type"] == "table")
    (severity,) = [o for o in table["fieldConfig"]["overrides"] if o["matcher"]["options"] == "severity"]
    severity["properties"] = [item for item in severity["properties"] if item["id"] != "custom.displayMode"]
    table["transformations"][0]["id"] = "regression"
    board["panels"][0]["type"] = "xychart"
    paths = {error.json_path for error in Draft202012Validator(SCHEMA).iter_errors(board)}
    assert {re.sub(r"\[\d+\]", "", path) for path in paths} == {
        "$.panels.type", "$.panels.transformations.id", "$.panels.fieldConfig.overrides.properties"
    }  # fmt: skip


def test_the_least_version_is_documented() -> None:
    """In the dashboards, in their schema and where an operator reads how to deploy them."""
    assert {need["version"] for board in boards().values() for need in board["__requires"]} == {LEAST}
    page = (rules.ROOT / "docs" / "deploy.md").read_text()
    assert f"Grafana {LEAST.removesuffix('.0')} or newer" in page
    assert SCHEMA["title"].endswith(f"Grafana {LEAST.removesuffix('.0')}")
