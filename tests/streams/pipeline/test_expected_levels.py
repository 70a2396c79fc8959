"""Levels: what is told of the series, how it is kept, and what that weighs."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.incidents.model import MeasuredSeries
from schemas.bin_report import Levels
from streams.pipeline.expected_levels import LevelTables, significant
from tests.streams.finding_helpers import HOUR, SETTINGS, START, findings, two_feeds


@given(st.lists(st.floats(min_value=1e-9, max_value=1e15), min_size=1))
def test_numbers_have_four_digits(numbers: list[float]) -> None:
    """Rounded as a decimal text would be, and written with no more digits."""
    reported = significant(np.array(numbers)).tolist()
    assert reported == pytest.approx(numbers, rel=5.01e-4)
    assert all(len(f"{number:.17g}".rstrip("0")) < 25 and float(f"{number:.4g}") == number for number in reported)


def test_levels_are_told_when_the_hour_turns_and_when_warm_up_ends() -> None:
    """Of bins of 20 minutes, each third; none while nothing has a baseline; all series each time."""
    reported = [
        report for report in findings(SETTINGS, 0, [value for _, value in two_feeds()]) if report.feed == "routes"
    ]
    with_levels = [report for report in reported if report.levels]
    hours = [report for report in with_levels if (report.end - START) % HOUR == 0]
    assert [report.end for report in with_levels if report not in hours] == [with_levels[0].end][
        : len(with_levels) - len(hours)
    ]
    assert [report.end for report in hours] == list(range(hours[0].end, reported[-1].end + 1, HOUR))
    assert 6 * HOUR <= with_levels[0].end - START <= 7 * HOUR
    for report in with_levels:
        assert report.levels is not None
        assert [(levels.country, levels.facets, len(levels.entities)) for levels in report.levels] == [("AZ", {}, 10)]
        assert report.levels[0].expected == pytest.approx([50.0] * 10, rel=0.01)


def tables(series: int, countries: int) -> LevelTables:
    """Levels of so many series, told by four shards in pieces."""
    reported = LevelTables()
    for number in range(series // 4000):
        country = f"{chr(65 + number % countries % 26)}{chr(65 + number % countries // 26)}"
        entities = [f"asn/{4_200_000_000 + number * 4000 + step}" for step in range(4000)]
        expected = [round(1.37 * step, 1) for step in range(4000)]
        levels = Levels("IR" if number % 5 == 0 else country, {}, entities, expected, expected)
        reported.put((f"shard/{number % 4}", "ping"), 3600.0, 3600, [levels])
    return reported


def test_four_hundred_thousand_series_are_no_objects() -> None:
    """They are bytes, less than 40 each, until a country is asked for."""
    reported = tables(400_000, 26)
    assert reported.pass_to(3600.0)
    packed = [row for [(_, _, table)] in reported.tables.values() for rows in table.values() for row in rows]
    assert sum(map(sys.getsizeof, packed)) < 40 * 400_000
    series = reported.by_country(3600.0, ["ping"])
    assert len(series["IR"]) == 80_000
    assert series["IR"][1] == MeasuredSeries("ping", "asn/4200000001", (), 1.4, 1.4)
    assert series.get("ZZ", ()) == ()


def test_levels_to_come_are_not_used_before() -> None:
    """What is told of an instant is used from then on, and then replaces what was told before."""
    reported = LevelTables()
    for hour in (1, 2):
        reported.put(("shard/0", "ping"), hour * 3600.0, hour * 3600, [Levels("IR", {}, ["asn/1"], [hour], [1])])
    assert not reported.pass_to(3000)
    assert list(reported.by_country(3000, ["ping"])) == []
    for hour in (1, 2):
        assert reported.pass_to(hour * 3600.0)
        assert [series.expected for series in reported.by_country(hour * 3600.0, ["ping"])["IR"]] == [hour]
    assert reported.by_country(7200, ["other"]).get("IR") is None


def test_the_order_is_that_of_feeds_and_reporters() -> None:
    """Sums of floats depend on it: shards by number, then areas, whoever told first."""
    reported = LevelTables()
    for number, reporter in enumerate(["areas/country", "shard/10", "shard/2"]):
        reported.put((reporter, "ping"), 0.0, 0, [Levels("IR", {}, [f"asn/{number}"], [1], [1])])
    assert [series.entity for series in reported.by_country(0.0, ["ping"])["IR"]] == ["asn/2", "asn/1", "asn/0"]
