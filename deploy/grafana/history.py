"""*History*, optional: outages and incidents from the worker's JSON API, through the Infinity plugin."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import dashboard, table
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard as models

from deploy.grafana.parts import Made, board, column, grid

KIND = "yesoreyeram-infinity-datasource"
SOURCE = models.DataSourceRef(type_val=KIND, uid="${infinity}")


class Rows(Dataquery):
    """A query of the plugin: the list under a key of a JSON document, with these columns."""

    def __init__(self, path: str, root: str, columns: dict[str, str]) -> None:
        self.path, self.root, self.columns = path, root, columns

    def to_json(self) -> dict[str, Any]:
        """Return the query as the plugin stores it. The data source has the base address."""
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
    builder = board("ebbtide-history", "Ebbtide history", "Recent incidents and outages.", [source])
    incidents = {"started_at": "timestamp", "confirmed_at": "timestamp", "state": "string"}
    incidents |= {"severity": "string", "headline": "string"}
    outages = {"started_at": "timestamp", "entity": "string", "state": "string", "max_drop": "number", "feed": "string"}
    text = "The newest revision of each, including those that ended recently."
    outage_table = _table("Outages", text, "outages", outages)
    outage_table = outage_table.override_by_name("max_drop", column(unit="percentunit", decimals=0))
    return builder.with_panel(_table("Incidents", text, "incidents", incidents)).with_panel(outage_table)


def _table(title: str, text: str, path: str, columns: dict[str, str]) -> table.Panel:
    query = Rows(f"/api/v1/{path}", path, columns)
    return grid(title, text, (24, 12)).datasource(SOURCE).with_target(Made(query))
