"""The newest bins of all series: which are kept, for which series, and within which memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import msgspec
import numpy as np
import pytest

from detectors.rewound import NEVER, Rewound
from schemas.api import SeriesQuery
from schemas.outage import Outage, decode_outage
from streams.config.settings import Settings
from streams.pipeline.shard import Shard
from streams.worker.web.bins import series_bins
from streams.worker.web.entity_series import page_of_series
from streams.worker.web.recent_bins import RecentBins, SeriesHistory
from tests.streams.helpers import DAY, HOUR, START, Run, message, settings


def watched(given: Settings, bins: int = 48, limit: int = 1_000_000) -> tuple[Run, RecentBins]:
    """Return a shard that is given messages, and the recent bins of its feeds."""
    running, recent = Run(Shard(given)), RecentBins(bins, limit)
    for name, feed in running.shard.feeds.items():
        recent.watch(0, name, feed, partial(getattr, feed, "rewound"))
    return running, recent


def hours(count: int, asns: Sequence[int], first: int = 0, feed: str = "gauge") -> list[bytes | None]:
    """Return steady measurements of networks, hour after hour."""
    return [
        message(feed, START + hour * HOUR, asn, value=100 + hour)
        for hour in range(first, first + count)
        for asn in asns
    ]


def history(recent: RecentBins, asn: int, feed: str = "gauge") -> SeriesHistory:
    """Return the bins of a network, which must be there."""
    found = recent.of_series(feed, f"asn/{asn}", ())
    assert found is not None
    return found


def of_entity(recent: RecentBins, entity: str) -> list[SeriesHistory]:
    """Return the bins of all series of an entity."""
    return list(page_of_series(recent.rows_of(entity), entity, SeriesQuery(limit=1000, bins=50)).histories)


def of_outage(recent: RecentBins, outage: Outage) -> SeriesHistory | None:
    """Return the bins of the series of an outage."""
    (read,) = recent.of_outages([outage])
    return read()


def test_bins_have_value_and_expected_level() -> None:
    """The value is known from the first bin on, the expected level after the warm-up."""
    running, recent = watched(settings(("gauge",), lateness=0))
    running.take(hours(41, [1, 2]))
    shown = history(recent, 1)
    assert shown.starts == [START + hour * HOUR for hour in range(40)]
    assert shown.levels[:, 0].tolist() == [100 + hour for hour in range(40)]
    assert all(math.isnan(number) for number in shown.levels[0, 1:])
    value, expected, spread = shown.levels[-1].tolist()
    assert abs(value - expected) < 3 * spread


def test_only_the_newest_bins_are_kept() -> None:
    """At most the set number for each series; zero keeps none."""
    running, recent = watched(settings(("gauge",), lateness=0), bins=5)
    running.take(hours(41, [1]))
    assert history(recent, 1).starts == [START + hour * HOUR for hour in range(35, 40)]
    assert history(recent, 1).last(2).starts == [START + hour * HOUR for hour in range(38, 40)]
    running, recent = watched(settings(("gauge",), lateness=0), bins=0)
    running.take(hours(41, [1]))
    assert (of_entity(recent, "asn/1"), recent.bytes) == ([], 0)


def test_memory_is_bounded_and_shared_by_all_feeds() -> None:
    """The limit holds for both feeds together, which keep as many bins as each other."""
    limit = 20_000
    running, recent = watched(settings(("gauge", "count"), lateness=0), limit=limit)
    for hour in range(60):
        running.take([*hours(1, range(1, 101), hour), *hours(1, range(1, 101), hour, "count")])
    assert limit - 1200 < recent.bytes <= limit
    kept = [len(history(recent, 1, feed).starts) for feed in ("gauge", "count")]
    assert kept == [8, 8]
    recent.clear()
    assert (recent.bytes, of_entity(recent, "asn/1")) == (0, [])


def test_a_series_has_no_bins_of_the_previous_series_in_its_row() -> None:
    """A network is forgotten after two days of silence; the next new one has its row, and its own bins alone."""
    running, recent = watched(settings(("gauge",), lateness=0, forget_after=2 * DAY), bins=100)
    running.take([*hours(10, [1, 2]), *hours(72, [2], 10)])
    assert recent.of_series("gauge", "asn/1", ()) is None
    running.take(hours(5, [2, 3], 82))
    assert history(recent, 3).starts == [START + hour * HOUR for hour in range(82, 86)]
    assert running.shard.feeds["gauge"].index.by_series["asn/3", ()] == 0


def test_bins_before_the_first_of_a_series_are_not_its() -> None:
    """Later bins in which nothing of it was measured are unknown, not zero."""
    running, recent = watched(settings(("gauge",), lateness=0))
    running.take([*hours(3, [1]), *hours(3, [1, 2], 3), *hours(2, [1], 6)])
    shown = history(recent, 2)
    assert shown.starts == [START + hour * HOUR for hour in (3, 4, 5, 6)]
    assert np.isnan(shown.levels[-1]).all()


def test_all_series_of_an_entity_come_in_order() -> None:
    """In order of feed and facets, including series that appeared later."""
    running, recent = watched(settings(("gauge", "count"), lateness=0))
    running.take(hours(2, [1], 0, "count"))
    assert [series.feed for series in of_entity(recent, "asn/1")] == ["count"]
    mobile = [message("gauge", START + hour * HOUR, 1, value=7, access="mobile") for hour in (2, 3)]
    running.take([*mobile, *hours(2, [1], 4)])
    found = [(series.feed, series.series.facets) for series in of_entity(recent, "asn/1")]
    assert found == [("count", ()), ("gauge", ()), ("gauge", (("access", "mobile"),))]


@pytest.mark.parametrize("rewound", [NEVER, Rewound(2, START + 1000 * HOUR)], ids=["first time", "third time"])
def test_the_bins_of_an_outage_that_ended_are_kept_with_it(rewound: Rewound) -> None:
    """Also when one batch closes many bins after its end, or in bins that close anew: its chart shows its end."""
    given = settings(("gauge",), lateness=0)
    running, recent = watched(given, bins=10)
    running.shard.feeds["gauge"].rewound = rewound
    dark = [message("gauge", START + hour * HOUR, 1, value=1) for hour in range(60, 64)]
    running.take([*hours(60, [1]), *dark, *hours(100, [1], 64)])
    closed = next(outage for text in running.outages if (outage := decode_outage(text)).state == "closed")
    framed = of_outage(recent, closed)
    assert framed is not None
    assert (framed.starts[0], framed.starts[-1]) == (START + 56 * HOUR, START + 65 * HOUR)
    assert framed.levels[4:8, 0].tolist() == [1, 1, 1, 1]
    going = msgspec.structs.replace(closed, outage_id="0" * 16)
    newest = of_outage(recent, going)
    assert newest is not None
    assert newest.starts[-1] == START + 162 * HOUR


def test_bins_that_were_deleted_unread_are_null_in_the_api() -> None:
    """A count that was not read is unknown, not 0, and what is expected does not move over the gap."""
    given = settings(("count",))
    running, recent = watched(given)
    running.take(hours(24, range(1, 7), feed="count"))
    feed = running.shard.feeds["count"]
    feed.gap = feed.gap.widened(feed.watermark.next_close)
    running.take(hours(8, range(1, 7), first=30, feed="count"))
    bins = series_bins(given, history(recent, 1, "count")).bins
    unread = [number for number, closed in enumerate(bins) if closed.value is None]
    assert unread == list(range(unread[0], unread[0] + len(unread))) and len(unread) >= 6
    assert {closed.expected for closed in bins[unread[0] : unread[-1] + 1]} == {None}
    before, after = bins[unread[0] - 1].expected, bins[unread[-1] + 1].expected
    assert before is not None and after is not None
    assert abs(after - before) < 0.05 * before
