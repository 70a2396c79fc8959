"""`ebbtide state reset --feed NAME`: the state of one feed is deleted, that of all others is kept to the byte."""

from __future__ import annotations

import pytest

from streams.cli.state_transfer import reset_feed, without_feed
from streams.config.errors import UsageError
from streams.state.measurement_stage import MeasurementStage
from tests.streams import helpers
from tests.streams.helpers import KINDS, START


def test_one_feed_begins_anew_and_the_others_go_on() -> None:
    """As if the feed had never been measured: the others have the state of a partition without it, and offsets stay."""
    settings, table = helpers.settings(), dict[bytes, bytes]()
    stage = MeasurementStage(settings, 0, table, 0.0)
    values = helpers.traffic(3)
    stage.process(helpers.records(values), 0.0)
    stage.note_clock("count", START + 9e8)
    stage.save(0.0)
    assert without_feed(settings, "count", 0, table)
    assert not without_feed(settings, "count", 0, table)
    again = MeasurementStage(settings, 0, table, 0.0)
    assert again.applied == stage.applied
    assert "count" not in again.clock
    assert len(again.shard.feeds["count"].index) == 0
    assert again.shard.newest().keys() == set(KINDS) - {"count"}
    for name in set(KINDS) - {"count"}:
        assert again.shard.feeds[name].watermark == stage.shard.feeds[name].watermark
        assert again.shard.feeds[name].index.rows == stage.shard.feeds[name].index.rows
        assert again.shard.feeds[name].detector.scalars == stage.shard.feeds[name].detector.scalars
    assert not [key for key in table if b"count/" in key]
    later = [helpers.message("count", START, 1)]
    again.process(helpers.records(later, len(values)), 0.0)
    assert again.shard.newest()["count"] == START


def test_a_feed_that_the_settings_lack_is_one_line() -> None:
    """Nothing is connected to."""
    with pytest.raises(UsageError, match="no feed 'nobody' in the settings: they have count, distinct, gauge"):
        reset_feed(helpers.settings(), "nobody", lambda _: None)
