"""Every query of every dashboard, sent to a real Prometheus that scrapes a worker in the middle of a shutdown."""

from __future__ import annotations

import json
import math
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from prometheus_client import start_http_server

from streams.cli.child_process import child
from streams.evaluation.cases import FEEDS, MEASUREMENTS
from streams.evaluation.simulate.writer import write
from tests import prometheus
from tests.deploy.grafana.boards import Query, queries, variables
from tests.deploy.grafana.exported import other_programs
from tests.ebbtide import Cluster, wait_for
from tests.kafka import ApacheKafka, free_ports
from tests.scenarios.brief import SHUTDOWN

pytestmark = pytest.mark.kafka
NETWORK = "asn/44244"
STARTING = 503
CHOSEN = {
    "$__rate_interval": "1m",
    "$__range": "1h",
    "$job": "(ebbtide|ebbtide-others)",
    "$entity": NETWORK,
    **dict.fromkeys(("$country", "$feed", "$incident", "$series"), ".*"),
}
#: Queries of what is not there while all goes well, and of a feed of another kind than that of the situation.
NOTHING = (
    "wait (unknown)",
    "Held up (incidents)",
    *(f"({name}_ratio)" for name in ("value", "expected", "upper", "lower")),
)
SOMETIMES = "Held up (incidents)"  # while incidents wait for a partition
CONFIG = """global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: ebbtide
    static_configs: [{{targets: ["127.0.0.1:{worker}"]}}]
  - job_name: ebbtide-others
    static_configs: [{{targets: ["127.0.0.1:{others}"]}}]
"""


class Prometheus:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, expr: str) -> list[dict[str, Any]]:
        """Return the series of an answer; none while it starts. It fails the test when the query is wrong."""
        url = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expr})}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return list(json.load(answer)["data"]["result"])
        except urllib.error.HTTPError as error:
            assert error.code == STARTING, f"{expr}: {error.read().decode()}"
            return []
        except OSError:
            return []


@pytest.fixture(scope="module")
def server(kafka: ApacheKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped a worker before, while and after it read, and the metrics of alerts and sources."""
    program, folder = prometheus.program("prometheus"), tmp_path_factory.mktemp("grafana")
    count = write(SHUTDOWN, 1, folder)
    port, others = free_ports(2)
    with ExitStack() as stack:
        cluster = Cluster(kafka.address, "grafana", folder, folder / FEEDS, EBBTIDE_METRICS_WATCH=json.dumps([NETWORK]))
        stack.callback(cluster.close)
        worker = cluster.worker()
        worker.wait_ready()
        http, thread = start_http_server(others, "127.0.0.1", other_programs())
        stack.callback(thread.join)
        stack.callback(http.shutdown)
        config = folder / "prometheus.yml"
        config.write_text(CONFIG.format(worker=worker.port, others=others))
        data = f"--storage.tsdb.path={folder / 'data'}"
        command = [program, f"--config.file={config}", data, f"--web.listen-address=127.0.0.1:{port}"]
        stack.enter_context(child(command, folder, "prometheus"))
        found = Prometheus(port)
        wait_for("a scrape", lambda: found.ask("ebbtide_ready == 1"))
        done = cluster.run("replay", folder / MEASUREMENTS)
        worker.wait_applied({0: count - 1})
        assert done.returncode == 0
        wait_for("a scrape of the shutdown", lambda: found.ask("sum(ebbtide_open_outages) > 0"))
        # Incidents follow the outages through a topic of their own.
        wait_for("a scrape of its incident", lambda: found.ask("ebbtide_incident_drop_ratio"))
        yield found


def filled_in(query: Query, **chosen: str) -> str:
    """The query as Grafana sends it."""
    expr = query.expr
    for name, value in sorted(
        {**CHOSEN, **{f"${name}": value for name, value in chosen.items()}}.items(), reverse=True
    ):
        expr = expr.replace(name, value)
    return expr


@pytest.mark.parametrize("query", list(queries()), ids=lambda query: f"{query.board}: {query.where}")
def test_the_query_returns_data(server: Prometheus, query: Query) -> None:
    """At least one series whose number is one; each is right for Prometheus."""
    found = server.ask(filled_in(query))
    if query.expr.startswith("histogram_quantile") or "rate(" in query.expr:
        found = wait_for(filled_in(query), lambda: server.ask(filled_in(query)))
    numbers = [series for series in found if not math.isnan(float(series["value"][1]))]
    if query.where != SOMETIMES:
        assert bool(numbers) != _shows_nothing(query), filled_in(query)


def _shows_nothing(query: Query) -> bool:
    """Whether a query has no answer here: the network is watched, so nothing is of its outage alone."""
    return query.where.endswith(NOTHING) or "(outage_" in query.where


def test_the_country_is_on_the_map_by_its_share(server: Prometheus) -> None:
    """By its three letters, with the share that the incident affects."""
    (world,) = [query for query in queries() if query.where == "World (A)"]
    shares = {series["metric"]["alpha3"]: float(series["value"][1]) for series in server.ask(filled_in(world))}
    assert shares.pop("-") == -1
    assert shares["IRN"] > 0.5


def test_a_series_can_be_chosen(server: Prometheus) -> None:
    """The variable offers each feed with its facets, and the panels show the one that is chosen."""
    asked = variables("ebbtide-entity")["series"]
    inner = re.fullmatch(r"query_result\((.*)\)", asked["query"]["query"])
    assert inner
    expr = filled_in(Query("ebbtide-entity", "series", inner[1], False))
    offered = {series["metric"]["series"] for series in server.ask(expr)}
    (value,) = [query for query in queries() if query.where == "$entity: $series (value)"]
    shown = {series["metric"]["series"] for series in server.ask(filled_in(value))}
    assert shown == offered
    assert all(name == " ".join(name.split()) for name in offered)
    chosen = min(offered)
    assert {
        s["metric"]["series"] for s in server.ask(filled_in(value, series=re.escape(chosen).replace("\\", "\\\\")))
    } == {chosen}


def test_a_network_that_nobody_watches_is_shown_while_it_is_dark(server: Prometheus) -> None:
    """The overview's table leads there: it can be chosen, with what its outage measures and expects."""
    dark = {series["metric"]["entity"] for series in server.ask(f'ebbtide_outage_value{{entity!="{NETWORK}"}}')}
    entity = min(name for name in dark if name.startswith("asn/"))
    choice = re.fullmatch(r"label_values\((.*), entity\)", variables("ebbtide-entity")["entity"]["query"]["query"])
    assert choice
    offered = server.ask(choice[1].replace("$job", "ebbtide"))
    assert {entity, NETWORK} <= {series["metric"]["entity"] for series in offered}
    asked = {series.where: filled_in(series, entity=entity) for series in queries() if series.board == "ebbtide-entity"}
    empty = {where for where, expr in asked.items() if not server.ask(expr)}
    watched = {f"$entity: $series ({name})" for name in ("value", "expected", "upper", "lower")}
    watched |= {f"Evidence of a fall of $entity ({name})" for name in ("evidence", "threshold")}
    ratios = {where for where in asked if where.endswith("_ratio)")}
    assert empty == watched | ratios
