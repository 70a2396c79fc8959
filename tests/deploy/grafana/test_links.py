"""Links: each keeps what is chosen and the time; an alert's board has what it alerts on; a row leads on."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.deploy import rules
from tests.deploy.grafana.boards import METRIC, boards, overrides, panel, panels, queries, variables

ALERTS = rules.alerts()
RULES = "".join(file.read_text() for file in rules.RULES)
NONE = {"EbbtideWatchdog"}  # of no metric


class Link(NamedTuple):
    """A link of a column, and where it stands."""

    board: str
    panel: str
    column: str
    title: str
    url: str


def links() -> list[Link]:
    """Return the links of all columns."""
    found: list[Link] = []
    for uid, shown in panels():
        for column, properties in overrides(shown).items():
            found += [
                Link(uid, shown["title"], column, link["title"], link["url"]) for link in properties.get("links", [])
            ]
    return found


TO_BOARDS = [link for link in links() if link.url.startswith("/d/")]


@pytest.mark.parametrize("link", TO_BOARDS, ids=lambda link: f"{link.panel}: {link.column}")
def test_a_link_keeps_the_time_and_what_is_chosen(link: Link) -> None:
    """Data source, jobs and time range go along, and the target has the variables that are set."""
    uid, _, chosen = link.url.removeprefix("/d/").partition("?")
    parts = chosen.split("&")
    assert parts[:2] == ["${datasource:queryparam}", "${job:queryparam}"]
    assert parts[-1] == "${__url_time_range}"
    assert set(re.findall(r"var-(\w+)=", chosen)) <= set(variables(uid))


def test_links_between_dashboards_keep_the_time() -> None:
    """The bar of links above each board."""
    for uid, board in boards().items():
        (others,) = [link for link in board["links"] if link["type"] == "dashboards"]
        assert (others["keepTime"], others["includeVars"]) == (True, True), uid


def test_the_row_of_an_incident_leads_on() -> None:
    """To the page of the worker, to its outages, to its country, and to the runbooks."""
    rows = [link for link in links() if link.panel == "Incidents, worst first"]
    found = {(link.column, link.url) for link in rows}
    assert ("headline", "${pages:raw}/incidents/${__data.fields.incident_id}") in found
    assert {link.title for link in rows if link.column == "headline"} == {"Page of the incident", "Its outages"}
    assert next(link.url for link in rows if link.column == "country").startswith("/d/ebbtide-entity?")
    runbooks = [rules.in_repository(link.url) for link in rows if link.column == "severity"]
    assert [path.stem for path in runbooks] == ["EbbtideIncidentCritical", "EbbtideIncidentWarning"]
    assert all(path.is_file() for path in runbooks)


def test_a_row_has_the_columns_that_its_links_use() -> None:
    """A column that is hidden or renamed could not be asked for."""
    for uid, title in (("ebbtide-overview", "Incidents, worst first"), ("ebbtide-overview", "Outages, worst first")):
        options = panel(uid, title)["transformations"][-1]["options"]
        used = {name for link in links() if link.panel == title for name in re.findall(r"fields\.(\w+)", link.url)}
        assert used
        assert not used & {*options["excludeByName"], *options["renameByName"]}


def test_the_worker_says_where_its_pages_are() -> None:
    """The address comes from its settings by a metric, so no dashboard has to be edited."""
    for uid in {link.board for link in links() if "${pages:raw}" in link.url}:
        assert variables(uid)["pages"]["query"]["query"] == 'label_values(ebbtide_web_info{job=~"$job"}, url)'


def test_names_are_quoted_in_links() -> None:
    """A region's name is free text: a space or an ampersand would end the link, or another variable begin."""
    entities = [link.url for link in links() if "var-entity=" in link.url]
    assert len(entities) == 2
    assert all(re.search(r"var-entity=(country/)?\$\{__value\.text:percentencode\}&", url) for url in entities)
    given = dict(re.findall(r"var-(\w+)=\{\{ (.*?) \}\}", RULES))
    assert given == {
        "incident": "$labels.incident_id",
        "entity": "$labels.entity | urlquery",
        "feed": "$labels.feed | urlquery",
    }


@pytest.mark.parametrize("name", sorted(ALERTS.keys() - NONE))
def test_the_metric_of_an_alert_is_on_its_board(name: str) -> None:
    """Whoever follows the link sees what the alert saw."""
    uid = urlsplit(re.sub(r"{{.*?}}", "x", ALERTS[name]["annotations"]["dashboard_url"])).path.removeprefix("/d/")
    shown = {metric for query in queries() if query.board == uid for metric in METRIC.findall(query.expr)}
    asked = _metrics(ALERTS[name]["expr"])
    assert asked
    assert asked - shown == set()


def _metrics(expr: str) -> set[str]:
    """Return the exported metrics of a rule; a recorded one stands for those that it is made of."""
    recorded = {rule["record"]: rule["expr"] for group in rules.groups() for rule in group["rules"] if "record" in rule}
    for _ in range(3):
        for record, of in recorded.items():
            expr = expr.replace(record, f"({of})")
    return set(METRIC.findall(expr))


def test_links_of_the_alerts_lead_to_dashboards() -> None:
    """Each `dashboard_url` names a dashboard that there is, and variables that it has."""
    found = re.findall(r"/d/([a-z-]+)(\S*)", RULES)
    assert found
    for uid, more in found:
        assert set(re.findall(r"var-(\w+)=", more)) <= set(variables(uid))


@pytest.mark.parametrize("uid", [uid for uid in boards() if uid != "ebbtide-history"])
def test_jobs_are_a_list_and_the_data_source_is_the_provisioned_one(uid: str) -> None:
    """`.*` would match the jobs of others; and Grafana would take the first data source by name."""
    job: dict[str, Any] = variables(uid)["job"]
    assert "allValue" not in job
    assert (job["includeAll"], job["multi"], job["current"]["value"]) == (True, True, ["$__all"])
    assert job["query"]["query"] == 'label_values(up{job=~"ebbtide.*"}, job)'
    scraped = rules.read(rules.PROMETHEUS / "prometheus.yml")["scrape_configs"]
    assert all(config["job_name"].startswith("ebbtide") for config in scraped)
    source = rules.read(rules.ROOT / "deploy/grafana/provisioning/datasources/ebbtide.yaml")["datasources"][0]
    assert variables(uid)["datasource"]["current"] == {"selected": True, "text": source["name"], "value": source["uid"]}


def test_points_of_the_delay_lead_to_outages() -> None:
    """The graphs ask for exemplars, and the data source links their id."""
    asked = [(uid, shown["title"]) for uid, shown in panels() for t in shown["targets"] if t.get("exemplar")]
    assert asked == [
        ("ebbtide-entity", "Delay of outages in the feeds of $entity"),
        ("ebbtide-pipeline", "From the bin to the outage"),
    ]
    source = rules.read(rules.ROOT / "deploy/grafana/provisioning/datasources/ebbtide.yaml")["datasources"][0]
    (exemplars,) = source["jsonData"]["exemplarTraceIdDestinations"]
    assert exemplars["name"] == "outage_id"
    assert exemplars["url"] == "${EBBTIDE_PAGES_URL}/outages/$${__value.raw}"
