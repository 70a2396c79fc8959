"""docs/metrics.md names every metric, with its type, labels and most series, and the page passes promtool."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from schemas.rejections import REASONS
from streams.alerts.metrics import AlertMetrics
from streams.config.settings import MetricsSettings
from streams.sources.metrics import SourceMetrics
from tests import prometheus
from tests.benchmarks import scrape
from tests.streams.worker.exposition.made import WATCHED, Full, full

PAGE = Path(__file__).parents[4] / "docs" / "metrics.md"
LIMITS = MetricsSettings(watch=WATCHED, max_outages=7, max_incidents=5, max_watched=3, max_places=11)


class Row(NamedTuple):
    """A metric in the table of the docs or on the page."""

    kind: str
    labels: frozenset[str]
    series: int


@pytest.fixture(scope="module")
def worker() -> Full:
    """A worker with all lists at their limits."""
    return full(LIMITS)


@pytest.fixture(scope="module")
def delivery() -> str:
    """The page of `ebbtide alerts` that has two receivers and one topic, all of its metrics with a value."""
    metrics = AlertMetrics(CollectorRegistry(), ("noc", "pager"), ("incidents",))
    metrics.build.info({"version": "0"})
    metrics.lag.labels("incidents").set(0)
    for receiver in ("noc", "pager"):
        metrics.success.labels(receiver).set(1.0)
    return generate_latest(metrics.registry).decode()


def documented(title: str, numbers: dict[str, int]) -> Iterator[tuple[str, Row]]:
    """Yield the rows of the table under a title."""
    _, _, section = PAGE.read_text().partition(f"\n## {title}\n")
    for line in section.partition("\n## ")[0].splitlines():
        if line.startswith("| `ebbtide_"):
            name, kind, labels, most, _ = (cell.strip() for cell in line.strip("|").split("|"))
            series = eval(most, {}, numbers)
            yield name.strip("`"), Row(kind, frozenset(re.findall(r"`(\w+)`", labels)), series)


def exported(page: str) -> Iterator[tuple[str, Row]]:
    """Yield the metrics of a page in Prometheus's text format."""
    kinds = dict(re.findall(r"^# TYPE (ebbtide_\w+) (\w+)$", page, re.MULTILINE))
    families = {sample.name: family for family in text_string_to_metric_families(page) for sample in family.samples}
    for name, kind in kinds.items():
        samples = families.get(name, families.get(f"{name}_count")).samples  # type: ignore[union-attr]
        labels = frozenset(label for sample in samples for label in sample.labels)
        yield name, Row(kind, labels - {"le"}, len(samples))


def test_the_table_is_what_the_code_exports(worker: Full) -> None:
    """Same names, types and labels; and with all lists full, as many series as the table says at most."""
    limits = {name: getattr(LIMITS, name) for name in LIMITS.__struct_fields__}
    numbers = {"feeds": len(worker.settings.feeds), "partitions": worker.crowd.partitions, "reasons": len(REASONS)}
    assert dict(documented("All of them", {**limits, **numbers})) == dict(
        exported(scrape.page(worker.worker, "").decode())
    )


def test_the_table_of_the_delivery_is_what_it_exports(delivery: str) -> None:
    """Same names, types, labels and numbers of series."""
    rows = dict(documented("Those of `ebbtide alerts`", {"receivers": 2, "topics": 1}))
    assert rows == dict(exported(delivery))


def test_the_table_of_sources_is_what_they_export() -> None:
    """Same names, types, labels and numbers of series; promtool finds nothing to complain about."""
    metrics = SourceMetrics(CollectorRegistry(), {"a": "f", "b": "g"}, {"a": 1.0, "b": 2.0}, {"a": 3, "b": 3})
    for name in ("a", "b"):
        metrics.last_data.labels(name).set(1.0)
        metrics.event_time.labels(name).set(1.0)
    page = generate_latest(metrics.registry)
    assert dict(documented("Those of `ebbtide source`", {"sources": 2})) == dict(exported(page.decode()))
    assert prometheus.run("promtool", "check", "metrics", given=page) == ""


def test_promtool_finds_nothing_to_complain_about(worker: Full, delivery: str) -> None:
    """Names and help texts keep Prometheus's conventions."""
    for page in (scrape.page(worker.worker, ""), delivery.encode()):
        assert prometheus.run("promtool", "check", "metrics", given=page) == ""


def test_the_limits_in_the_page_are_those_of_the_code() -> None:
    """The settings that the page shows are the defaults."""
    shown = dict(re.findall(r"^(max_\w+) = (\d+)", PAGE.read_text(), re.MULTILINE))
    defaults = MetricsSettings()
    assert shown == {name: str(getattr(defaults, name)) for name in defaults.__struct_fields__ if name != "watch"}
