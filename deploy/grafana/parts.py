"""Parts that all dashboards share: queries, variables, and panels with a title, a description and a unit."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

AnyPanel: TypeAlias = Builder[models.Panel]
SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN, YELLOW, ORANGE, RED, GREY = "green", "yellow", "orange", "red", "#8e8e8e"
SEVERITIES = {"partial": YELLOW, "major": ORANGE, "total": RED}  # mildest first, as in schemas/severity.py
JOB = 'job=~"$job"'
JOBS = 'label_values(up{job=~"ebbtide.*"}, job)'  # a job whose targets are all down is among them
CHOSEN = "${datasource:queryparam}&${job:queryparam}"  # of what is chosen on a board, what its links pass on
TIME = "${__url_time_range}"


def panel(kind: Any, title: str, text: str, unit: str, size: tuple[int, int]) -> Any:  # noqa: ANN401
    """Return a builder of a panel. `size`: width, of 24, and height."""
    width, height = size
    return kind.title(title).description(text).datasource(SOURCE).unit(unit).span(width).height(height)


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().show_legend(True).placement(common_models.LegendPlacement.BOTTOM)
    return legend.display_mode(common_models.LegendDisplayMode.LIST)


def graph(title: str, text: str, unit: str, size: tuple[int, int]) -> timeseries.Panel:
    """Return a builder of lines over time that shows gaps. No unit here goes below 0, so the axis starts there."""
    builder: timeseries.Panel = panel(timeseries.Panel(), title, text, unit, size)
    tooltip = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI)
    return (
        builder.min(0)
        .line_width(1)
        .fill_opacity(8)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(_legend())
        .tooltip(tooltip)
    )


def timeline(title: str, text: str, unit: str, size: tuple[int, int]) -> statetimeline.Panel:
    """Return a builder of a row of states for each series. Its legend names the colours of the thresholds."""
    builder: statetimeline.Panel = panel(statetimeline.Panel(), title, text, unit, size)
    builder = builder.merge_values(True).show_value(common_models.VisibilityMode.NEVER).row_height(0.9)
    return builder.color_scheme(by_threshold()).legend(_legend())


def number(title: str, text: str, unit: str, size: tuple[int, int]) -> stat.Panel:
    """Return a builder of current numbers. Without data it says so, in grey."""
    builder: stat.Panel = panel(stat.Panel(), title, text, unit, size)
    newest = common.ReduceDataOptions().calcs(["lastNotNull"])
    builder = builder.reduce_options(newest).color_mode(common_models.BigValueColorMode.BACKGROUND)
    return builder.color_scheme(by_threshold()).no_value("unknown")


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


def steps(*levels: tuple[float, str]) -> dashboard.ThresholdsConfig:
    """Return thresholds: each colour applies from its value up. Below is what is unknown, such as no data: grey."""
    thresholds = [models.Threshold(value=value, color=color) for value, color in ((None, GREY), *levels)]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(thresholds)


def by_threshold() -> dashboard.FieldColor:
    """Return the colour mode that uses the thresholds."""
    return dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)


def column(**properties: object) -> list[models.DynamicConfigValue]:
    """Return properties that override those of a column or line. Underscores in their names become dots."""
    return [models.DynamicConfigValue(id_val=name.replace("_", "."), value=value) for name, value in properties.items()]


def coloured(
    colours: dict[str, str], texts: tuple[str, ...] = (), **properties: object
) -> list[models.DynamicConfigValue]:
    """Return a column of values with these colours and texts. Grafana 9 reads `displayMode`, newer `cellOptions`."""
    options = {name: {"color": colour, "index": place} for place, (name, colour) in enumerate(colours.items())}
    options = {name: options[name] | {"text": text} for name, text in zip(colours, texts or colours, strict=True)}
    shown = {"custom_displayMode": "color-text", "custom_cellOptions": {"type": "color-text"}}
    return column(**shown, mappings=[{"type": "value", "options": options}], **properties)


def share(**properties: object) -> list[models.DynamicConfigValue]:
    """Return a column of shares, in per cent as everywhere."""
    return column(unit="percentunit", decimals=0, **properties)


def links(*pairs: tuple[str, str]) -> list[dict[str, object]]:
    """Return links for the cells of a column, each a title and an address."""
    return [{"title": title, "url": url, "targetBlank": False} for title, url in pairs]


def to_board(uid: str, more: str = "") -> str:
    """Return the address of a dashboard for the same data source, jobs and time. `more`: other variables."""
    return "&".join(filter(None, [f"/d/{uid}?{CHOSEN}", more, TIME]))


def to_runbook(alert: str) -> str:
    """Return the address of a runbook, on the host that stands in the alerts too: docs/alerting.md replaces it."""
    return f"https://ebbtide.example/docs/runbooks/{alert}.md"


def to_pages(path: str) -> str:
    """Return the address of a page of the worker, which it says where its pages are."""
    return f"${{pages:raw}}{path}"


def joined(field: str) -> models.DataTransformerConfig:
    """Return a transformation that makes one table of several, by a column."""
    return models.DataTransformerConfig(id_val="joinByField", options={"byField": field})


def arranged(hidden: tuple[str, ...], names: dict[str, str], order: tuple[str, ...]) -> models.DataTransformerConfig:
    """Return a transformation that hides, renames and orders columns. Other columns come last."""
    left_out = ("Time", *(f"Time {n}" for n in range(1, 9)), *hidden)
    places = {name: place for place, name in enumerate(order)}
    options = {"excludeByName": dict.fromkeys(left_out, True), "renameByName": names, "indexByName": places}
    return models.DataTransformerConfig(id_val="organize", options=options)


def datasource() -> dashboard.DatasourceVariable:
    """Return the variable for the Prometheus data source; the provisioned one unless another is chosen."""
    provisioned = models.VariableOption(selected=True, text="Prometheus", value="ebbtide-prometheus")
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus").current(provisioned)


def choice(name: str, label: str, query: str, *, many: bool = True) -> dashboard.QueryVariable:
    """Return a variable with the values of a label. `many`: allow several values; all are selected by default."""
    variable = dashboard.QueryVariable(name).label(label).datasource(SOURCE).query({"query": query, "refId": name})
    variable = variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)
    return _with_all(variable).all_value(".*") if many else variable


def _with_all(variable: dashboard.QueryVariable) -> dashboard.QueryVariable:
    chosen = models.VariableOption(selected=True, text=["All"], value=["$__all"])
    return variable.multi(True).include_all(True).current(chosen)


def job() -> dashboard.QueryVariable:
    """Return the variable for our jobs in Prometheus. All of them are a list of names, so that no other job matches."""
    return _with_all(choice("job", "Job", JOBS, many=False))


def pages() -> dashboard.QueryVariable:
    """Return the hidden variable with the address of the worker's pages."""
    variable = choice("pages", "Pages", f"label_values(ebbtide_web_info{{{JOB}}}, url)", many=False)
    return variable.hide(models.VariableHide.HIDE_VARIABLE)


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
