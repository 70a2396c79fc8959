"""Parts that all dashboards share: queries, variables, and panels with a title, a description and a unit."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

AnyPanel: TypeAlias = Builder[models.Panel]
SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN, YELLOW, ORANGE, RED, GREY = "green", "yellow", "orange", "red", "#8e8e8e"
SEVERITIES = {"partial": YELLOW, "major": ORANGE, "total": RED}  # mildest first, as in schemas/severity.py


def panel(kind: Any, title: str, text: str, unit: str, size: tuple[int, int]) -> Any:  # noqa: ANN401
    """Return a builder of a panel. `size`: width, of 24, and height."""
    width, height = size
    return kind.title(title).description(text).datasource(SOURCE).unit(unit).span(width).height(height)


def graph(title: str, text: str, unit: str, size: tuple[int, int]) -> timeseries.Panel:
    """Return a builder of lines over time that shows gaps."""
    builder: timeseries.Panel = panel(timeseries.Panel(), title, text, unit, size)
    legend = common.VizLegendOptions().show_legend(True).placement(common_models.LegendPlacement.BOTTOM)
    legend = legend.display_mode(common_models.LegendDisplayMode.LIST)
    tooltip = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI)
    return (
        builder.line_width(1)
        .fill_opacity(8)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(legend)
        .tooltip(tooltip)
    )


def number(title: str, text: str, unit: str, size: tuple[int, int]) -> stat.Panel:
    """Return a builder of current numbers."""
    builder: stat.Panel = panel(stat.Panel(), title, text, unit, size)
    newest = common.ReduceDataOptions().calcs(["lastNotNull"])
    return builder.reduce_options(newest).color_mode(common_models.BigValueColorMode.BACKGROUND)


def grid(title: str, text: str, size: tuple[int, int]) -> table.Panel:
    """Return a builder of a table without a unit. Its columns set theirs, or AS numbers would become percentages."""
    builder: table.Panel = panel(table.Panel(), title, text, "none", size)
    return builder.no_value("–")


def over_time(expr: str, legend: str = "__auto", ref: str = "A") -> prometheus.Dataquery:
    """Return a range query: a line for each series."""
    return prometheus.Dataquery().expr(expr).legend_format(legend).ref_id(ref).range().datasource(SOURCE)


def now(expr: str, legend: str = "__auto", ref: str = "A") -> prometheus.Dataquery:
    """Return an instant query: a number for each series."""
    return prometheus.Dataquery().expr(expr).legend_format(legend).ref_id(ref).instant().datasource(SOURCE)


def rows(expr: str, ref: str = "A") -> prometheus.Dataquery:
    """Return an instant query as a table with a column for each label."""
    return now(expr, ref=ref).format(PromQueryFormat.TABLE)


def steps(*levels: tuple[float | None, str]) -> dashboard.ThresholdsConfig:
    """Return thresholds: each colour applies from its value up. The first value is None."""
    thresholds = [models.Threshold(value=value, color=color) for value, color in levels]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(thresholds)


def by_threshold() -> dashboard.FieldColor:
    """Return the colour mode that uses the thresholds."""
    return dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)


def column(**properties: object) -> list[models.DynamicConfigValue]:
    """Return properties that override those of a column or line. Underscores in their names become dots."""
    return [models.DynamicConfigValue(id_val=name.replace("_", "."), value=value) for name, value in properties.items()]


def link(title: str, url: str) -> list[dict[str, object]]:
    """Return a link for the cells of a column."""
    return [{"title": title, "url": url, "targetBlank": False}]


def datasource() -> dashboard.DatasourceVariable:
    """Return the variable for the Prometheus data source."""
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def choice(name: str, label: str, query: str, *, many: bool = True) -> dashboard.QueryVariable:
    """Return a variable with the values of a label. `many`: allow several values; all are selected by default."""
    variable = dashboard.QueryVariable(name).label(label).datasource(SOURCE).query({"query": query, "refId": name})
    variable = variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)
    return variable.multi(True).include_all(True).all_value(".*") if many else variable


def job() -> dashboard.QueryVariable:
    """Return the variable for the job of the workers in Prometheus."""
    return choice("job", "Job", "label_values(ebbtide_build_info, job)")


T = TypeVar("T")


class Made(Builder[T]):
    """A builder of a value that exists already."""

    def __init__(self, made: T) -> None:
        self._made = made

    def build(self) -> T:
        """Return the value."""
        return self._made


class Marks(models.AnnotationQuery):
    """Annotations from Prometheus, with fields that the builders lack. The value is a time in milliseconds."""

    def __init__(self, name: str, expr: str, title: str, text: str, tags: str) -> None:
        super().__init__(name, SOURCE, enable=True, icon_color=RED, expr=expr)
        self.more = {"titleFormat": title, "textFormat": text, "tagKeys": tags, "useValueForTime": True, "step": "60s"}

    def to_json(self) -> dict[str, object]:
        """Return all fields."""
        return super().to_json() | self.more


def board(uid: str, title: str, text: str, variables: list[Any]) -> dashboard.Dashboard:
    """Return a builder of a read-only dashboard with links to the other dashboards."""
    builder = dashboard.Dashboard(title).uid(uid).description(text).tags(["ebbtide"]).readonly().timezone("utc")
    builder = builder.time("now-24h", "now").refresh("30s").tooltip(models.DashboardCursorSync.CROSSHAIR)
    others = dashboard.DashboardLink("Ebbtide").type(models.DashboardLinkType.DASHBOARDS).tags(["ebbtide"])
    return builder.link(others.as_dropdown(False).include_vars(True).keep_time(True)).variables(variables)
