"""Rules that all dashboards keep: names, queries, units, links."""

from __future__ import annotations

import re
from typing import Any

import pytest

from deploy.grafana.__main__ import main
from tests.deploy import rules
from tests.deploy.grafana.boards import FOLDER, METRIC, boards, panels, queries, variables
from tests.deploy.grafana.exported import exported

BUILT_IN = {"__rate_interval", "datasource"}
RULES = "".join(file.read_text() for file in rules.RULES)


def named(panel: tuple[str, dict[str, Any]]) -> str:
    """The name of a panel's test."""
    return f"{panel[0]}: {panel[1]['title']}"


def test_the_files_are_what_the_code_writes(capsys: pytest.CaptureFixture[str]) -> None:
    """The files were not edited by hand, and `make dashboards` was not forgotten."""
    assert (main(["--check"]), capsys.readouterr().err) == (0, "")


@pytest.mark.parametrize("panel", panels(), ids=named)
def test_every_panel_says_what_it_shows(panel: tuple[str, dict[str, Any]]) -> None:
    """A title, a description in whole sentences, and a unit; the data source is a variable."""
    uid, content = panel
    assert content["title"]
    assert content["description"].endswith(".")
    assert content["fieldConfig"]["defaults"]["unit"]
    assert content["datasource"]["uid"] in ("${datasource}", "${infinity}")
    assert content["datasource"]["uid"][2:-1] in variables(uid)


@pytest.mark.parametrize("uid", boards())
def test_a_dashboard_is_read_only_and_named_for_good(uid: str) -> None:
    """Its uid is fixed and ours, nobody edits it, and it is not bound to one server's data source."""
    board = boards()[uid]
    assert uid.startswith("ebbtide-")
    assert board["editable"] is False
    assert board["timezone"] == "utc"
    first = board["templating"]["list"][0]
    assert first["type"] == "datasource"
    assert not first.get("current", {}).get("value")


def test_uids_and_titles_are_unique() -> None:
    """Two dashboards with one uid would replace each other without a word."""
    titles = [board["title"] for board in boards().values()]
    assert (len(boards()), len(set(titles))) == (4, 4)


def test_all_queries_choose_the_job_and_rates_fit_the_graph() -> None:
    """Two installations in one Prometheus stay apart, and no rate has an interval of its own."""
    for query in queries():
        selectors = re.findall(r"(ebbtide_[a-z0-9_]+|process_[a-z_]+)(\{[^}]*\})?", query.expr)
        apart = [name for name, chosen in selectors if 'job=~"$job"' not in chosen and not _is_of_another_job(name)]
        assert apart == [], query
        assert re.findall(r"\[[^]]*\]", query.expr) == ["[$__rate_interval]"] * query.expr.count("["), query


def _is_of_another_job(name: str) -> bool:
    """Whether a metric is of alerts or of sources."""
    return name.startswith(("ebbtide_alerts_", "ebbtide_source_"))


def test_every_metric_is_exported() -> None:
    """No query asks for a name that the code does not have."""
    metrics = exported()
    asked = {name for query in queries() for name in METRIC.findall(query.expr)}
    declared = [variable for uid in boards() for variable in variables(uid).values()]
    texts = [str(variable["query"]) for variable in declared if variable["type"] == "query"]
    asked |= {name for text in texts for name in METRIC.findall(text)}
    assert asked - metrics == set()
    assert len(asked) > 25


def test_every_variable_in_a_query_is_declared() -> None:
    """Grafana would send the name itself, and find nothing."""
    for query in queries():
        used = set(re.findall(r"\$\{?(\w+)", query.expr))
        assert used <= BUILT_IN | set(variables(query.board)), query


def test_annotations_are_filtered_as_the_panels_are() -> None:
    """Or the outages of everybody drown the graph; and their time is in milliseconds."""
    (mark,) = [mark for board in boards().values() for mark in board["annotations"].get("list", [])]
    assert mark["useValueForTime"] is True
    assert mark["expr"].startswith("1000 * ")
    for name in ("job", "feed", "facet_access", "facet_direction", "facet_service"):
        assert f'=~"${name}"' in mark["expr"]
    assert 'entity="$entity"' in mark["expr"]


def test_one_entity_is_no_regular_expression() -> None:
    """Grafana escapes what is chosen of many; a region with brackets in its name would not match itself."""
    for query in queries():
        assert "entity=~" not in query.expr, query


def test_names_are_quoted_in_links() -> None:
    """A region's name is free text: a space or an ampersand would end the link, or another variable begin."""
    (outages,) = [panel for _, panel in panels() if panel["title"] == "Outages, worst first"]
    links = [p["value"] for o in outages["fieldConfig"]["overrides"] for p in o["properties"] if p["id"] == "links"]
    assert [link["url"].rpartition("=")[2] for (link,) in links] == ["${__value.text:percentencode}"]
    given = dict(re.findall(r"var-(\w+)=\{\{ (.*?) \}\}", RULES))
    assert given == {
        "country": "$labels.country",
        "entity": "$labels.entity | urlquery",
        "feed": "$labels.feed | urlquery",
    }


def test_rates_span_some_scrapes() -> None:
    """`$__rate_interval` is four times what the data source says; were that less than the example's, rates had gaps."""
    source = rules.read(FOLDER / "provisioning" / "datasources" / "ebbtide.yaml")["datasources"][0]
    scraped = rules.read(rules.PROMETHEUS / "prometheus.yml")["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scraped


def test_links_of_the_alerts_lead_to_dashboards() -> None:
    """Each `dashboard_url` names a dashboard that there is, and variables that it has."""
    found = re.findall(r"/d/([a-z-]+)(\S*)", RULES)
    assert found
    for uid, more in found:
        assert set(re.findall(r"var-(\w+)=", more)) <= set(variables(uid))


def test_the_map_asks_nobody_outside() -> None:
    """Its shapes come with Grafana, and its countries are named by three letters, as those are."""
    (world,) = [panel for _, panel in panels() if panel["type"] == "geomap"]
    layers = [world["options"]["basemap"], *world["options"]["layers"]]
    assert {layer["config"]["src"] for layer in layers} == {"public/maps/countries.geojson"}
    assert layers[1]["config"]["idField"] == "alpha3"
    assert world["targets"][0]["expr"].startswith("max by (alpha3)")


def test_tables_of_what_is_dark_say_what_was_expected() -> None:
    """The calendar keeps it from alerting, so whoever looks must see why nobody was called."""
    tables = [panel for uid, panel in panels() if uid == "ebbtide-overview" and panel["type"] == "table"]
    assert len(tables) == 2
    for table in tables:
        assert table["transformations"][-1]["options"]["renameByName"]["suppressed_by"] == "expected by"
        (start,) = [target["expr"] for target in table["targets"] if target["refId"] == "start"]
        assert "suppressed_by)" in start


def test_columns_have_units_of_their_own() -> None:
    """One unit for a whole table would write AS64504 as 6450400 %."""
    for _, panel in panels():
        if panel["type"] == "table":
            assert panel["fieldConfig"]["defaults"]["unit"] == "none"
            overrides = panel["fieldConfig"]["overrides"]
            shares = [override for override in overrides if override["matcher"]["options"] in ("lost", "max_drop")]
            assert {override["properties"][0]["value"] for override in shares} <= {"percentunit"}
