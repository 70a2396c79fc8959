"""Whose clock is ahead: named on the page, with the lead, and never more than a few."""

from __future__ import annotations

from typing import Any, cast

from streams.pipeline.fast_clocks import MOST
from streams.pipeline.process import process
from streams.pipeline.shard import Shard
from streams.worker.input_notices import clocks_ahead, feeds_ahead
from tests.streams import helpers
from tests.streams.helpers import START, Run, message


def taken(kind: str, ahead: dict[int, float], **fields: object) -> Shard:
    """Return a shard that got a measurement of each network a second after it was made by a right clock."""
    done = Run(Shard(helpers.settings((cast("Any", kind),))))
    for asn in range(1, 51):
        value = message(kind, START + asn + ahead.get(asn, 0.0), asn, **fields)
        process(done.shard, done.tally, [value], [asn], [START + asn + 1.0])
    return done.shard


def test_the_page_names_who_is_ahead() -> None:
    """Two of fifty, one of them so far that its measurement is a dead letter; a second or ten are nothing."""
    shard = taken("count", {7: 90.0, 8: 5000.0, 9: 10.0})
    expected = "In feed count the clock of asn/8, one of 2, is ahead of receipt, in the last hour by 4,999 s."
    assert clocks_ahead([shard]) == [expected]
    assert clocks_ahead([taken("count", {})]) == []


def test_a_member_is_named() -> None:
    """A probe of a network, not the network."""
    shard = taken("presence", {7: 90.0}, member="p1", up=True)
    assert list(shard.feeds["presence"].admission.fast_clocks.ahead) == ["asn/7, member p1"]


def test_names_are_bounded() -> None:
    """Of fifty clocks ahead the newest are kept, whether they come one by one or together."""
    ahead = dict.fromkeys(range(1, 51), 100.0)
    clocks = taken("count", ahead).feeds["count"].admission.fast_clocks
    assert list(clocks.ahead) == [f"asn/{asn}" for asn in range(51 - MOST, 51)]
    done = Run(Shard(helpers.settings(("count",))))
    values = [message("count", START + 100 + asn, asn) for asn in range(1, 51)]
    process(done.shard, done.tally, values, range(50), float(START))
    assert len(done.shard.feeds["count"].admission.fast_clocks.ahead) == MOST


def test_a_feed_that_is_ahead_of_receipt_says_so_until_it_is_well() -> None:
    """A broker whose clock was two hours ahead received networks as wrong as it; then it is put right. The page names
    the feed until it goes back ten minutes later, what comes till then is late, and from then on all is binned again.
    """
    done = Run(Shard(helpers.settings(("count",), width=300, lateness=60)))

    def take(minute: int, wrong: float) -> list[str]:
        at = START + 60 * minute + wrong
        values = [message("count", at + asn, asn) for asn in range(1, 7)]
        process(done.shard, done.tally, values, range(done.offset, done.offset + 6), [at + 10] * 6, is_proven=True)
        done.offset += 6
        return feeds_ahead([done.shard])

    assert take(0, 0.0) == take(1, 0.0) == []
    assert [take(minute, 600.0 * minute) for minute in range(1, 13)] == [[]] * 12
    said = [take(minute, 0.0) for minute in range(13, 200)]
    assert said[0][0].startswith("The time of feed count is 7,136 s ahead of what is received, which is late until")
    assert [bool(lines) for lines in said] == [minute < 23 for minute in range(13, 200)]
    counts = done.shard.counts["count"]
    assert counts.binned + counts.late == counts.taken == 201 * 6
    assert counts.late == 6 * 10 + 1  # the first message after ten minutes is the last that is late
    assert feeds_ahead([taken("count", {})]) == []


def test_who_was_ahead_long_ago_is_not_named() -> None:
    """An hour of the feed later the page is silent."""
    shard = taken("count", {7: 90.0})
    process(shard, Run(shard).tally, [message("count", START + 4000, 1)], [99], [START + 4000.0])
    assert clocks_ahead([shard]) == []


def test_old_stamps_of_producers_put_no_feed_ahead() -> None:
    """Where producers stamp, what is sent again with its old stamp is read now: the feed's time is not ahead of it."""
    done = Run(Shard(helpers.settings(("count",), width=300, lateness=60)))
    for minute in range(80):
        now = START + 60.0 * minute
        at = now if minute < 70 else START
        values = [message("count", at - asn, asn) for asn in range(1, 7)]
        offsets = range(done.offset, done.offset + 6)
        process(done.shard, done.tally, values, offsets, [at] * 6, is_proven=False, read_at=now)
        done.offset += 6
        assert feeds_ahead([done.shard]) == []
    assert (done.shard.feeds["count"].watermark.newest or 0.0) > START + 3600
