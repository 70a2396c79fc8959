"""The tables of incidents and outages: how bad, since when and what first, the worst on top."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import TableSortByFieldState

from deploy.grafana.parts import (
    JOB,
    SEVERITIES,
    arranged,
    coloured,
    column,
    grid,
    joined,
    links,
    rows,
    share,
    to_board,
    to_pages,
    to_runbook,
)

HERE = f'{JOB}, country=~"$country"'
#: An incident may be of several countries, joined by commas.
HERE_TOO = f'{JOB}, country=~"(.*,)?($country)(,.*)?", incident_id=~"$incident"'
DARK = f'{HERE}, incident_id=~"$incident"'
FACETS = "access, direction, service"
ENTITY = "var-entity=${__value.text:percentencode}"
#: Ratios are exported from 0 to 1. Tables show them in per cent, as what is lost of them.
PER_CENT = (
    f'max by (job, feed) (100 * ebbtide_feed_info{{{JOB}, kind="ratio"}} or ebbtide_feed_info{{{JOB}, kind!="ratio"}})'
)
UNITS = (
    f'max by (job, feed, unit) (label_replace(ebbtide_feed_info{{{JOB}, kind="ratio"}}, "unit", "%", "", "")'
    f' or ebbtide_feed_info{{{JOB}, kind!="ratio"}})'
)
TIMES = {"since": column(unit="dateTimeAsIso", custom_width=165), "for": column(unit="s", decimals=1, custom_width=95)}


def incidents() -> table.Panel:
    """Return the table of incidents."""
    text = (
        "Newest revision of each incident that has not ended, by the share of its country lost, then by its networks. "
        "The shares are the largest so far. Click a headline for the worker's page, a severity for the runbook."
    )
    queries = _queries_of_incidents()
    names = {f"Value #{name}": name for name in queries} | {"suppressed_by": "expected by"}
    names |= {"Value #of": "of the country", "Value #lost": "lost at worst"}
    order = (
        *("severity", "Value #since", "headline", "Value #for", "Value #of", "Value #lost", "Value #networks"),
        *("state", "country", "suppressed_by", "kinds", "feeds"),
    )
    runbooks = [(f"Runbook {name}", to_runbook(name)) for name in ("EbbtideIncidentCritical", "EbbtideIncidentWarning")]
    from_headline = (
        ("Page of the incident", to_pages("/incidents/${__data.fields.incident_id}")),
        ("Its outages", to_board("ebbtide-overview", "var-incident=${__data.fields.incident_id}")),
    )
    of_country = to_board("ebbtide-entity", "var-entity=country/${__value.text:percentencode}")
    found = _listed("Incidents, worst first", text, 9, "incident_id", queries)
    return (
        found.with_transformation(arranged(("Value #info",), names, order))
        .sort_by(_worst("of the country", "networks"))
        .override_by_name("severity", coloured(SEVERITIES, custom_width=90, links=links(*runbooks)))
        .override_by_name("headline", column(custom_minWidth=480, links=links(*from_headline)))
        .override_by_name("of the country", share(custom_width=110))
        .override_by_name("lost at worst", share(custom_width=100))
        .override_by_name("networks", column(unit="short", custom_width=85))
        .override_by_name("country", column(custom_width=80, links=links(("Measured and expected", of_country))))
    )


def _queries_of_incidents() -> dict[str, str]:
    """Return the query of each column of numbers; the first one has the columns of labels, too."""
    by = "incident_id, country, severity, state, kinds, suppressed_by"
    since = f"max by ({by}) (ebbtide_incident_start_timestamp_seconds{{{HERE_TOO}}})"
    return {
        "since": f"1000 * {since}",
        "for": f"time() - max by (incident_id) (ebbtide_incident_start_timestamp_seconds{{{HERE_TOO}}})",
        "of": f"max by (incident_id) (ebbtide_incident_affected_ratio{{{HERE_TOO}}})",
        "lost": f"max by (incident_id) (ebbtide_incident_drop_ratio{{{HERE_TOO}}})",
        "networks": f"max by (incident_id) (ebbtide_incident_networks{{{HERE_TOO}}})",
        "info": f"max by (incident_id, headline, feeds) (ebbtide_incident_info{{{HERE_TOO}}})",
    }


def outages() -> table.Panel:
    """Return the table of outages."""
    text = (
        "Ongoing outages up to the limit in the settings, by the share of the country that their incident affects, "
        "then by what is missing. Numbers are of the newest bin, of ratios in per cent. "
        "Where that has none, lost is of the last revision."
    )
    queries = _queries_of_outages()
    names = {f"Value #{name}": name for name in queries}
    names |= {"suppressed_by": "expected by", "Value #of": "of the country"}
    order = (
        *("severity", "Value #since", "entity", "Value #lost", "Value #measured", "Value #expected", "unit"),
        *("Value #for", "Value #of", "Value #missing", "state", "country", "feed"),
        *("access", "direction", "service", "suppressed_by"),
    )
    from_entity = (
        ("Measured and expected", to_board("ebbtide-entity", ENTITY)),
        ("Page of the outage", to_pages("/outages/${__data.fields.outage_id}")),
    )
    return (
        _listed("Outages, worst first", text, 10, "outage_id", queries)
        .with_transformation(arranged((), names, order))
        .sort_by(_worst("of the country", "missing"))
        .override_by_name(
            "severity", coloured(SEVERITIES, custom_width=90, links=links(("Runbook", to_runbook("EbbtideOutage"))))
        )
        .override_by_name("entity", column(custom_minWidth=140, links=links(*from_entity)))
        .override_by_name("lost", share(custom_width=75))
        .override_by_name("of the country", share(custom_width=110))
        .override_by_regexp("measured|expected|missing", column(unit="short", custom_width=95))
    )


def _queries_of_outages() -> dict[str, str]:
    """Return the query of each column of numbers; the first one has the columns of labels, too."""
    by = f"outage_id, incident_id, entity, country, feed, {FACETS}, severity, state, suppressed_by, unit"
    start = f"ebbtide_outage_start_timestamp_seconds{{{DARK}}}"
    of = f"max by (job, incident_id) (ebbtide_incident_affected_ratio{{{JOB}}})"
    shown = f"and on (outage_id) {start}"
    expected = f"ebbtide_outage_expected{{{HERE}}} {shown}"
    in_unit = f"* on (job, feed) group_left () {PER_CENT}"
    return {
        "since": f"1000 * max by ({by}) ({start} * on (job, feed) group_left (unit) {UNITS})",
        "for": f"time() - max by (outage_id) ({start})",
        "lost": f"max by (outage_id) (ebbtide_outage_drop_ratio{{{HERE}}} {shown})",
        "measured": f"max by (outage_id) ((ebbtide_outage_value{{{HERE}}} {shown}) {in_unit})",
        "expected": f"max by (outage_id) (({expected}) {in_unit})",
        "of": f"max by (outage_id) (0 * {start} + on (job, incident_id) group_left () {of})",
        "missing": f"max by (outage_id) (({expected}) * ebbtide_outage_drop_ratio{{{HERE}}})",
    }


def _listed(title: str, text: str, height: int, key: str, queries: dict[str, str]) -> table.Panel:
    """Return a table with a row for each value of a key, and the columns of time as all lists show them."""
    found = grid(title, text, (24, height))
    for name, expr in queries.items():
        found = found.with_target(rows(expr, name))
    for name, shown in TIMES.items():
        found = found.override_by_name(name, shown)
    return found.with_transformation(joined(key))


def _worst(*columns: str) -> list[Builder[TableSortByFieldState]]:
    return [common_builders.TableSortByFieldState().display_name(name).desc(True) for name in columns]
