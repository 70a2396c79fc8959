"""The last day by hour: means of known bins, gaps, memory, and their charts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streams.config.settings import Duration, FeedSettings, Settings
from streams.worker.web.hour_means import HourMeans
from streams.worker.web.recent_bins import RecentBins, SeriesHistory
from tests.streams.helpers import HOUR, START, message
from tests.streams.worker.web.pages import page
from tests.streams.worker.web.site import read
from tests.streams.worker.web.test_recent_bins import history, watched

NONE = math.nan
MINUTES = 300
GIVEN = Settings(
    feeds={
        name: FeedSettings(signal="traffic", kind="gauge", bin=Duration(width), lateness=Duration(0))
        for name, width in (("gauge", MINUTES), ("wide", HOUR))
    }
)


def means(width: int, bins: list[tuple[int, float, float]]) -> list[tuple[int, list[float]]]:
    """Return the hours that bins of one series make: start, value and expected level, rounded."""
    made = HourMeans(width)
    found = []
    for start, value, expected in bins:
        levels = np.array([[value], [expected], [1]], dtype=np.float32)
        found += [(hour, shown[:, 0].round(3).tolist()) for hour, shown in made.add(start, levels)]
    return found


def measured(count: int, asns: tuple[int, ...] = (1,), first: int = 0, feed: str = "gauge") -> list[bytes | None]:
    """Return measurements of networks every five minutes; the value is the number of the hour."""
    return [
        message(feed, START + number * MINUTES, asn, value=100 + number // 12)
        for number in range(first, first + count)
        for asn in asns
    ]


def day_of(recent: RecentBins, asn: int, feed: str = "gauge") -> SeriesHistory:
    """Return the hours of a network, which must be there."""
    day = history(recent, asn, feed).day
    assert day is not None
    return day


def test_an_hour_has_the_mean_of_its_bins() -> None:
    """Of value and expected level, at the end of its last bin."""
    bins = [(number * 900, 10.0 + number, 20.0) for number in range(9)]
    assert means(900, bins) == [(0, [11.5, 20]), (3600, [15.5, 20])]
    assert means(3600, [(0, 1.0, 2.0)]) == [(0, [1, 2])]


def test_bins_that_cross_an_hour_belong_to_that_in_which_they_start() -> None:
    """Bins of 7 minutes: nine in the first hour, eight or nine in those behind it."""
    bins = [(number * 420, float(number), 1.0) for number in range(18)]
    assert means(420, bins) == [(0, [4, 1]), (3600, [13, 1])]


@pytest.mark.parametrize(("count", "shown"), [(12, 7.0), (6, 7.0), (5, NONE), (0, NONE)])
def test_an_hour_that_is_mostly_unknown_is_a_gap(count: int, shown: float) -> None:
    """Unknown bins count neither as zero nor at all; less than half an hour of known bins is not called its mean."""
    bins = [(number * MINUTES, 7.0 if number < count else NONE, NONE) for number in range(12)]
    ((hour, (value, expected)),) = means(MINUTES, bins)
    assert (hour, math.isnan(expected)) == (0, True)
    assert value == shown or (math.isnan(value) and math.isnan(shown))


def test_what_is_expected_is_of_the_bins_that_were_measured() -> None:
    """Where a feed stops for a quarter of an hour at its peak, both means leave the peak out."""
    bins = [(0, 1.0, 1.0), (900, NONE, 9.0), (1800, 1.0, 1.0), (2700, 1.0, 1.0)]
    assert means(900, bins) == [(0, [1, 1])]


def test_bins_that_nobody_closed_end_an_hour() -> None:
    """The hour before the hole is over; the hour behind it begins anew."""
    bins = [(0, 1.0, 1.0), (900, 1.0, 1.0), (90_000, 5.0, 5.0), (90_900, 5.0, 5.0), (91_800, 5.0, 5.0)]
    assert means(900, [*bins, (92_700, 5.0, 5.0)]) == [(0, [1, 1]), (90_000, [5, 5])]


def test_a_day_is_kept_beside_the_bins() -> None:
    """Four hours of bins and 24 whole hours; the hour that goes on is among the bins alone."""
    running, recent = watched(GIVEN)
    running.take(measured(30 * 12 + 8))
    shown, day = history(recent, 1), day_of(recent, 1)
    assert (len(shown.starts), shown.width, day.width) == (48, MINUTES, HOUR)
    assert day.starts == [START + hour * HOUR for hour in range(6, 30)]
    assert day.levels[:, 0].tolist() == [100 + hour for hour in range(6, 30)]
    assert np.isfinite(day.levels[-1, 1]) and np.isnan(day.levels[:, 2]).all()


def test_bins_that_reach_back_a_day_need_no_hours() -> None:
    """48 bins of an hour are two days; with ten of them, the rest of the day is kept."""
    running, recent = watched(GIVEN)
    running.take(measured(12 * 40, feed="wide"))
    assert history(recent, 1, "wide").day is None
    running, recent = watched(GIVEN, bins=10)
    running.take(measured(12 * 40, feed="wide"))
    assert (len(history(recent, 1, "wide").starts), len(day_of(recent, 1, "wide").starts)) == (10, 24)


def test_an_hour_is_not_of_the_series_that_had_the_row_before() -> None:
    """A series has the hours that began after it: the sum of an earlier one may have the bins of another."""
    running, recent = watched(GIVEN)
    running.take([*measured(18), *measured(40, (1, 2), 18)])
    assert day_of(recent, 2).starts[0] == START + 2 * HOUR
    assert day_of(recent, 1).starts[0] == START


def test_hours_and_bins_share_one_limit() -> None:
    """The longest history gives way, so that of a crowd as many bins as hours are kept; sums count as well."""
    limit = 30_000
    running, recent = watched(GIVEN, limit=limit)
    for number in range(12 * 30):
        running.take(measured(1, tuple(range(1, 101)), number))
    kept = len(history(recent, 1).starts), len(day_of(recent, 1).starts)
    assert limit - 1200 < recent.bytes <= limit
    assert kept == (14, 15)
    assert recent.bytes == 100 * (12 * kept[0] + 8 * kept[1] + 12)


def test_a_limit_without_room_for_anything_keeps_nothing() -> None:
    """Also when the sums of the hour alone are above it."""
    running, recent = watched(GIVEN, limit=10)
    running.take(measured(40, (1, 2)))
    assert history(recent, 1).starts == []


def test_pages_show_the_day_beside_the_bins() -> None:
    """Of a series, of its outage and of the incident, once each; small charts of lists have none."""
    steady = [text for text in measured(12 * 40, tuple(range(1, 31))) if text is not None]
    dark = [
        text
        for number in range(12 * 40, 12 * 40 + 8)
        for asn in range(1, 31)
        if (text := message("gauge", START + number * MINUTES, asn, value=1 if asn < 20 else 140, country="IR"))
    ]
    view = read([*steady, *dark], GIVEN)
    (incident,) = [found for found in view.incidents() if found.state != "retracted"]
    outage = next(found for found in view.outages() if found.entity == "asn/1")
    shown = [
        page(view, "/series?entity=AS1"),
        page(view, f"/outages/{outage.outage_id}", "/outages/{id}", id=outage.outage_id),
        page(view, f"/incidents/{incident.incident_id}", "/incidents/{id}", id=incident.incident_id),
    ]
    assert [reader.text.count("Up to a day, means of hours") for reader in shown] == [1, 1, 1]
    assert "means of hours: 1" in shown[0].text
    assert "Up to a day" not in page(view, "/").text
