"""The tables: severity, since when and what come first, the worst stand on top, and numbers have one unit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.grafana.boards import columns, overrides, panel, panels, queries, query

TABLES = [(uid, panel) for uid, panel in panels() if panel["type"] == "table" and panel["title"] != "Feeds"]
LISTS = [("Incidents, worst first", "headline", "networks"), ("Outages, worst first", "entity", "missing")]


def named(table: tuple[str, dict[str, Any]]) -> str:
    """The name of a table's test."""
    return f"{table[0]}: {table[1]['title']}"


@pytest.mark.parametrize("table", TABLES, ids=named)
def test_severity_and_since_come_first(table: tuple[str, dict[str, Any]]) -> None:
    """`since` is a time: "a day ago" cannot be compared with a log. Both are narrow, so that what follows has room."""
    uid, shown = table
    if uid == "ebbtide-history":
        first = [column["selector"] for column in shown["targets"][0]["columns"]][:3]
        assert first == ["severity", "started_at", "headline" if shown["title"] == "Incidents" else "entity"]
    else:
        assert columns(shown)[:2] == ["severity", "since"]
    found = overrides(shown)
    since = found["started_at" if uid == "ebbtide-history" else "since"]
    assert (since["unit"], since["custom.width"]) == ("dateTimeAsIso", 165)
    assert found["severity"]["custom.width"] == 90


@pytest.mark.parametrize(("title", "name", "_second"), LISTS)
def test_what_it_is_has_the_room_that_is_left(title: str, name: str, _second: str) -> None:
    """The third column has a least width and no fixed one; at 1366 pixels what matters stands before the edge."""
    shown = panel("ebbtide-overview", title)
    found, order = overrides(shown), columns(shown)
    assert order[2] == name
    assert "custom.width" not in found[name]
    before = order[: order.index("of the country") + 1]
    widths = [
        found.get(column, {}).get("custom.width", found.get(column, {}).get("custom.minWidth")) for column in before
    ]
    assert sum(width or 100 for width in widths) < 1300


@pytest.mark.parametrize(("title", "_name", "second"), LISTS)
def test_the_worst_are_sorted_by_the_share_of_the_country(title: str, _name: str, second: str) -> None:
    """Six probes of one network, all of them lost, do not stand above a country. Grafana may sort in column order."""
    shown = panel("ebbtide-overview", title)
    assert shown["options"]["sortBy"] == [
        {"displayName": "of the country", "desc": True}, {"displayName": second, "desc": True}
    ]  # fmt: skip
    assert columns(shown).index("of the country") < columns(shown).index(second)
    assert "ebbtide_incident_affected_ratio" in query("ebbtide-overview", title, "of")


def test_what_is_missing_is_expected_times_drop() -> None:
    """The level of the newest bin that is not there."""
    expr = query("ebbtide-overview", "Outages, worst first", "missing")
    assert expr.index("ebbtide_outage_expected") < expr.index(" * ebbtide_outage_drop_ratio")


@pytest.mark.parametrize("table", TABLES, ids=named)
def test_severities_are_coloured_from_grafana_9_on(table: tuple[str, dict[str, Any]]) -> None:
    """9 reads `displayMode`, newer ones `cellOptions`; the colours are those of the map."""
    severity = overrides(table[1])["severity"]
    assert severity["custom.displayMode"] == "color-text"
    assert severity["custom.cellOptions"] == {"type": "color-text"}
    (mapping,) = severity["mappings"]
    colours = {name: result["color"] for name, result in mapping["options"].items()}
    assert colours == {"partial": "yellow", "major": "orange", "total": "red"}


def test_shares_are_per_cent_everywhere() -> None:
    """In each table and graph: a ratio of 0.97 beside "97 % lost" is read as another thing."""
    shares = {"lost", "lost at worst", "of the country", "affected_share", "max_drop"}
    found = [(name, values) for _, table in TABLES for name, values in overrides(table).items() if name in shares]
    assert {name for name, _ in found} == shares
    assert {values["unit"] for _, values in found} == {"percentunit"}
    for ref in ("measured", "expected"):
        assert '100 * ebbtide_feed_info{job=~"$job", kind="ratio"}' in query(
            "ebbtide-overview", "Outages, worst first", ref
        )
    assert '"unit", "%"' in query("ebbtide-overview", "Outages, worst first", "since")
    levels = panel("ebbtide-entity", "$entity: $series")
    ratios = {name: values["unit"] for name, values in overrides(levels).items() if name.endswith("_ratio")}
    assert ratios.keys() == {target["refId"] for target in levels["targets"] if target["refId"].endswith("_ratio")}
    assert set(ratios.values()) == {"percentunit"}


def test_tables_of_what_is_dark_say_what_was_expected() -> None:
    """The calendar keeps it from alerting, so whoever looks must see why nobody was called."""
    for title, _, _ in LISTS:
        assert "expected by" in columns(panel("ebbtide-overview", title))
        assert "suppressed_by" in query("ebbtide-overview", title, "since")


def test_columns_have_units_of_their_own() -> None:
    """One unit for a whole table would write AS64504 as 6450400 %."""
    assert {panel["fieldConfig"]["defaults"]["unit"] for _, panel in panels() if panel["type"] == "table"} == {"none"}


def test_what_nobody_watches_is_not_drawn_as_watched() -> None:
    """Its lines have names of their own and are points; where the watch list has the series they are not there."""
    levels = panel("ebbtide-entity", "$entity: $series")
    dark = [target for target in levels["targets"] if "ebbtide_outage_" in target["expr"]]
    assert {target["legendFormat"] for target in dark} == {"measured during an outage", "expected during an outage"}
    assert all(
        "unless on (job, feed, entity, access, direction, service) ebbtide_watched_expected" in target["expr"]
        for target in dark
    )
    assert overrides(levels)[".*during an outage"] == {"custom.showPoints": "always", "custom.lineWidth": 0}


def test_the_tables_ask_for_the_incident_that_was_chosen() -> None:
    """An incident's row leads to its outages: both tables show that incident alone."""
    for title, _, _ in LISTS:
        asked = [q for q in queries() if q.board == "ebbtide-overview" and q.where.startswith(title)]
        assert len(asked) > 5
        assert [q.where for q in asked if 'incident_id=~"$incident"' not in q.expr] == []
