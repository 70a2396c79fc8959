"""The dashboards as they are checked in, and what stands in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parents[3] / "deploy" / "grafana"
FILES = sorted([*FOLDER.glob("dashboards/*.json"), *FOLDER.glob("optional/*.json")])
METRIC = re.compile(r"\b(?:ebbtide|process)_[a-z0-9_]+")


class Query(NamedTuple):
    """A query of a panel, of a variable or of the annotations, and where it stands."""

    board: str
    where: str
    expr: str
    is_over_time: bool


def boards() -> dict[str, dict[str, Any]]:
    """Return all dashboards by uid."""
    return {board["uid"]: board for board in map(json.loads, (file.read_text() for file in FILES))}


def panels() -> list[tuple[str, dict[str, Any]]]:
    """Return all panels, each with the uid of its dashboard."""
    return [(uid, panel) for uid, board in boards().items() for panel in board["panels"]]


def queries() -> Iterator[Query]:
    """Yield all queries of Prometheus."""
    for uid, panel in panels():
        for target in panel["targets"]:
            if "expr" in target:
                yield Query(uid, f"{panel['title']} ({target['refId']})", target["expr"], target.get("range", False))
    for uid, board in boards().items():
        for mark in board["annotations"].get("list", []):
            if mark["datasource"]["type"] == "prometheus":
                yield Query(uid, f"annotation {mark['name']}", mark["expr"], False)


def variables(uid: str) -> dict[str, dict[str, Any]]:
    """Return the variables of a dashboard by name."""
    return {variable["name"]: variable for variable in boards()[uid]["templating"]["list"]}
