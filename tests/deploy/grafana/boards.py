"""The dashboards as they are checked in, and what stands in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parents[3] / "deploy" / "grafana"
FILES = sorted([*FOLDER.glob("dashboards/*.json"), *FOLDER.glob("optional/*.json")])
METRIC = re.compile(r"\b(?:(?:ebbtide|process)_[a-z0-9_]+|up(?=\{))")


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
    """Return all panels that show data, each with the uid of its dashboard."""
    return [(uid, panel) for uid, board in boards().items() for panel in board["panels"] if panel["type"] != "text"]


def panel(uid: str, title: str) -> dict[str, Any]:
    """Return the panel of a dashboard with this title."""
    (found,) = [panel for of, panel in panels() if (of, panel["title"]) == (uid, title)]
    return found


def overrides(panel: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what a panel overrides, by column or line: properties by name. Later ones win."""
    found: dict[str, dict[str, Any]] = {}
    for override in panel["fieldConfig"]["overrides"]:
        properties = {item["id"]: item["value"] for item in override["properties"]}
        found.setdefault(override["matcher"]["options"], {}).update(properties)
    return found


def columns(panel: dict[str, Any]) -> list[str]:
    """Return the columns of a table in their order, by the names that they are shown with."""
    options = panel["transformations"][-1]["options"]
    order = sorted(options["indexByName"], key=options["indexByName"].get)
    return [options["renameByName"].get(name, name) for name in order]


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


def query(uid: str, title: str, ref: str = "A") -> str:
    """Return one query of a panel."""
    (found,) = [query.expr for query in queries() if (query.board, query.where) == (uid, f"{title} ({ref})")]
    return found


def variables(uid: str) -> dict[str, dict[str, Any]]:
    """Return the variables of a dashboard by name."""
    return {variable["name"]: variable for variable in boards()[uid]["templating"]["list"]}
