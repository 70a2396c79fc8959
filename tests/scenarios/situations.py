"""A simulated situation from end to end: what came out as incidents, and in what that differs from the truth."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from detectors.evaluation.matching import Matches
from schemas.times import parse_time
from streams.config.loader import load
from streams.evaluation.cases import FEEDS, MEASUREMENTS
from streams.evaluation.detect import detect, incident_lines
from streams.evaluation.score_incidents import CONFIRMED, score_incidents
from streams.evaluation.simulate.situations import SCENARIOS
from streams.evaluation.simulate.writer import TRUTH, write
from streams.pipeline.process import Tally
from streams.pipeline.shard import Shard

Fields = dict[str, Any]
BINS = 2  # by how many bins of its feeds an edge may be off
CLOSE = 0.07  # by how much a share may be off


class Outcome(NamedTuple):
    """One draw of a situation: the incidents that it holds, those that were told, and what the scoring says."""

    folder: Path
    truths: list[Fields]
    told: list[Fields]
    matches: Matches


def run(name: str, seed: int, scratch: Path) -> Outcome:
    """Simulate, detect and score."""
    folder = scratch / f"{name}-{seed}"
    write(SCENARIOS[name], seed, folder)
    shard, tally = Shard(load(folder / FEEDS, {})), Tally()
    found = detect(shard, tally, [str(folder / MEASUREMENTS)], time.time)
    lines = [line for some in incident_lines(shard, found) for line in some]
    (folder / "incidents.jsonl").write_bytes(b"".join(lines))
    truths = [msgspec.json.decode(line) for line in (folder / TRUTH).read_bytes().splitlines()]
    matches = score_incidents(folder, str(folder / "incidents.jsonl"), 900.0)
    return Outcome(folder, truths, told([msgspec.json.decode(line) for line in lines]), matches)


def told(revisions: list[Fields]) -> list[Fields]:
    """The last revision of each incident of its own that was ever confirmed."""
    last = {one["incident_id"]: one for one in revisions}
    sure = {one["incident_id"] for one in revisions if one["state"] in CONFIRMED}
    return [one for one in last.values() if one["incident_id"] in sure and one["merged_into"] is None]


def complaints(outcome: Outcome) -> list[str]:
    """In what the incidents told differ from those of the truth, a line each; nothing when they are exactly these."""
    truths = sorted(outcome.truths, key=lambda one: one["started_at"])
    its = sorted(outcome.told, key=lambda one: one["started_at"])
    if len(its) != len(truths):
        return [f"{len(its)} incidents of {len(truths)}: " + "; ".join(one["headline"] for one in its)]
    return [text for truth, one in zip(truths, its, strict=True) for text in _compare(truth, one, _width(outcome, one))]


def _width(outcome: Outcome, one: Fields) -> float:
    feeds = load(outcome.folder / FEEDS, {}).feeds
    return max(float(feeds[name].bin) for name in one["feeds"])


def _compare(truth: Fields, one: Fields, width: float) -> list[str]:
    its, real = {**one, **one["scope"]}, {"regions": [], "asns": [], "countries": [], **truth, **truth["scope"]}
    names = [name for name in ("kinds", "severity", "services", "countries", "regions") if name in real]
    said = [f"{name}: {its[name]}, not {real[name]}" for name in names if its[name] != real[name]]
    if set(its["asns"]) - set(real["asns"]) or (not real["regions"] and its["asns"] != real["asns"]):
        said.append(f"asns: {its['asns']}, not {real['asns']}")
    edges = [name for name in ("started_at", "ended_at") if not _near(one[name], truth[name], width)]
    said += [f"{name}: {one[name]}, not {truth[name]}" for name in edges]
    if "drops" in truth:
        said += _drops(truth["drops"], one["drops"], width)
        if abs(one["affected_share"] - truth["affected_share"]) > CLOSE:
            said.append(f"affected_share: {one['affected_share']}, not {truth['affected_share']}")
    if not set(one["feeds"]) <= set(truth["feeds"]):
        said.append(f"feeds: {one['feeds']}, not {truth['feeds']}")
    return said


def _drops(truth: list[Fields], its: list[Fields], width: float) -> list[str]:
    right = len(its) == len(truth) and all(
        _near(a["at"], b["at"], width) and abs(a["drop"] - b["drop"]) <= CLOSE for a, b in zip(its, truth, strict=True)
    )
    return [] if right else [f"drops: {its}, not {truth}"]


def _near(time: str | None, other: str | None, width: float) -> bool:
    if time is None or other is None:
        return time == other
    return abs(parse_time(time) - parse_time(other)) <= BINS * width
