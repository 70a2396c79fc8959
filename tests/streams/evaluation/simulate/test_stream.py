"""The stream that a scenario writes: the same for the same seed, in order of arrival, good on the wire."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.config.loader import load
from streams.evaluation.simulate.situations import SCENARIOS
from streams.evaluation.simulate.stream import measurements
from streams.evaluation.simulate.world import Scenario
from streams.evaluation.simulate.writer import write
from tests.streams.evaluation.simulate.excerpts import decoded

FILES = ["feeds.toml", "labels.csv", "measurements.jsonl.gz", "truth.jsonl"]


def day(scenario: Scenario) -> Scenario:
    """Return the first day of a scenario."""
    return scenario._replace(end=f"{scenario.start[:8]}{int(scenario.start[8:10]) + 1:02d}T00:00:00Z")


EXAMS = day(SCENARIOS["exam-nights"])  # has a feed of every kind but ratio


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two folders of one seed are equal byte for byte; another seed measures other values."""
    for name in ("one", "two"):
        write(EXAMS, 1, tmp_path / name)
    write(EXAMS, 2, tmp_path / "other")
    first, two, other = ([(tmp_path / name / file).read_bytes() for file in FILES] for name in ("one", "two", "other"))
    assert first == two
    assert [mine == theirs for mine, theirs in zip(first, other, strict=True)] == [True, True, False, True]


def test_a_feed_is_drawn_by_itself() -> None:
    """Without its neighbours a feed measures the same: a scenario may grow without changing what is in it."""
    alone = measurements(EXAMS._replace(feeds=EXAMS.feeds[1:2]), 1)
    assert alone == [line for line in measurements(EXAMS, 1) if f'"feed":"{EXAMS.feeds[1].name}"' in line]


@pytest.mark.parametrize("name", ["exam-nights", "azerbaijan-2015", "xinjiang-2015"])
def test_measurements_are_in_order_up_to_the_lateness(name: str) -> None:
    """No measurement is older than the newest before it by more than its feed's lateness; some are out of order."""
    scenario = day(SCENARIOS[name])
    allowed = {feed.name: feed.lateness for feed in scenario.feeds}
    newest = 0.0
    late = []
    for measurement in decoded(scenario):
        late.append((newest - float(measurement.ts)) / allowed[measurement.feed])
        newest = max(newest, float(measurement.ts))
    assert 0 < max(late) <= 1


def test_settings_are_right_for_every_scenario(tmp_path: Path) -> None:
    """The settings beside the measurements name every feed that measures, with its bins."""
    for scenario in SCENARIOS.values():
        small = day(scenario)._replace(feeds=scenario.feeds, lines=scenario.lines[-4:], incidents=())
        write(small, 1, tmp_path)
        feeds = load(tmp_path / "feeds.toml", {}).feeds
        assert {name: (feed.signal, feed.kind, int(feed.bin)) for name, feed in feeds.items()} == {
            feed.name: (feed.signal, feed.kind, feed.width) for feed in scenario.feeds
        }
        assert set(feeds) >= {measurement.feed for measurement in decoded(small)}


def test_distinct_members_of_a_bin_are_different() -> None:
    """A telescope's sources are named once a bin, so that their number is the level."""
    seen = [
        (measurement.asn, float(measurement.ts), measurement.member)
        for measurement in decoded(EXAMS)
        if measurement.feed == "telescope"
    ]
    assert len(seen) == len(set(seen)) > 1000
