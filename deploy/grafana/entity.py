"""*Entity*: one network, region or country: its outages, measured against expected, with its feeds side by side.

An entity on the watch list has all panels. Others have the numbers of their outages, while these last.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, table, timeseries

from deploy.grafana.parts import (
    GREY,
    JOB,
    RED,
    SEVERITIES,
    Made,
    Marks,
    arranged,
    board,
    choice,
    coloured,
    column,
    datasource,
    graph,
    grid,
    job,
    joined,
    links,
    over_time,
    pages,
    rows,
    share,
    to_pages,
)

FACETS = "access, direction, service"
ANY = f'__name__=~"ebbtide_watched_value|ebbtide_outage_start_timestamp_seconds", {JOB}'
# Not a regular expression: the name of an entity may contain brackets.
THIS = f'{JOB}, entity="$entity", feed=~"$feed"'
DASHED = {"custom_lineStyle": {"fill": "dash", "dash": [6, 4]}, "custom_fillOpacity": 0}
RATIO = f'ebbtide_feed_info{{{JOB}, kind="ratio"}}'


def named(expr: str) -> str:
    """Return a query whose series have the label `series`: the feed and the facets, such as `ping mobile`."""
    spaced = f'label_join({expr}, "series", " ", "feed", "access", "direction", "service")'
    single = f'label_replace({spaced}, "series", "$1 $2", "series", "([^ ]+) +([^ ].*)")'
    return f'label_replace({single}, "series", "$1", "series", "(.*?) *")'


def _chosen(expr: str) -> str:
    """Return a query of the chosen series. Grafana sends a regular expression, which only `label_replace` applies."""
    yes = 'label_replace(vector(1), "chosen", "yes", "", "")'
    return f'label_replace({named(expr)}, "chosen", "yes", "series", "$series") and on (chosen) {yes}'


def entity() -> dashboard.Dashboard:
    """Return the dashboard."""
    listed, here = f"{{{ANY}}}", f'{{{ANY}, entity="$entity", feed=~"$feed"}}'
    series = f"query_result(count by (series) ({named(f'last_over_time({here}[$__range])')}))"
    variables = [
        datasource(),
        job(),
        choice("entity", "Entity", f"label_values({listed}, entity)", many=False),
        choice("feed", "Feed", f'label_values({{{ANY}, entity="$entity"}}, feed)'),
        choice("series", "Series", series).regex('/series="([^"]*)"/'),
        pages(),
    ]
    text = "Entities on the watch list, `[metrics] watch`, at all times; other entities while their outage lasts."
    builder = board("ebbtide-entity", "Ebbtide entity", text, variables).annotation(Made(_began()))
    for content in (_outages(), _levels(), _share(), _evidence(), _delay()):
        builder = builder.with_panel(content)
    return builder


def _began() -> Marks:
    """Return marks at the starts of outages, filtered like the panels: those of all entities would drown the graph."""
    start = _chosen(f"ebbtide_outage_start_timestamp_seconds{{{THIS}}}")
    expr = f"1000 * max by (series, entity, severity, state) ({start})"
    return Marks("Outages", expr, "{{entity}} {{severity}} ({{state}})", "seen by {{series}}", "severity,series")


def _outages() -> table.Panel:
    by = f"outage_id, feed, entity, {FACETS}, severity, state, suppressed_by"
    start = f"ebbtide_outage_start_timestamp_seconds{{{THIS}}}"
    queries = {
        "since": f"1000 * max by ({by}) ({start})",
        "for": f"time() - max by (outage_id) ({start})",
        "lost": f"max by (outage_id) (ebbtide_outage_drop_ratio{{{THIS}}})",
    }
    names = {f"Value #{name}": name for name in queries} | {"suppressed_by": "expected by"}
    order = ("severity", "Value #since", "feed", "access", "direction", "service", "Value #lost", "Value #for", "state")
    page = links(("Page of the outage", to_pages("/outages/${__value.text}")))
    found = grid("Outages of $entity", "Ongoing outages of this entity. The graphs mark their starts.", (24, 6))
    for name, expr in queries.items():
        found = found.with_target(rows(expr, name))
    return (
        found.with_transformation(joined("outage_id"))
        .with_transformation(arranged(("entity",), names, order))
        .override_by_name("severity", coloured(SEVERITIES, custom_width=90))
        .override_by_name("since", column(unit="dateTimeAsIso", custom_width=165))
        .override_by_name("for", column(unit="s", decimals=1, custom_width=95))
        .override_by_name("lost", share(custom_width=75))
        .override_by_name("outage_id", column(links=page))
    )


def _levels() -> timeseries.Panel:
    """Return a graph for each series: feeds differ in unit, and each combination of facets has a band of its own."""
    levels = graph(
        "$entity: $series",
        "Value and expected level of each bin, and the band of normal values (three spreads to each side). "
        "What is not on the watch list has no band, and is measured here only while its outage lasts.",
        "short",
        (12, 9),
    )
    for name, legend, expr in _lines():
        for ref, kind in ((name, "unless"), (f"{name}_ratio", "and")):
            chosen = _chosen(f"({expr} {kind} on (job, feed) {RATIO})")
            levels = levels.with_target(over_time(f"max by (series) ({chosen})", legend, ref))
            levels = levels.override_by_query(ref, column(unit="percentunit")) if kind == "and" else levels
    edge = column(color={"mode": "fixed", "fixedColor": GREY}, custom_lineWidth=0, custom_fillOpacity=0)
    levels = levels.override_by_regexp("expected.*", column(**DASHED)).override_by_name("normal from", edge)
    band = column(color={"mode": "fixed", "fixedColor": GREY}, custom_lineWidth=0, custom_fillOpacity=15)
    band += column(custom_fillBelowTo="normal from")
    levels = levels.override_by_name("normal to", band)
    levels = levels.override_by_regexp(".*during an outage", column(custom_showPoints="always", custom_lineWidth=0))
    return levels.repeat("series").repeat_direction("h").max_per_row(2)


def _lines() -> list[tuple[str, str, str]]:
    """Return the name, the legend and the query of each line. What nobody watches is none of the watched lines."""
    watched = [
        (name, legend, f"ebbtide_watched_{name}{{{THIS}}}")
        for name, legend in (
            ("value", "measured"), ("expected", "expected"), ("upper", "normal to"), ("lower", "normal from")
        )
    ]  # fmt: skip
    others = f"unless on (job, feed, entity, {FACETS}) ebbtide_watched_expected{{{THIS}}}"
    dark = [
        (f"outage_{name}", f"{legend} during an outage", f"(ebbtide_outage_{name}{{{THIS}}} {others})")
        for name, legend in (("value", "measured"), ("expected", "expected"))
    ]
    return watched + dark


def _level(name: str) -> str:
    """Return a query of a level of all chosen series, watched or dark."""
    both = (f"max by (series) ({_chosen(f'ebbtide_{family}_{name}{{{THIS}}}')})" for family in ("watched", "outage"))
    return " or ".join(both)


def _share() -> timeseries.Panel:
    shares = f"({_level('value')}) / (({_level('expected')}) > 0)"
    text = "Measured value as a share of the expected level, in each feed."
    return graph("Feeds of $entity side by side", text, "percentunit", (12, 9)).with_target(
        over_time(shares, "{{series}}")
    )


def _evidence() -> timeseries.Panel:
    text = "Log-likelihood ratio of a fall, in nats. An outage opens where it passes the dashed threshold of its feed."
    found = graph("Evidence of a fall of $entity", text, "none", (12, 9))
    for name, legend in (("evidence", "{{series}}"), ("threshold", "{{series}}, threshold")):
        expr = f"max by (series) ({_chosen(f'ebbtide_watched_{name}{{{THIS}}}')})"
        found = found.with_target(over_time(expr, legend, name))
    return found.override_by_regexp(".*, threshold", column(color={"mode": "fixed", "fixedColor": RED}, **DASHED))


def _delay() -> timeseries.Panel:
    """Return how late the outages of the feeds come. Its points are outages, each with a link to its page."""
    rate = f'sum by (feed, le) (rate(ebbtide_bin_to_event_seconds_bucket{{{JOB}, feed=~"$feed"}}[$__rate_interval]))'
    text = "From the end of a bin to its outages. Each point is an outage of the feed: hover it for its page."
    query = over_time(f"histogram_quantile(0.99, {rate})", "{{feed}} p99").exemplar(True)
    return graph("Delay of outages in the feeds of $entity", text, "s", (24, 7)).with_target(query)
