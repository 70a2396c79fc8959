"""*Overview*: ongoing incidents and outages, the worst first, and the state of the feeds."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, dashboard, geomap, statetimeline, table
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

from deploy.grafana.parts import (
    GREEN,
    GREY,
    ORANGE,
    RED,
    SEVERITIES,
    YELLOW,
    AnyPanel,
    board,
    by_threshold,
    choice,
    column,
    datasource,
    grid,
    job,
    link,
    now,
    number,
    over_time,
    panel,
    rows,
    steps,
)

HERE = 'job=~"$job", country=~"$country"'
JOB = 'job=~"$job"'
SHAPES = "public/maps/countries.geojson"  # identifies countries by three letters
LEVELS = {name: level for level, name in enumerate(SEVERITIES, 1)}  # 0 for no outage
ENTITY = "/d/ebbtide-entity?${datasource:queryparam}&${job:queryparam}&var-entity=${__value.text:percentencode}"


def overview() -> dashboard.Dashboard:
    """Return the dashboard."""
    country = choice("country", "Country", f"label_values(ebbtide_open_outages{{{JOB}}}, country)")
    builder = board(
        "ebbtide-overview",
        "Ebbtide overview",
        "Which networks are dark, and since when.",
        [datasource(), job(), country],
    )
    for content in (*_counts(), _incidents(), _world(), _countries(), _outages(), *_feeds()):
        builder = builder.with_panel(content)
    return builder


def _counts() -> list[AnyPanel]:
    severe = steps((None, GREEN), (1, RED))
    return [
        number(
            "Open incidents",
            "Confirmed incidents that have not ended, by severity: total from 90 % lost, major from 50 %.",
            "short",
            (8, 4),
        )
        .thresholds(severe)
        .with_target(now(f"sum by (severity) (ebbtide_open_incidents{{{JOB}}})", "{{severity}}")),
        number(
            "Open outages",
            "Series of networks, regions and countries below their baseline. Many of them may be one incident.",
            "short",
            (6, 4),
        )
        .thresholds(steps((None, GREEN), (1, YELLOW), (50, ORANGE)))
        .with_target(now(f"sum(ebbtide_open_outages{{{HERE}}})", "outages")),
        number(
            "Stalled feeds",
            "Feeds that have been silent for two bins plus their lateness. The state of what they measure is unknown.",
            "short",
            (5, 4),
        )
        .thresholds(severe)
        .with_target(now(f"sum(max by (feed) (ebbtide_feed_stalled{{{JOB}}}))", "feeds")),
        number(
            "Left out of these lists",
            "Elements that the limits in `[metrics]` keep out of the metrics. Above 0 the tables below are incomplete.",
            "short",
            (5, 4),
        )
        .thresholds(steps((None, GREEN), (1, ORANGE)))
        .with_target(now(f"sum(ebbtide_left_out{{{JOB}}})", "left out")),
    ]


def _incidents() -> table.Panel:
    drop, share = f"ebbtide_incident_drop_ratio{{{HERE}}}", f"ebbtide_incident_affected_ratio{{{HERE}}}"
    by = "incident_id, country, severity, state, kinds, suppressed_by"
    start = f"1000 * max by ({by}) (ebbtide_incident_start_timestamp_seconds{{{HERE}}})"
    info = f"max by (incident_id, headline, feeds) (ebbtide_incident_info{{{HERE}}})"
    hidden = {"Time": True, "Value #info": True}
    names = {
        "Value #drop": "lost",
        "Value #share": "of the country",
        "Value #start": "since",
        "incident_id": "incident",
        "suppressed_by": "expected by",
    }
    order = (
        "headline",
        "severity",
        "state",
        "Value #drop",
        "Value #share",
        "Value #start",
        "country",
        "kinds",
        "feeds",
        "suppressed_by",
    )
    return (
        grid("Incidents, worst first", "Newest revision of each incident that has not ended.", (24, 9))
        .with_target(rows(f"max by (incident_id) ({drop})", "drop"))
        .with_target(rows(f"max by (incident_id) ({share})", "share"))
        .with_target(rows(start, "start"))
        .with_target(rows(info, "info"))
        .with_transformation(models.DataTransformerConfig(id_val="joinByField", options={"byField": "incident_id"}))
        .with_transformation(_arranged(hidden, names, order))
        .sort_by([common_builders.TableSortByFieldState().display_name("lost").desc(True)])
        .override_by_name("lost", column(unit="percentunit", decimals=0))
        .override_by_name("of the country", column(unit="percentunit", decimals=0))
        .override_by_name("since", column(unit="dateTimeFromNow"))
        .override_by_name("headline", column(custom_width=620))
        .override_by_name("severity", _coloured())
    )


def _coloured() -> list[models.DynamicConfigValue]:
    """Return a column of severities, each in the colour that the map uses."""
    colours = {name: {"color": colour, "index": place} for place, (name, colour) in enumerate(SEVERITIES.items())}
    return column(custom_cellOptions={"type": "color-text"}, mappings=[{"type": "value", "options": colours}])


def _arranged(hidden: dict[str, bool], names: dict[str, str], order: tuple[str, ...]) -> models.DataTransformerConfig:
    """Return a transformation that hides, renames and orders columns. Other columns come last."""
    repeated = {f"Time {n}": True for n in range(1, 5)}
    places = {name: place for place, name in enumerate(order)}
    options = {"excludeByName": hidden | repeated, "renameByName": names, "indexByName": places}
    return models.DataTransformerConfig(id_val="organize", options=options)


def _world() -> geomap.Panel:
    expr = _level("alpha3")
    lines = {"opacity": 0.2, "color": {"fixed": GREY}, "lineWidth": 1}
    # The usual base map is fetched from a server outside; this one comes with Grafana.
    base = _layer("geojson", "Coast").config({"src": SHAPES, "rules": [], "style": lines})
    filled = {"opacity": 0.7, "color": {"field": "Value"}}
    config = {"src": SHAPES, "idField": "alpha3", "rules": [], "style": lines, "dataStyle": filled}
    layer = _layer("dynamic-geojson", "Countries").config(config).tooltip(True)
    world: geomap.Panel = panel(
        geomap.Panel(),
        "World",
        "The worst outage in each country: 1 partial, 2 major, 3 total. Countries without colour are not measured.",
        "none",
        (12, 11),
    )
    return (
        world.with_target(rows(expr))
        .basemap(base)
        .layers([layer])
        .view(geomap.MapViewConfig().id("zero").lat(20).lon(10).zoom(1))
        .controls(geomap.ControlsOptions().show_zoom(True).mouse_wheel_zoom(False).show_attribution(True))
        .thresholds(_level_steps())
        .color_scheme(by_threshold())
    )


def _layer(kind: str, name: str) -> common_builders.MapLayerOptions:
    return common_builders.MapLayerOptions().type(kind).name(name)


def _level(by: str) -> str:
    """Return a query of the worst severity in each country, 0 for none. `by`: the label of the country."""
    severe = (
        f'{level} * (ebbtide_open_outages{{{HERE}, severity="{name}"}} > bool 0)' for name, level in LEVELS.items()
    )
    return f"max by ({by}) ({' or '.join(severe)})"


def _level_steps() -> dashboard.ThresholdsConfig:
    return steps((None, GREEN), *((float(level), SEVERITIES[name]) for name, level in LEVELS.items()))


def _countries() -> statetimeline.Panel:
    texts = {"0": models.ValueMappingResult(text="normal", color=GREEN, index=0)}
    for name, level in LEVELS.items():
        texts[str(level)] = models.ValueMappingResult(text=name, color=SEVERITIES[name], index=level)
    timeline: statetimeline.Panel = panel(
        statetimeline.Panel(),
        "Countries over time",
        "The worst outage in each country, as the metrics showed it at the time.",
        "none",
        (12, 11),
    )
    return (
        timeline.with_target(over_time(f"topk(20, {_level('country')})", "{{country}}"))
        .merge_values(True)
        .show_value(common.VisibilityMode.NEVER)
        .row_height(0.9)
        .thresholds(_level_steps())
        .mappings([models.ValueMap(options=texts)])
    )


def _outages() -> table.Panel:
    by = "outage_id, entity, country, feed, access, direction, service"
    start = f"1000 * max by ({by}, severity, state, suppressed_by) (ebbtide_outage_start_timestamp_seconds{{{HERE}}})"
    names = {
        "Value #drop": "lost",
        "Value #start": "since",
        "Value #value": "measured",
        "Value #expected": "expected",
        "suppressed_by": "expected by",
    }
    order = (
        "entity",
        "severity",
        "state",
        "Value #drop",
        "Value #start",
        "Value #value",
        "Value #expected",
        "country",
        "feed",
    )
    outages = grid("Outages, worst first", "Ongoing outages, up to the limit in the settings.", (24, 10))
    for ref, metric in (("drop", "drop_ratio"), ("value", "value"), ("expected", "expected")):
        outages = outages.with_target(rows(f"max by (outage_id) (ebbtide_outage_{metric}{{{HERE}}})", ref))
    return (
        outages.with_target(rows(start, "start"))
        .with_transformation(models.DataTransformerConfig(id_val="joinByField", options={"byField": "outage_id"}))
        .with_transformation(_arranged({"Time": True, "outage_id": True}, names, order))
        .sort_by([common_builders.TableSortByFieldState().display_name("lost").desc(True)])
        .override_by_name("lost", column(unit="percentunit", decimals=0))
        .override_by_name("since", column(unit="dateTimeFromNow"))
        .override_by_name("severity", _coloured())
        .override_by_name("entity", column(links=link("Measured and expected", ENTITY)))
    )


def _feeds() -> list[AnyPanel]:
    silent: bargauge.Panel = panel(
        bargauge.Panel(),
        "Silence of feeds",
        "Time since the newest event time of each feed moved. The panel of stalled feeds applies the limits.",
        "s",
        (12, 7),
    )
    return [
        silent.with_target(now(f"max by (feed) (ebbtide_feed_silence_seconds{{{JOB}}})", "{{feed}}")).thresholds(
            steps((None, GREEN), (600, YELLOW), (3600, RED))
        ),
        number("Feed faults", "1 while most series of a feed fall at once. Its outages are held back.", "none", (12, 7))
        .thresholds(steps((None, GREEN), (1, RED)))
        .with_target(now(f"max by (feed) (ebbtide_feed_fault{{{JOB}}})", "{{feed}}")),
    ]
