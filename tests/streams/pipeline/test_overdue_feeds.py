"""Feeds whose next bin is overdue in a partition: when they are announced, and when no longer."""

from __future__ import annotations

from detectors.watermark import TimeRule
from streams.pipeline.overdue_feeds import OverdueFeeds

RULES = {"fast": TimeRule(300, 60.0, 600.0), "wide": TimeRule(1800, 60.0, 600.0)}


def overdue() -> OverdueFeeds:
    """Return feeds of 5 and of 30 minutes that are waited for 10 s."""
    return OverdueFeeds(RULES, 10.0)


def test_a_feed_is_announced_once_others_have_waited_for_it() -> None:
    """Not while its bin is not due; then after 10 s of wall time, once."""
    feeds = overdue()
    assert feeds.due({"fast": 1500, "wide": 0}, 0, 0.0) == []
    assert feeds.due({"fast": 1500, "wide": 0}, 0, 100.0) == []
    assert feeds.due({"fast": 1800, "wide": 0}, 0, 200.0) == []
    assert feeds.due({"fast": 1800, "wide": 0}, 0, 209.0) == []
    assert feeds.due({"fast": 1800, "wide": 0}, 0, 210.0) == [("wide", 0)]
    feeds.announced["wide"] = 0
    assert feeds.due({"fast": 2100, "wide": 0}, 0, 400.0) == []


def test_a_backlog_is_no_silence() -> None:
    """While messages are unread, or it is unknown whether there are any, nothing is announced."""
    feeds = overdue()
    for lag in (5, None):
        assert feeds.due({"fast": 1800, "wide": 0}, lag, 0.0) == []
        assert feeds.due({"fast": 1800, "wide": 0}, lag, 1000.0) == []
    assert feeds.due({"fast": 1800, "wide": 0}, 0, 1001.0) == []
    assert feeds.due({"fast": 1800, "wide": 0}, 0, 1011.0) == [("wide", 0)]


def test_a_slow_feed_is_announced_at_once() -> None:
    """Its last bin came after more than 10 s; a punctual bin brings the patience back."""
    feeds = overdue()
    feeds.due({"fast": 1800, "wide": 0}, 0, 0.0)
    feeds.announced["wide"] = 0
    assert feeds.due({"fast": 3300, "wide": 1800}, 0, 25.0) == []
    assert feeds.due({"fast": 3600, "wide": 1800}, 0, 50.0) == [("wide", 1800)]
    assert feeds.due({"fast": 3600, "wide": 3600}, 0, 55.0) == []
    assert feeds.due({"fast": 5400, "wide": 3600}, 0, 80.0) == []
    assert feeds.due({"fast": 5400, "wide": 3600}, 0, 90.0) == [("wide", 3600)]


def test_feeds_wait_for_each_other() -> None:
    """The wide feed is ahead: the fast one is overdue."""
    feeds = overdue()
    feeds.due({"fast": 1200, "wide": 1800}, 0, 0.0)
    assert feeds.due({"fast": 1200, "wide": 1800}, 0, 10.0) == [("fast", 1200)]
