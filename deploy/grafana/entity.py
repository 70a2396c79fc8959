"""*Entity*: one network, region or country: measured against expected, feeds side by side.

What is on the watch list has all of it; of others is known what the metrics of their outages say, while these last.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, table, timeseries
from grafana_foundation_sdk.models import dashboard as models

from deploy.grafana.parts import GREY, Made, Marks, board, choice, column, datasource, graph, grid, job, over_time, rows

FACETS = ("access", "direction", "service")
ANY = '__name__=~"ebbtide_watched_value|ebbtide_outage_start_timestamp_seconds", job=~"$job"'
# One entity, whose name need not be a regular expression.
THIS = 'job=~"$job", entity="$entity", feed=~"$feed", ' + ", ".join(f'{name}=~"$facet_{name}"' for name in FACETS)
NAME = "{{feed}} {{access}} {{direction}} {{service}}"
BY = "feed, entity, access, direction, service"


def entity() -> dashboard.Dashboard:
    """Return the dashboard."""
    known, here = f"{{{ANY}}}", f'{{{ANY}, entity="$entity"}}'
    facets = [choice(f"facet_{name}", name.capitalize(), f"label_values({here}, {name})") for name in FACETS]
    variables = [
        datasource(),
        job(),
        choice("entity", "Entity", f"label_values({known}, entity)", many=False),
        choice("feed", "Feed", f"label_values({here}, feed)"),
        *facets,
    ]
    text = (
        "What is on the watch list, `[metrics] watch`, at all times; all else that is listed, while its outage lasts."
    )
    its = board("ebbtide-entity", "Ebbtide entity", text, variables).annotation(Made(_began()))
    for one in (_levels(), _share(), _evidence(), _outages()):
        its = its.with_panel(one)
    return its


def _began() -> Marks:
    """The beginnings of outages. Filtered as the panels are, or those of everybody would drown the graph."""
    expr = f"1000 * max by ({BY}, severity, state) (ebbtide_outage_start_timestamp_seconds{{{THIS}}})"
    return Marks("Outages", expr, "{{entity}} {{severity}} ({{state}})", f"seen by {NAME}", "severity,feed")


def _levels() -> timeseries.Panel:
    """A graph for each feed, as their units differ."""
    its = graph(
        "Measured and expected: $feed",
        "What each bin held, what was expected, and the band in which normal bins lie (three spreads to each side). "
        "What is not on the watch list has no band, and numbers only while its outage lasts.",
        "short",
        (24, 9),
    )
    exprs = {name: _level(name) for name in ("value", "expected")}
    exprs |= {name: f"max by ({BY}) (ebbtide_watched_{name}{{{THIS}}})" for name in ("upper", "lower")}
    for name, expr in exprs.items():
        its = its.with_target(over_time(expr, f"{name}{{{{access}}}}{{{{direction}}}}{{{{service}}}}", name))
    edge = {"color": {"mode": "fixed", "fixedColor": GREY}, "custom_lineWidth": 0, "custom_fillOpacity": 0}
    its = its.override_by_regexp(
        "expected.*", column(custom_lineStyle={"fill": "dash", "dash": [6, 4]}, custom_fillOpacity=0)
    )
    its = its.override_by_regexp("lower.*", column(**edge))
    # A band has one lower edge by name: that of the series without facets.
    its = its.override_by_regexp("upper.*", column(**{**edge, "custom_fillOpacity": 15, "custom_fillBelowTo": "lower"}))
    return its.repeat("feed").repeat_direction("h").max_per_row(2)


def _level(name: str) -> str:
    return " or ".join(f"max by ({BY}) (ebbtide_{what}_{name}{{{THIS}}})" for what in ("watched", "outage"))


def _share() -> timeseries.Panel:
    shares = f"({_level('value')}) / (({_level('expected')}) > 0)"
    return (
        graph(
            "Feeds side by side",
            "What was measured as a share of what was expected, in each feed.",
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
        grid("Outages that go on", "Those of this entity now; the dashboard marks where they began.", (24, 7))
        .with_target(rows(start, "start"))
        .with_target(rows(drop, "drop"))
        .with_transformation(models.DataTransformerConfig(id_val="joinByField", options={"byField": "outage_id"}))
        .with_transformation(models.DataTransformerConfig(id_val="organize", options=options))
        .override_by_name("lost", column(unit="percentunit", decimals=0))
        .override_by_name("since", column(unit="dateTimeFromNow"))
    )
