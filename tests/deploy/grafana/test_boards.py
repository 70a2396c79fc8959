"""Rules that all dashboards keep: names, queries, units, links."""

from __future__ import annotations

import re
from typing import Any

import pytest

from deploy.grafana.__main__ import main
from tests.deploy import rules
from tests.deploy.grafana.boards import FOLDER, METRIC, boards, panels, queries, variables
from tests.deploy.grafana.exported import exported

BUILT_IN = {"__rate_interval", "__range", "datasource", "1", "2"}  # numbers: groups of `label_replace`


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
    assert content["type"] != "timeseries" or content["fieldConfig"]["defaults"]["min"] == 0
    assert content["datasource"]["uid"] in ("${datasource}", "${infinity}")
    assert content["datasource"]["uid"][2:-1] in variables(uid)


@pytest.mark.parametrize("uid", boards())
def test_a_dashboard_is_read_only_and_named_for_good(uid: str) -> None:
    """Its uid is fixed and ours, nobody edits it, and it is not bound to one server's data source."""
    board = boards()[uid]
    assert uid.startswith("ebbtide-")
    assert board["editable"] is False
    assert board["timezone"] == "utc"
    assert board["templating"]["list"][0]["type"] == "datasource"


def test_uids_and_titles_are_unique() -> None:
    """Two dashboards with one uid would replace each other without a word."""
    titles = [board["title"] for board in boards().values()]
    assert (len(boards()), len(set(titles))) == (4, 4)


def test_all_queries_choose_the_job_and_rates_fit_the_graph() -> None:
    """Two installations in one Prometheus stay apart, and no rate has an interval of its own."""
    for query in queries():
        selectors = re.findall(r"\b(ebbtide_[a-z0-9_]+|process_[a-z_]+|up(?=\{))(\{[^}]*\})?", query.expr)
        assert [name for name, chosen in selectors if 'job=~"$job"' not in chosen] == [], query
        ranges = set(re.findall(r"\[\$[^]]*\]", query.expr))
        assert ranges <= ({"[$__rate_interval]"} if "rate(" in query.expr else {"[$__range]"}), query


def test_every_metric_is_exported() -> None:
    """No query asks for a name that the code does not have."""
    metrics = exported()
    asked = {name for query in queries() for name in METRIC.findall(query.expr)}
    declared = [variable for uid in boards() for variable in variables(uid).values()]
    texts = [str(variable["query"]) for variable in declared if variable["type"] == "query"]
    asked |= {name for text in texts for name in METRIC.findall(text)}
    assert asked - metrics == {"up"}
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
    assert 'job=~"$job", entity="$entity", feed=~"$feed"' in mark["expr"]
    assert '"series", "$series")' in mark["expr"]


def test_one_entity_is_no_regular_expression() -> None:
    """Grafana escapes what is chosen of many; a region with brackets in its name would not match itself."""
    for query in queries():
        assert "entity=~" not in query.expr, query


def test_rates_span_some_scrapes() -> None:
    """`$__rate_interval` is four times what the data source says; were that less than the example's, rates had gaps."""
    source = rules.read(FOLDER / "provisioning" / "datasources" / "ebbtide.yaml")["datasources"][0]
    scraped = rules.read(rules.PROMETHEUS / "prometheus.yml")["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scraped
