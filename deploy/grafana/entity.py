"""*Entity*: one network, region or country, measured against expected, with its feeds side by side.

An entity on the watch list has all panels. Others have the numbers of their outages, while these last.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, table, timeseries
from grafana_foundation_sdk.models import dashboard as models

from deploy.grafana.parts import GREY, Made, Marks, board, choice, column, datasource, graph, grid, job, over_time, rows

FACETS = ("access", "direction", "service")
ANY = '__name__=~"ebbtide_watched_value|ebbtide_outage_start_timestamp_seconds", job=~"$job"'
# Not a regular expression: the name of an entity may contain brackets.
THIS = 'job=~"$job", entity="$entity", feed=~"$feed", ' + ", ".join(f'{name}=~"$facet_{name}"' for name in FACETS)
NAME = "{{feed}} {{access}} {{direction}} {{service}}"
BY = "feed, entity, access, direction, service"


def entity() -> dashboard.Dashboard:
    """Return the dashboard."""
    listed, here = f"{{{ANY}}}", f'{{{ANY}, entity="$entity"}}'
    facets = [choice(f"facet_{name}", name.capitalize(), f"label_values({here}, {name})") for name in FACETS]
    variables = [
        datasource(),
        job(),
        choice("entity", "Entity", f"label_values({listed}, entity)", many=False),
        choice("feed", "Feed", f"label_values({here}, feed)"),
        *facets,
    ]
    text = "Entities on the watch list, `[metrics] watch`, at all times; other entities while their outage lasts."
    builder = board("ebbtide-entity", "Ebbtide entity", text, variables).annotation(Made(_began()))
    for content in (_levels(), _share(), _evidence(), _outages()):
        builder = builder.with_panel(content)
    return builder


def _began() -> Marks:
    """Return marks at the starts of outages, filtered like the panels: those of all entities would drown the graph."""
    expr = f"1000 * max by ({BY}, severity, state) (ebbtide_outage_start_timestamp_seconds{{{THIS}}})"
    return Marks("Outages", expr, "{{entity}} {{severity}} ({{state}})", f"seen by {NAME}", "severity,feed")


def _levels() -> timeseries.Panel:
    """Return a graph for each feed, since their units differ."""
    levels = graph(
        "Measured and expected: $feed",
        "Value and expected level of each bin, and the band of normal values (three spreads to each side). "
        "Entities that are not on the watch list have no band, and numbers only while their outage lasts.",
        "short",
        (24, 9),
    )
    exprs = {name: _level(name) for name in ("value", "expected")}
    exprs |= {name: f"max by ({BY}) (ebbtide_watched_{name}{{{THIS}}})" for name in ("upper", "lower")}
    for name, expr in exprs.items():
        levels = levels.with_target(over_time(expr, f"{name}{{{{access}}}}{{{{direction}}}}{{{{service}}}}", name))
    edge = {"color": {"mode": "fixed", "fixedColor": GREY}, "custom_lineWidth": 0, "custom_fillOpacity": 0}
    levels = levels.override_by_regexp(
        "expected.*", column(custom_lineStyle={"fill": "dash", "dash": [6, 4]}, custom_fillOpacity=0)
    )
    levels = levels.override_by_regexp("lower.*", column(**edge))
    # Grafana fills down to one series by name: the lower edge of the series without facets.
    filled = {**edge, "custom_fillOpacity": 15, "custom_fillBelowTo": "lower"}
    levels = levels.override_by_regexp("upper.*", column(**filled))
    return levels.repeat("feed").repeat_direction("h").max_per_row(2)


def _level(name: str) -> str:
    return " or ".join(f"max by ({BY}) (ebbtide_{family}_{name}{{{THIS}}})" for family in ("watched", "outage"))


def _share() -> timeseries.Panel:
    shares = f"({_level('value')}) / (({_level('expected')}) > 0)"
    return (
        graph(
            "Feeds side by side",
            "Measured value as a share of the expected level, in each feed.",
            "percentunit",
            (12, 9),
        )
        .min(0)
        .with_target(over_time(shares, NAME))
    )


def _evidence() -> timeseries.Panel:
    return graph(
        "Evidence of a fall",
        "Log-likelihood ratio of a fall, in nats. An outage opens where it passes the threshold.",
        "none",
        (12, 9),
    ).with_target(over_time(f"max by ({BY}) (ebbtide_watched_evidence{{{THIS}}})", NAME))


def _outages() -> table.Panel:
    start = f"1000 * max by (outage_id, {BY}, severity, state) (ebbtide_outage_start_timestamp_seconds{{{THIS}}})"
    drop = f"max by (outage_id) (ebbtide_outage_drop_ratio{{{THIS}}})"
    options = {
        "excludeByName": {"Time": True, "Time 1": True, "Time 2": True, "outage_id": True},
        "renameByName": {"Value #start": "since", "Value #drop": "lost"},
    }
    return (
        grid("Ongoing outages", "Outages of this entity. The graphs mark their starts.", (24, 7))
        .with_target(rows(start, "start"))
        .with_target(rows(drop, "drop"))
        .with_transformation(models.DataTransformerConfig(id_val="joinByField", options={"byField": "outage_id"}))
        .with_transformation(models.DataTransformerConfig(id_val="organize", options=options))
        .override_by_name("lost", column(unit="percentunit", decimals=0))
        .override_by_name("since", column(unit="dateTimeFromNow"))
    )
