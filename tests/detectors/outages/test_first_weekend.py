"""Firms that rest on weekends never seen before: alone they alarm once, together never; outages beside are found."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.types import DAY, FRIDAYS, Change, Kind, Rule
from tests.detectors.series import START, Matrix, bins, outages, run

HOUR = 3600
FRIDAY, SATURDAY, SUNDAY, MONDAY = 2, 3, 4, 5  # days after a Wednesday
COUNTRY = 7


def level(rows: int, days: int = 24) -> Matrix:
    """Return hours of a steady level from a Wednesday on, noise of three per cent."""
    return 100 * (1 + 0.03 * np.random.default_rng(5).standard_normal((24 * days, rows)))


def rest(values: Matrix, row: int, share: float, first: int = SATURDAY) -> None:
    """Let a row lie at a share of its level on the two days of each weekend."""
    for day in range(first, len(values) // 24, 7):
        values[24 * day : 24 * (day + 2), row] *= share


def opened(values: Matrix, country: int) -> list[Change]:
    """Return the outages of hourly gauges of a country."""
    seen = bins(values, HOUR, start=START + 2 * DAY, group=country)
    return outages(run(Detector(Rule("gauge", HOUR)), seen))


def test_a_firm_alone_alarms_on_its_first_weekend_only() -> None:
    """It rests at two fifths for three weekends; an outage that ended with the first tells what its weekends are."""
    for country, first in ((0, SATURDAY), (COUNTRY, SATURDAY), (FRIDAYS + COUNTRY, FRIDAY)):
        values = level(1)
        rest(values, 0, 0.4, first)
        (change,) = opened(values, country)
        assert change.started_at == START + (2 + first) * DAY


def test_an_outage_within_a_first_weekend_teaches_nothing() -> None:
    """Two fifths are left until the evening of the first Saturday and of the second: two outages."""
    values = level(1)
    for day in (SATURDAY, SATURDAY + 7):
        values[24 * day : 24 * day + 18, 0] *= 0.4
    assert len(opened(values, COUNTRY)) == 2


@pytest.mark.parametrize("hours", [(0, 24), (0, 23), (0, 18), (8, 18)])
@pytest.mark.parametrize("days", [(SATURDAY,), (SUNDAY,), (SATURDAY, SUNDAY)], ids=str)
@pytest.mark.parametrize("share", [0.2, 0.4, 0.6])
def test_what_two_weekends_show_is_how_weekends_are(
    hours: tuple[int, int], days: tuple[int, ...], share: float
) -> None:
    """A firm alone lies low on the same hours of each weekend for six weeks: from the third on it is no outage."""
    values, (begin, end) = level(1, 44), hours
    for day in (day + week for week in range(0, 40, 7) for day in days):
        values[24 * day + begin : 24 * day + end, 0] *= share
    starts = [change.started_at for change in opened(values, COUNTRY)]
    assert starts and max(starts) < START + (2 + SATURDAY + 14) * DAY


@pytest.mark.parametrize("hours", [(0, 9), (0, 18), (10, 20)])
@pytest.mark.parametrize("day", [SATURDAY, SUNDAY])
def test_an_outage_of_a_first_weekend_hides_none_of_a_weekday(day: int, hours: tuple[int, int]) -> None:
    """Two fifths are left on a first weekend's day, and for the same hours of Thursday: that is no holiday like it."""
    values, (begin, end) = level(1, 12), hours
    for start in (day, SATURDAY + 5):
        values[24 * start + begin : 24 * start + end, 0] *= 0.4
    last = opened(values, COUNTRY)[-1]
    assert last.started_at == START + (2 + SATURDAY + 5) * DAY + begin * HOUR


def test_an_outage_of_three_days_of_a_first_weekend_hides_no_sunday_of_work() -> None:
    """The weekend is Friday and Saturday. It lasts until Sunday evening; a week later Sunday is one of its own."""
    values = level(1, 14)
    values[24 * FRIDAY : 24 * SUNDAY + 18, 0] *= 0.4
    values[24 * (SUNDAY + 7) : 24 * (SUNDAY + 7) + 18, 0] *= 0.4
    starts = [change.started_at for change in opened(values, FRIDAYS + COUNTRY)]
    assert starts[-1] == START + (2 + SUNDAY + 7) * DAY


def test_an_outage_longer_than_a_first_weekend_teaches_nothing() -> None:
    """It lasts from Saturday to Wednesday; a week later the same weekend is an outage again."""
    values = level(1)
    values[24 * SATURDAY : 24 * (MONDAY + 2), 0] *= 0.4
    values[24 * (SATURDAY + 7) : 24 * (MONDAY + 7), 0] *= 0.4
    assert len(opened(values, COUNTRY)) == 2


def test_firms_that_rest_together_are_no_outage() -> None:
    """Five of forty series of a country rest at a fifth to three fifths; of no country, each may be an outage."""
    values = level(40)
    for row, share in enumerate((0.2, 0.3, 0.4, 0.5, 0.6)):
        rest(values, row, share)
    assert opened(values, COUNTRY) == []
    assert {change.row for change in opened(values, 0)} == {0, 1, 2, 3, 4}


def test_darkness_is_found_beside_firms_that_rest() -> None:
    """A sixth series is gone from Saturday noon on; one that loses half while nobody rests is found as well."""
    values = level(40)
    for row in range(5):
        rest(values, row, 0.4)
    values[24 * SATURDAY + 12 :, 5] = 0
    values[24 * MONDAY :, 6] *= 0.5
    assert [change.row for change in opened(values, COUNTRY)] == [5, 6]


def test_one_that_falls_on_a_first_saturday_is_found_where_no_others_do() -> None:
    """A series of forty loses two fifths."""
    values = level(40)
    values[24 * SATURDAY + 6 : 24 * SATURDAY + 16, 3] *= 0.6
    (change,) = opened(values, COUNTRY)
    assert change.row == 3


def test_a_shutdown_on_a_first_saturday_is_no_rest() -> None:
    """Four series of a country lose half while six others go dark: all ten are found."""
    values = level(40)
    hours = slice(24 * SATURDAY + 6, 24 * SATURDAY + 18)
    values[hours, :4] *= 0.5
    values[hours, 4:10] = 0
    assert {change.row for change in opened(values, COUNTRY)} == set(range(10))


def test_counts_of_few_events_that_rest_together_are_no_outage() -> None:
    """Eight firms of sixty counts of 4 to 60 in five minutes: few bins show that three rest, those of an hour do."""
    rng, at = np.random.default_rng(8), np.arange(288 * 6) / 288
    mean = np.geomspace(4, 60, 60)[rng.permutation(60)] * np.ones((len(at), 1))
    mean[(at >= SATURDAY) & (at < MONDAY), :8] *= np.linspace(0.2, 0.6, 8)
    seen = bins(rng.poisson(mean).astype(np.float64), 300, start=START + 2 * DAY, group=COUNTRY)
    assert outages(run(Detector(Rule("count", 300)), seen)) == []


def test_a_shutdown_of_few_events_on_a_first_saturday_is_no_rest() -> None:
    """Fifteen of sixty counts of 12 to 40 in five minutes lose all but a twentieth: all are found."""
    rng = np.random.default_rng(9)
    mean = np.linspace(12, 40, 60) * np.ones((288 * 4, 1))
    mean[288 * SATURDAY + 100 : 288 * SATURDAY + 200, ::4] *= 0.05
    seen = bins(rng.poisson(mean).astype(np.float64), 300, start=START + 2 * DAY, group=COUNTRY)
    assert {change.row for change in outages(run(Detector(Rule("count", 300)), seen))} == set(range(0, 60, 4))


def test_offices_that_rest_a_little_among_homes_that_do_not_are_no_outages() -> None:
    """Eight of sixty lie a sixth lower on a weekend, less than it allows; the others go on."""
    values = level(60, 9)
    for row in range(8):
        rest(values, row, 0.84)
    assert opened(values, COUNTRY) == []


def test_a_firm_of_few_events_is_no_outage_on_its_later_weekends() -> None:
    """At half of five events in ten minutes, sixty of them: what the first weekend lacks is learnt, though in doubt."""
    at = START + np.arange(0, 35 * DAY, 600)[:, None]
    day = 1 - 0.6 * np.cos(2 * np.pi * (at % DAY) / DAY)
    means = 5 * day * np.where((at // DAY + 3) % 7 >= 5, 0.5, 1.0)
    values = np.random.default_rng(0).poisson(means, (len(at), 60)).astype(np.float64)
    found = outages(run(Detector(Rule("count", 600)), bins(values, 600)))
    assert len([change for change in found if change.opened > START + 8 * DAY]) <= 1


def test_an_outage_that_expires_on_a_first_sunday_hides_none_of_a_weekday() -> None:
    """Two fifths are left from six on, and at four the feed stops until Monday; on Thursday it loses as much at ten."""
    values = lost_twice(level(1, 12))
    detector, seen = Detector(Rule("gauge", HOUR)), list(bins(values, HOUR, start=START + 2 * DAY, group=COUNTRY))
    changes = run(detector, iter(seen[: 24 * SUNDAY + 16]))
    (end,) = detector.expire(seen[24 * MONDAY].start)
    found = outages([*changes, end, *run(detector, iter(seen[24 * MONDAY :]))])
    assert [change.state for change in found] == ["expired", "closed"]
    assert found[1].started_at == START + (2 + SATURDAY + 5) * DAY + 10 * HOUR


@pytest.mark.parametrize("false_from", [-1, 1])
def test_an_outage_of_a_false_first_sunday_hides_none_of_a_weekday(false_from: int) -> None:
    """Two fifths are left on a Sunday of which time goes back to Saturday night, and for hours of Thursday."""
    values = lost_twice(level(1, 12))
    detector, seen = Detector(Rule("gauge", HOUR)), list(bins(values, HOUR, start=START + 2 * DAY, group=COUNTRY))
    back = seen[24 * SUNDAY].start
    run(detector, iter(seen[: 24 * SUNDAY + 16]))
    ends = detector.go_back(back, back + false_from * DAY)
    assert [change.state for change in ends] == ["retracted" if false_from < 0 else "expired"]
    values[24 * SUNDAY : 24 * MONDAY] = np.nan
    again = bins(values, HOUR, start=START + 2 * DAY, group=COUNTRY)
    (found,) = outages(run(detector, (bin_ for bin_ in again if bin_.start >= back)))
    assert found.started_at == START + (2 + SATURDAY + 5) * DAY + 10 * HOUR


def lost_twice(values: Matrix) -> Matrix:
    """Leave two fifths of a first Sunday from six to four, and of the Thursday after it from ten to three."""
    values[24 * SUNDAY + 6 : 24 * SUNDAY + 16, 0] *= 0.4
    values[24 * (SATURDAY + 5) + 10 : 24 * (SATURDAY + 5) + 15, 0] *= 0.4
    return values


# The day from which on so much is left at some hours: the first of them, how many, and the share.
DAILY = tuple(
    (*hours, share) for hours in ((1, 19, 3), (1, 2, 4), (3, 12, 12), (SATURDAY, 9, 6)) for share in (0.07, 0.3)
)


@cache
def lost_each_day(kind: Kind, weekday: int) -> list[Change]:
    """Return the outages of series that lose as `DAILY` says for three weeks, eight that have no country."""
    means = np.full((24 * (SATURDAY + 22), len(DAILY)), 400.0)
    for row, (first, begin, lasts, share) in enumerate(DAILY):
        for day in range(first, first + 21):
            means[24 * day + begin : 24 * day + begin + lasts, row] *= share
    rng, size = np.random.default_rng(3), np.full(means.shape, 800)
    values = rng.poisson(means) if kind == "count" else rng.binomial(size, means / size)
    seen = bins(values.astype(np.float64), HOUR, size if kind == "ratio" else None, START + weekday * DAY)
    return outages(run(Detector(Rule(kind, HOUR)), seen))


@pytest.mark.parametrize("row", range(len(DAILY)))
@pytest.mark.parametrize(("kind", "weekday"), [("count", 0), ("count", 5), ("ratio", 3)])
def test_what_is_lost_each_day_is_no_rest(kind: Kind, weekday: int, row: int) -> None:
    """At the same hours of each day, for three weeks: the hours of weekends, though never seen, do not explain it."""
    found = [change for change in lost_each_day(kind, weekday) if change.row == row]
    starts = {(change.started_at - START) // DAY - weekday for change in found}
    assert starts == set(range(DAILY[row][0], DAILY[row][0] + 21))


@pytest.mark.parametrize("seed", [1, 2])
def test_an_hour_of_a_first_weekend_that_loses_most_teaches_nothing(seed: int) -> None:
    """A share of trials loses three fifths at the same hours of each day, in bins of two: most of 11 days are found."""
    rng, size = np.random.default_rng(seed), np.full((12 * 14, 1), 100)
    mean = 0.6 * (1 - 0.2 * np.cos(2 * np.pi * np.arange(12 * 14) / 12))[:, None]
    for day in range(3, 14):
        mean[12 * day + 2 : 12 * day + 4] *= 0.4
    seen = bins(rng.binomial(size, mean).astype(np.float64), 2 * HOUR, size, START + DAY)
    assert len(outages(run(Detector(Rule("ratio", 2 * HOUR)), seen))) >= 8


def homes(days: int, first: int) -> tuple[Matrix, Matrix]:
    """Return hours of eight homes in each of two countries from a day on, and their countries: busier on weekends."""
    values, hour = level(16, days + first)[24 * first :], 24 * first + np.arange(24 * days)
    values *= (1 + 0.3 * np.sin(2 * np.pi * hour / 24))[:, None]
    values[np.isin(hour // 24 % 7, (SATURDAY, SUNDAY))] *= np.linspace(1, 1.15, 16)
    return values, np.repeat([COUNTRY, COUNTRY + 1], 8)


def in_countries(values: Matrix, country: Matrix, first: int = 0) -> list[Change]:
    """Return the outages of hourly gauges of several countries, from a day on."""
    seen = bins(values, HOUR, start=START + (2 + first) * DAY, group=country)
    return outages(run(Detector(Rule("gauge", HOUR)), seen))


def test_two_firms_of_two_countries_rest_on_a_first_weekend() -> None:
    """One firm in each of two countries rests from Saturday on: no outage; one that falls without the other is."""
    both, country = homes(8, 0)
    for row in (0, 8):
        rest(both, row, 0.4)
    alone, _ = homes(8, 0)
    rest(alone, 0, 0.4)
    assert in_countries(both, country) == []
    assert [change.row for change in in_countries(alone, country)] == [0]


@pytest.mark.parametrize("first", [SATURDAY, SUNDAY])
def test_a_first_workday_after_a_weekend_is_no_outage(first: int) -> None:
    """A feed begins on a weekend, on which homes are busier: their Monday is none; a third lost on it is."""
    values, country = homes(8, first)
    lost = values.copy()
    lost[24 * (MONDAY - first) + 9 :, 15] *= 0.65
    assert in_countries(values, country, first) == []
    assert [change.row for change in in_countries(lost, country, first)] == [15]


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_without_a_first_weekend_the_next_teaches_no_loss(share: float) -> None:
    """Nothing is measured on the first weekend: a loss on the second Saturday and one on the third are outages."""
    values = level(1)
    values[24 * SATURDAY - 4 : 24 * MONDAY + 2] = np.nan
    for week in (1, 2):
        first = 24 * (SATURDAY + 7 * week) + 10
        values[first : first + 6] *= share
    assert [change.started_at for change in opened(values, COUNTRY)] == [
        START + (2 + SATURDAY + 7 * week) * DAY + 10 * HOUR for week in (1, 2)
    ]
