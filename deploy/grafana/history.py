"""*History*, optional: outages and incidents from the worker's JSON API, through the Infinity plugin."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import dashboard, table
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard as models

from deploy.grafana.parts import SEVERITIES, Made, board, coloured, column, grid, share

KIND = "yesoreyeram-infinity-datasource"
TIME = column(unit="dateTimeAsIso", custom_width=165)
SHOWN = {
    "severity": coloured(SEVERITIES, custom_width=90),
    "started_at": TIME,
    "ended_at": TIME,
    "headline": column(custom_minWidth=480),
    "affected_share": share(custom_width=120),
    "max_drop": share(custom_width=100),
}
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
    incidents = {"severity": "string", "started_at": "timestamp", "headline": "string", "state": "string"}
    incidents |= {"affected_share": "number", "ended_at": "timestamp"}
    outages = {"severity": "string", "started_at": "timestamp", "entity": "string", "max_drop": "number"}
    outages |= {"state": "string", "feed": "string", "ended_at": "timestamp"}
    text = "The newest revision of each, including those that ended recently."
    for title, columns in {"Incidents": incidents, "Outages": outages}.items():
        builder = builder.with_panel(_table(title, text, title.lower(), columns))
    return builder


def _table(title: str, text: str, path: str, columns: dict[str, str]) -> table.Panel:
    query = Rows(f"/api/v1/{path}", path, columns)
    found = grid(title, text, (24, 12)).datasource(SOURCE).with_target(Made(query))
    for name, shown in SHOWN.items():
        found = found.override_by_name(name, shown) if name in columns else found
    return found
