"""The countries on a map and over time, by the share of each that incidents affect."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard, geomap, statetimeline
from grafana_foundation_sdk.builders import text as text_builders
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.geomap import TooltipMode
from grafana_foundation_sdk.models.text import TextMode

from deploy.grafana.lists import HERE
from deploy.grafana.parts import (
    GREEN,
    GREY,
    ORANGE,
    RED,
    YELLOW,
    by_threshold,
    over_time,
    panel,
    rows,
    steps,
    timeline,
)

SHAPES = "public/maps/countries.geojson"  # identifies countries by three letters
SHARE = f"ebbtide_country_affected_ratio{{{HERE}}}"
SHARES = {
    "less than 1 %": (0.0, GREEN),
    "from 1 %": (0.01, YELLOW),
    "from 10 %": (0.1, ORANGE),
    "from 50 %": (0.5, RED),
}
TEXT = (
    "Share of what is measured in a country that its worst confirmed incident affects now. "
    "A country without colour is not measured, or its feeds are silent, warm up or are at fault."
)


def _steps() -> dashboard.ThresholdsConfig:
    return steps(*SHARES.values())


def world() -> geomap.Panel:
    """Return the map."""
    lines = {"opacity": 0.2, "color": {"fixed": GREY}, "lineWidth": 1}
    # The usual base map is fetched from a server outside; this one comes with Grafana.
    base = _layer("geojson", "Coast").config({"src": SHAPES, "rules": [], "style": lines})
    filled = {"opacity": 0.7, "color": {"field": "Value"}}
    config = {"src": SHAPES, "idField": "alpha3", "rules": [], "style": lines, "dataStyle": filled}
    layer = _layer("dynamic-geojson", "Countries").config(config).tooltip(True)
    found: geomap.Panel = panel(geomap.Panel(), "World", TEXT, "percentunit", (12, 16))
    # Grafana does not colour the first row (`if (idx && dims)` in its layer), so that is of no country.
    first = 'label_replace(vector(-1), "alpha3", "-", "", "")'
    sort = models.DataTransformerConfig(
        id_val="sortBy", options={"fields": {}, "sort": [{"field": "Value", "desc": False}]}
    )
    return (
        found.with_target(rows(f"max by (country, alpha3) ({SHARE}) or {first}"))
        .with_transformation(sort)
        .decimals(0)
        .basemap(base)
        .layers([layer])
        .tooltip(geomap.TooltipOptions().mode(TooltipMode.DETAILS))
        .view(geomap.MapViewConfig().id("zero").lat(20).lon(10).zoom(1.3))  # type: ignore[arg-type]  # Grafana stores parts, too
        .controls(geomap.ControlsOptions().show_zoom(True).mouse_wheel_zoom(False).show_attribution(True))
        .thresholds(_steps())
        .color_scheme(by_threshold())
    )


def _layer(kind: str, name: str) -> common_builders.MapLayerOptions:
    return common_builders.MapLayerOptions().type(kind).name(name)


def countries() -> statetimeline.Panel:
    """Return the countries over time. They are chosen once for the whole range, so that no row has holes."""
    worst = f"topk(20, max by (country) (max_over_time({SHARE}[$__range] @ end())))"
    expr = f"max by (country) ({SHARE}) and on (country) {worst}"
    text = f"The 20 countries with the largest shares within the time shown. {TEXT}"
    found = timeline("Countries over time", text, "percentunit", (12, 16))
    return found.with_target(over_time(expr, "{{country}}")).decimals(0).thresholds(_steps())


def legend() -> text_builders.Panel:
    """Return the legend of both, since the map has none."""
    marks = [f'<span style="color:{colour}">■</span>&nbsp;{name}' for name, (_, colour) in SHARES.items()]
    shown = f'{" &emsp; ".join(marks)} of the country lost &emsp; <span style="color:{GREY}">■</span>&nbsp;unknown'
    return (
        text_builders.Panel()
        .title("")
        .description("The colours of the map and of the countries over time.")
        .mode(TextMode.HTML)
        .content(shown)
        .transparent(True)
        .span(24)
        .height(2)
    )
