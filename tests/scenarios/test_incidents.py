"""Simulated situations: what comes out as incidents, against the truth that the simulation writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streams import cli

AREAS = 'areas = ["country+access+direction", "region+access+direction"]'


def run(scenario: str, folder: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> tuple[dict[str, Any], list[Any]]:
    """Return the figures of a situation, and the last revision of each incident that is its own."""
    assert cli.main(["simulate", scenario, "--output", str(folder)]) == 0
    settings = folder / "feeds.toml"
    settings.write_text(settings.read_text().replace("[feeds.reach]\n", f"[feeds.reach]\n{AREAS}\n"))
    capsysbinary.readouterr()
    assert cli.main(["detect", "--incidents", "--settings", str(settings), str(folder / "measurements.jsonl.gz")]) == 0
    told = capsysbinary.readouterr().out
    (folder / "incidents.jsonl").write_bytes(told)
    assert cli.main(["score", "--incidents", str(folder), str(folder / "incidents.jsonl")]) == 0
    last = {one["incident_id"]: one for one in map(json.loads, told.splitlines())}
    figures = json.loads(capsysbinary.readouterr().out)
    return figures, [one for one in last.values() if one["merged_into"] is None]


@pytest.mark.parametrize("scenario", ["zhanaozen-2011", "iran-2019"])
def test_one_incident_of_the_right_kind(
    scenario: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """What is one in truth is told as one, whole, of its kind and place, and nothing else is told."""
    figures, _ = run(scenario, tmp_path, capsysbinary)
    assert (figures["truths"], figures["found"], figures["kinds_right"], figures["overlap"]) == (1, 1, 1, 1.0)
    assert (figures["split"], figures["merged"], figures["false"]) == (0, 0, 0)


def test_two_drops_of_mobile_networks_abroad(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Iran, December 2019: one incident in five regions, mobile and international only, of two drops, still on."""
    figures, (told,) = run("iran-mobile-2019", tmp_path, capsysbinary)
    assert (figures["found"], figures["split"], figures["overlap"]) == (1, 0, 1.0)
    assert {"mobile-only", "international-only"} <= set(told["kinds"])
    assert [drop["at"] for drop in told["drops"]] == ["2019-12-25T05:00:00Z", "2019-12-25T06:40:00Z"]
    assert (told["state"], told["ended_at"]) == ("ongoing", None)


def test_a_collector_that_stops_is_no_outage(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Outages of three networks in five are held for the feed's fault: one incident without a place."""
    _, (told,) = run("broken-collector", tmp_path, capsysbinary)
    assert (told["kinds"], told["feeds"], told["state"]) == (["feed-fault"], ["bgp"], "ended")
    assert told["scope"] == {"countries": [], "regions": [], "asns": []}
