"""*History*, optional: what the worker's JSON API knows, through the Infinity plugin; Prometheus keeps no sentences."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import dashboard, table
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard as models

from deploy.grafana.parts import Made, board, column, grid

KIND = "yesoreyeram-infinity-datasource"
SOURCE = models.DataSourceRef(type_val=KIND, uid="${infinity}")


class Rows(Dataquery):
    """A query of the plugin: the list under a key of a JSON answer, with these columns."""

    def __init__(self, path: str, root: str, columns: dict[str, str]) -> None:
        self.path, self.root, self.columns = path, root, columns

    def to_json(self) -> dict[str, Any]:
        """Return it as the plugin stores it. The base address is the data source's."""
        return {
            "refId": "A",
            "datasource": SOURCE,
            "type": "json",
            "source": "url",
            "format": "table",
            "parser": "backend",
            "url": self.path,
            "url_options": {"method": "GET", "data": ""},
            "root_selector": self.root,
            "columns": [{"selector": name, "text": name, "type": kind} for name, kind in self.columns.items()],
        }


def history() -> dashboard.Dashboard:
    """Return the dashboard."""
    source = dashboard.DatasourceVariable("infinity").label("JSON API").type(KIND)
    its = board("ebbtide-history", "Ebbtide history", "What has been told lately, in sentences.", [source])
    incidents = {"started_at": "timestamp", "state": "string", "severity": "string", "headline": "string"}
    outages = {"started_at": "timestamp", "entity": "string", "state": "string", "max_drop": "number", "feed": "string"}
    told = _table("Incidents", "The newest revision of each, those that have ended lately too.", "incidents", incidents)
    fell = _table("Outages", "The newest revision of each, those that have ended lately too.", "outages", outages)
    return its.with_panel(told).with_panel(fell.override_by_name("max_drop", column(unit="percentunit", decimals=0)))


def _table(title: str, text: str, what: str, columns: dict[str, str]) -> table.Panel:
    query = Rows(f"/api/v1/{what}", what, columns)
    return grid(title, text, (24, 12)).datasource(SOURCE).with_target(Made(query))
