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
    told = significant(np.array(numbers)).tolist()
    assert told == pytest.approx(numbers, rel=5.01e-4)
    assert all(len(f"{number:.17g}".rstrip("0")) < 25 and float(f"{number:.4g}") == number for number in told)


def test_levels_are_told_when_the_hour_turns_and_when_warm_up_ends() -> None:
    """Of bins of 20 minutes, each third; none while nothing has a baseline; all series each time."""
    told = [one for one in findings(SETTINGS, 0, [value for _, value in two_feeds()]) if one.feed == "routes"]
    with_levels = [one for one in told if one.levels]
    hours = [one for one in with_levels if (one.end - START) % HOUR == 0]
    assert [one.end for one in with_levels if one not in hours] == [with_levels[0].end][: len(with_levels) - len(hours)]
    assert [one.end for one in hours] == list(range(hours[0].end, told[-1].end + 1, HOUR))
    assert 6 * HOUR <= with_levels[0].end - START <= 7 * HOUR
    for one in with_levels:
        assert one.levels is not None
        assert [(some.country, some.facets, len(some.entities)) for some in one.levels] == [("AZ", {}, 10)]
        assert one.levels[0].expected == pytest.approx([50.0] * 10, rel=0.01)


def tables(series: int, countries: int) -> LevelTables:
    """Levels of so many series, told by four shards in pieces."""
    told = LevelTables()
    for number in range(series // 4000):
        country = f"{chr(65 + number % countries % 26)}{chr(65 + number % countries // 26)}"
        entities = [f"asn/{4_200_000_000 + number * 4000 + one}" for one in range(4000)]
        expected = [round(1.37 * one, 1) for one in range(4000)]
        levels = Levels("IR" if number % 5 == 0 else country, {}, entities, expected, expected)
        told.put((f"shard/{number % 4}", "ping"), 3600.0, 3600, [levels])
    return told


def test_four_hundred_thousand_series_are_no_objects() -> None:
    """They are bytes, less than 40 each, until a country is asked for."""
    told = tables(400_000, 26)
    assert told.pass_to(3600.0)
    packed = [one for [(_, _, table)] in told.tables.values() for some in table.values() for one in some]
    assert sum(map(sys.getsizeof, packed)) < 40 * 400_000
    series = told.by_country(3600.0, ["ping"])
    assert len(series["IR"]) == 80_000
    assert series["IR"][1] == MeasuredSeries("ping", "asn/4200000001", (), 1.4, 1.4)
    assert series.get("ZZ", ()) == ()


def test_levels_to_come_are_not_used_before() -> None:
    """What is told of an instant is used from then on, and then replaces what was told before."""
    told = LevelTables()
    for hour in (1, 2):
        told.put(("shard/0", "ping"), hour * 3600.0, hour * 3600, [Levels("IR", {}, ["asn/1"], [hour], [1])])
    assert not told.pass_to(3000)
    assert list(told.by_country(3000, ["ping"])) == []
    for hour in (1, 2):
        assert told.pass_to(hour * 3600.0)
        assert [one.expected for one in told.by_country(hour * 3600.0, ["ping"])["IR"]] == [hour]
    assert told.by_country(7200, ["other"]).get("IR") is None


def test_the_order_is_that_of_feeds_and_reporters() -> None:
    """Sums of floats depend on it: shards by number, then areas, whoever told first."""
    told = LevelTables()
    for number, reporter in enumerate(["areas/country", "shard/10", "shard/2"]):
        told.put((reporter, "ping"), 0.0, 0, [Levels("IR", {}, [f"asn/{number}"], [1], [1])])
    assert [one.entity for one in told.by_country(0.0, ["ping"])["IR"]] == ["asn/2", "asn/1", "asn/0"]
