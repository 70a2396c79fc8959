"""*Overview*: whether anything is known, ongoing incidents and outages, the worst first, and the state of the feeds."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, table

from deploy.grafana.countries import countries, legend, world
from deploy.grafana.feeds import JUDGED, feeds, if_heard
from deploy.grafana.lists import HERE, incidents, outages
from deploy.grafana.parts import (
    GREEN,
    JOB,
    ORANGE,
    RED,
    YELLOW,
    AnyPanel,
    board,
    choice,
    datasource,
    job,
    now,
    number,
    pages,
    steps,
    to_pages,
)


def overview() -> dashboard.Dashboard:
    """Return the dashboard."""
    variables = [
        datasource(),
        job(),
        choice("country", "Country", f"label_values(ebbtide_open_outages{{{JOB}}}, country)"),
        choice("incident", "Incident", f"label_values(ebbtide_incident_info{{{JOB}}}, incident_id)"),
        pages(),
    ]
    builder = board("ebbtide-overview", "Ebbtide overview", "Which networks are dark, and since when.", variables)
    builder = builder.link(dashboard.DashboardLink("Pages of the worker").url(to_pages("/")))
    tables: list[table.Panel] = [incidents(), outages()]
    for content in (*_counts(), tables[0], world(), countries(), legend(), tables[1], feeds(8)):
        builder = builder.with_panel(content)
    return builder


def _counts() -> list[AnyPanel]:
    return [
        _state(),
        number(
            "Open incidents",
            "Confirmed incidents that have not ended, by severity: total from 90 % lost, major from 50 %.",
            "short",
            (5, 4),
        )
        .thresholds(steps((0, GREEN), (1, RED)))
        .with_target(now(if_heard(f"sum by (severity) (ebbtide_open_incidents{{{JOB}}} >= 0)"), "{{severity}}")),
        number(
            "Open outages",
            "Series of networks, regions and countries below their baseline. Many of them may be one incident.",
            "short",
            (4, 4),
        )
        .thresholds(steps((0, GREEN), (1, YELLOW), (50, ORANGE)))
        .with_target(now(if_heard(f"sum(ebbtide_open_outages{{{HERE}}} >= 0)"), "outages")),
        number(
            "Left out of these lists",
            "Elements that the limits in `[metrics]` keep out of the metrics. Above 0 the tables below are incomplete.",
            "short",
            (4, 4),
        )
        .thresholds(steps((0, GREEN), (1, ORANGE)))
        .with_target(now(f"sum(ebbtide_left_out{{{JOB}}} >= 0)", "left out")),
    ]


def _state() -> AnyPanel:
    """Return the tile that says whether the others can be trusted."""
    text = (
        "Shares of the processes that answer Prometheus, by job; of the workers that are ready, "
        "without those that stand by; and of the feeds that are heard and judged. "
        "Below 100 % the other panels do not show all."
    )
    ready = f"avg(ebbtide_ready{{{JOB}}} unless on (job, instance) ebbtide_standby{{{JOB}}} == 1)"
    return (
        number("Answering, ready, heard", text, "percentunit", (11, 4))
        .decimals(0)
        .thresholds(steps((0, RED), (1, GREEN)))
        .with_target(now(f"avg by (job) (up{{{JOB}}})", "{{job}} answers", "answers"))
        .with_target(now(ready, "workers ready", "ready"))
        .with_target(now(f"avg(ebbtide_alerts_ready{{{JOB}}})", "alerts ready", "alerts"))
        .with_target(now(f"avg({JUDGED})", "feeds heard", "heard"))
    )
