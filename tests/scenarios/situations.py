"""A simulated situation from end to end: the incidents that come out, and how they differ from the truth."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from detectors.evaluation.matching import Matches
from schemas.times import parse_time
from streams.config.loader import load
from streams.evaluation.cases import FEEDS, MEASUREMENTS, TRUTH
from streams.evaluation.detect import detect, incident_lines
from streams.evaluation.score_incidents import CONFIRMED, score_incidents
from streams.evaluation.simulate.situations import SCENARIOS
from streams.evaluation.simulate.writer import write
from streams.pipeline.process import Tally
from streams.pipeline.shard import Shard

Fields = dict[str, Any]
BINS = 2  # by how many bins of its feeds an edge may be off
CLOSE = 0.07  # by how much a share may be off


class Outcome(NamedTuple):
    """One draw of a situation: its true incidents, the reported ones, and how they match."""

    folder: Path
    truths: list[Fields]
    reported: list[Fields]
    matches: Matches


def run(name: str, seed: int, scratch: Path) -> Outcome:
    """Simulate, detect and score."""
    folder = scratch / f"{name}-{seed}"
    write(SCENARIOS[name], seed, folder)
    shard, tally = Shard(load(folder / FEEDS, {})), Tally()
    found = detect(shard, tally, [str(folder / MEASUREMENTS)], time.time)
    lines = [line for step in incident_lines(shard, found) for line in step]
    (folder / "incidents.jsonl").write_bytes(b"".join(lines))
    truths = [msgspec.json.decode(line) for line in (folder / TRUTH).read_bytes().splitlines()]
    matches = score_incidents(folder, str(folder / "incidents.jsonl"), 900.0)
    return Outcome(folder, truths, reported([msgspec.json.decode(line) for line in lines]), matches)


def reported(revisions: list[Fields]) -> list[Fields]:
    """Return the last revision of each incident that was confirmed and not merged."""
    last = {revision["incident_id"]: revision for revision in revisions}
    confirmed = {revision["incident_id"] for revision in revisions if revision["state"] in CONFIRMED}
    return [
        incident
        for incident in last.values()
        if incident["incident_id"] in confirmed and incident["merged_into"] is None
    ]


def complaints(outcome: Outcome) -> list[str]:
    """Return in what the reported incidents differ from the true ones, a line each; nothing when they agree."""
    truths = sorted(outcome.truths, key=lambda truth: truth["started_at"])
    incidents = sorted(outcome.reported, key=lambda incident: incident["started_at"])
    if len(incidents) != len(truths):
        headlines = "; ".join(incident["headline"] for incident in incidents)
        return [f"{len(incidents)} incidents of {len(truths)}: {headlines}"]
    pairs = zip(truths, incidents, strict=True)
    return [text for truth, incident in pairs for text in _compare(truth, incident, _width(outcome, incident))]


def _width(outcome: Outcome, incident: Fields) -> float:
    feeds = load(outcome.folder / FEEDS, {}).feeds
    return max(float(feeds[name].bin) for name in incident["feeds"])


def _compare(truth: Fields, incident: Fields, width: float) -> list[str]:
    real = {"regions": [], "asns": [], "countries": [], **truth, **truth["scope"]}
    found = {**incident, **incident["scope"]}
    names = [name for name in ("kinds", "severity", "services", "countries", "regions") if name in real]
    lines = [f"{name}: {found[name]}, not {real[name]}" for name in names if found[name] != real[name]]
    if set(found["asns"]) - set(real["asns"]) or (not real["regions"] and found["asns"] != real["asns"]):
        lines.append(f"asns: {found['asns']}, not {real['asns']}")
    edges = [name for name in ("started_at", "ended_at") if not _near(found[name], truth[name], width)]
    lines += [f"{name}: {found[name]}, not {truth[name]}" for name in edges]
    if "drops" in truth:
        lines += _drops(truth["drops"], found["drops"], width)
        if abs(found["affected_share"] - truth["affected_share"]) > CLOSE:
            lines.append(f"affected_share: {found['affected_share']}, not {truth['affected_share']}")
    if not set(found["feeds"]) <= set(truth["feeds"]):
        lines.append(f"feeds: {found['feeds']}, not {truth['feeds']}")
    return lines


def _drops(truth: list[Fields], found: list[Fields], width: float) -> list[str]:
    right = len(found) == len(truth) and all(
        _near(a["at"], b["at"], width) and abs(a["drop"] - b["drop"]) <= CLOSE
        for a, b in zip(found, truth, strict=True)
    )
    return [] if right else [f"drops: {found}, not {truth}"]


def _near(time: str | None, other: str | None, width: float) -> bool:
    if time is None or other is None:
        return time == other
    return abs(parse_time(time) - parse_time(other)) <= BINS * width
