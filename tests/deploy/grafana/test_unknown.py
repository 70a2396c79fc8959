"""Unknown is never green: no data, a number below all thresholds, a feed that nobody hears."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import prometheus
from tests.deploy.grafana.boards import overrides, panel, panels, queries, query

GREY = "#8e8e8e"
STEPS = [
    (f"{uid}: {panel['title']}", panel["fieldConfig"]["defaults"]["thresholds"]["steps"])
    for uid, panel in panels()
    if "thresholds" in panel["fieldConfig"]["defaults"]
]


@pytest.mark.parametrize(("name", "steps"), STEPS, ids=[name for name, _ in STEPS])
def test_the_base_step_is_grey(name: str, steps: list[dict[str, Any]]) -> None:
    """It is the colour of "No data" and of NaN. Other steps begin where something is known."""
    base, *others = steps
    assert (base["value"], base["color"]) == (None, GREY)
    assert others, name
    assert GREY not in [step["color"] for step in others]


def test_every_tile_has_thresholds_and_says_that_it_knows_nothing() -> None:
    """Without thresholds of its own Grafana paints a tile green."""
    tiles = [panel for _, panel in panels() if panel["type"] == "stat"]
    assert len(tiles) == 8
    for tile in tiles:
        defaults = tile["fieldConfig"]["defaults"]
        assert defaults["thresholds"]["steps"], tile["title"]
        assert (defaults["noValue"], defaults["color"]["mode"]) == ("unknown", "thresholds")


def test_sums_of_tiles_leave_out_what_is_unknown() -> None:
    """One NaN would make the sum NaN. The tile of the lag counts the partitions of which it is unknown, in grey."""
    stats = {panel["title"] for _, panel in panels() if panel["type"] == "stat"}
    sums = [query for query in queries() if query.where.rpartition(" (")[0] in stats and query.expr.startswith("sum")]
    assert len(sums) == 6
    assert [query.where for query in sums if ">= 0)" not in query.expr] == []
    assert "!=" in query("ebbtide-pipeline", "Messages that wait", "unknown")
    unknown = overrides(panel("ebbtide-pipeline", "Messages that wait"))["unknown"]
    assert unknown["color"] == {"mode": "fixed", "fixedColor": GREY}


def test_the_first_tile_says_whether_the_others_can_be_trusted() -> None:
    """Which jobs answer, by name; the workers that are ready; the feeds that are heard."""
    first = next(panel for uid, panel in panels() if uid == "ebbtide-overview")
    asked = {target["refId"]: (target["legendFormat"], target["expr"]) for target in first["targets"]}
    assert asked["answers"] == ("{{job}} answers", 'avg by (job) (up{job=~"$job"})')
    assert [asked[ref][0] for ref in ("ready", "alerts", "heard")] == ["workers ready", "alerts ready", "feeds heard"]
    assert [step["color"] for step in first["fieldConfig"]["defaults"]["thresholds"]["steps"]] == [GREY, "red", "green"]


@pytest.mark.parametrize("title", ["Open incidents", "Open outages"])
def test_nothing_open_is_known_only_while_a_feed_is_heard(title: str) -> None:
    """Zeros are left out while all feeds are silent or warm up; what is open is shown in any case."""
    shown, _, zeros = query("ebbtide-overview", title).partition(" or ")
    assert shown.endswith("> 0")
    assert zeros.startswith(f"{shown.removesuffix(' > 0')} and on () max(")
    assert "ebbtide_series_judged" in zeros
    assert "ebbtide_feed_stalled" in zeros


WORKER = 'job="ebbtide", instance="a"'
ANSWERS = {
    f"up{{{WORKER}}}": "1x9",
    f"ebbtide_ready{{{WORKER}}}": "1x9",
    f"ebbtide_standby{{{WORKER}}}": "0x9",
    f'ebbtide_open_incidents{{{WORKER}, severity="total"}}': "0x9",
    f'ebbtide_open_incidents{{{WORKER}, severity="major"}}': "2x9",
    f'ebbtide_series_judged{{{WORKER}, feed="ping"}}': "40x9",
    f'ebbtide_feed_stalled{{{WORKER}, feed="ping"}}': "0x9",
    f'ebbtide_series_judged{{{WORKER}, feed="bgp"}}': "0x9",
    f'ebbtide_partition_lag_messages{{{WORKER}, partition="0"}}': "5x9",
    f'ebbtide_partition_lag_messages{{{WORKER}, partition="1"}}': " ".join(["NaN"] * 9),
}
SILENT = ANSWERS | {f'ebbtide_feed_stalled{{{WORKER}, feed="ping"}}': "1x9"}
DOWN = {f"up{{{WORKER}}}": "0x9"}
ASKED = {
    "answers": ("Answering, ready, heard", "answers"),
    "ready": ("Answering, ready, heard", "ready"),
    "heard": ("Answering, ready, heard", "heard"),
    "incidents": ("Open incidents", "A"),
}


@pytest.mark.parametrize(
    ("series", "shown"),
    [
        (ANSWERS, {"answers": [1], "ready": [1], "heard": [0.5], "incidents": [0, 2]}),
        (SILENT, {"answers": [1], "ready": [1], "heard": [0], "incidents": [2]}),
        (DOWN, {"answers": [0], "ready": [], "heard": [], "incidents": []}),
        ({}, {"answers": [], "ready": [], "heard": [], "incidents": []}),
    ],
    ids=["heard", "silent", "down", "no Prometheus"],
)
def test_tiles_show_what_is_known(tmp_path: Path, series: dict[str, str], shown: dict[str, list[float]]) -> None:
    """One of two feeds is heard; all are silent; the worker is down; nothing is there. No data is grey."""
    asked = {name: query("ebbtide-overview", *where) for name, where in ASKED.items()}
    answers = {asked[name]: numbers for name, numbers in shown.items()}
    assert "SUCCESS" in _checked(tmp_path, series, answers)


def test_an_unknown_lag_does_not_hide_the_rest(tmp_path: Path) -> None:
    """The sum is of the partitions whose lag is known; the others are counted."""
    summed, unknown = (query("ebbtide-pipeline", "Messages that wait", ref) for ref in ("waiting", "unknown"))
    assert "SUCCESS" in _checked(tmp_path, ANSWERS, {summed: [5], unknown: [1]})


def _checked(folder: Path, series: dict[str, str], answers: dict[str, list[float]]) -> str:
    """Return what promtool says of queries of these series after five minutes, each number as the label `is`."""
    (folder / "rules.yml").write_text("groups: []")
    checks = [
        {
            "expr": f'count_values("is", {expr})'.replace("$job", "ebbtide"),
            "eval_time": "5m",
            "exp_samples": [{"labels": f'{{is="{number:g}"}}', "value": 1} for number in numbers],
        }
        for expr, numbers in answers.items()
    ]
    given = [{"series": name, "values": values} for name, values in series.items()]
    suite = {"interval": "1m", "input_series": given, "promql_expr_test": checks}
    path = folder / "boards.test.yml"
    path.write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [suite]}))
    return prometheus.run("promtool", "test", "rules", path.name, at=folder)
