"""Time lines: lateness, clocks that run ahead or behind, pauses, silence, expiry, forgetting."""

from __future__ import annotations

import random
from collections.abc import Iterable

import orjson
import pytest

from detectors.types import Kind
from streams.pipeline.shard import Shard
from streams.state.shard_restore import restore
from streams.state.shard_rows import dump, heads
from tests.streams import helpers
from tests.streams.helpers import DAY, HOUR, START, Run, message, run, states

WEEK = 7 * DAY


def steady(kind: Kind, hours: Iterable[int], asns: Iterable[int] = range(1, 7)) -> list[bytes | None]:
    """Four measurements an hour of each network, in these hours."""
    return [
        message(kind, START + hour * HOUR + quarter * 900 + asn, asn, value=20)
        for hour in hours
        for quarter in range(4)
        for asn in asns
    ]


def revisions(done: Run) -> list[tuple[str, str, str]]:
    """Entity, state and start of each revision."""
    shown = map(orjson.loads, done.outages)
    return [(outage["entity"], outage["state"], outage["started_at"][8:13]) for outage in shown]


def test_within_lateness_is_binned_beyond_is_late() -> None:
    """The bin of an hour closes when a time ten minutes past its end was seen, not before."""
    begin = steady("count", range(2))
    in_time = [message("count", START + 2 * HOUR + 599, 1), message("count", START + 2 * HOUR - 1, 1)]
    done = run(helpers.settings(("count",)), [*begin, *in_time])
    assert done.shard.counts["count"].late == 0
    done.take([message("count", START + 2 * HOUR + 600, 1), message("count", START + 2 * HOUR - 1, 1)])
    assert done.shard.counts["count"].late == 1
    assert done.shard.feeds["count"].watermark.next_close == START + 2 * HOUR


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("kind", ["count", "gauge"])
def test_disorder_within_lateness_changes_nothing(kind: Kind, seed: int) -> None:
    """Each measurement up to ten minutes late: the same outages byte by byte, the same counts, nothing late."""
    hours = [*range(10), *range(14, 24)] if kind == "count" else range(24)
    values = [*steady(kind, range(24), range(2, 7)), *steady(kind, hours, [1])]
    if kind == "gauge":
        values += [message(kind, START + hour * HOUR + 3599, 1, value=1) for hour in range(12, 18)]
    times = [orjson.loads(value or b"")["ts"] for value in values]
    rng = random.Random(seed)
    order = sorted(range(len(values)), key=times.__getitem__)
    mixed = sorted(range(len(values)), key=lambda index: times[index] + rng.uniform(0, 599))
    assert mixed != order
    done, clean = (run(helpers.settings((kind,)), [values[index] for index in indices]) for indices in (mixed, order))
    assert done.outages == clean.outages != []
    assert done.shard.counts == clean.shard.counts
    assert (done.shard.counts[kind].late, done.dead) == (0, [])


def test_the_end_of_the_input_closes_nothing() -> None:
    """A dark hour at the end is no outage before the watermark has passed it."""
    done = run(helpers.settings(("count",)), steady("count", range(10)))
    assert list(done.shard.feeds["count"].bins.bins) == [START + 9 * HOUR]
    assert done.outages == []


@pytest.mark.parametrize("ahead", [3 * HOUR, 5 * DAY, 9 * WEEK])
def test_one_measurement_far_ahead_is_dead_and_closes_nothing(ahead: int) -> None:
    """The next one in step with the rest refutes it; no bin closes, no outage, nothing late."""
    values = steady("count", range(12))
    odd = message("count", START + 9 * HOUR + ahead, 3)
    cut = 9 * 24 + 12
    done = run(helpers.settings(("count",)), [*values[:cut], odd, *values[cut:]])
    assert done.dead == [(cut, "too-far-ahead", odd)]
    clean = run(helpers.settings(("count",)), values)
    assert (done.outages, done.shard.newest()) == (clean.outages, clean.shard.newest())
    assert done.shard.counts["count"].late == 0


def test_a_clock_that_always_runs_ahead_is_always_dead() -> None:
    """One network a day ahead of the others: all of its measurements are dead letters, the others are not hurt."""
    values = steady("count", range(12))
    odd = steady("count", range(24, 36), [9])
    mixed = [taken for n, value in enumerate(values) for taken in ([value, odd[n // 6]] if n % 6 == 2 else [value])]
    done = run(helpers.settings(("count",)), mixed)
    assert len(done.dead) + done.shard.pending() == len(odd)
    assert done.shard.counts["count"].binned == len(values)
    assert done.outages == []


@pytest.mark.parametrize("pause", [3, 30, 24 * 20])
@pytest.mark.parametrize("kind", ["count", "gauge"])
def test_a_pause_of_the_whole_feed_is_no_outage_and_costs_nothing(kind: Kind, pause: int) -> None:
    """All networks silent for hours, days, weeks, then back: nothing dead, nothing late, nothing dark."""
    values = steady(kind, [*range(10), *range(10 + pause, 20 + pause)])
    done = run(helpers.settings((kind,)), values)
    assert (done.dead, done.outages, done.shard.pending()) == ([], [], 0)
    assert done.shard.counts[kind].binned == len(values)


def test_a_gap_whose_first_measurements_are_out_of_order_costs_nothing() -> None:
    """After three silent hours the newest of a network comes before one that is a minute older: both are binned."""
    values = steady("count", range(10))
    back = [message("count", START + 13 * HOUR + 300 - 60 * n, 1 + n) for n in range(2)]
    done = run(helpers.settings(("count",)), [*values, *back, *steady("count", range(14, 16))])
    assert (done.dead, done.shard.pending()) == ([], 0)


@pytest.mark.parametrize("behind", [HOUR, DAY])
def test_a_slow_clock_refutes_nobody(behind: int) -> None:
    """Its late measurements come between those of the first two networks after a pause, which lose none."""
    values, back = steady("count", range(10)), steady("count", range(13, 20))
    slow = [message("count", START + 9 * HOUR - behind + n, 7) for n in range(len(back))]
    mixed = [value for pair in zip(back, slow, strict=True) for value in pair]
    done = run(helpers.settings(("count",)), [*values, *mixed])
    assert (done.dead, done.shard.pending()) == ([], 0)
    assert done.shard.counts["count"].late == len(slow)


def test_a_clock_that_leaps_twice_closes_nothing_for_others() -> None:
    """Eight minutes ahead, which is let in, then a day ahead while all others are late: all of that is refuted."""
    settings = helpers.settings(("count",), width=60, lateness=30, max_ahead=600)
    values: list[bytes | None] = [
        message("count", START + 60 * n + asn, asn, value=20) for n in range(60) for asn in range(1, 7)
    ]
    odd = [message("count", START + 30 * 60 + 500, 9), *(message("count", START + DAY + 60 * n, 9) for n in range(10))]
    for n, value in reversed(list(enumerate(odd))):
        values.insert(6 * (30 + n), value)
    done = run(settings, values)
    assert len(done.dead) == 10
    assert done.shard.newest()["count"] == START + 59 * 60 + 6


def test_a_network_claims_once_however_many_series_it_has() -> None:
    """Six networks of four services: one that leaps a day ahead in all of its own and twenty more moves nothing, and
    three that are back after a pause are half of the six.
    """
    settings = helpers.settings(("count",), width=60, lateness=30, max_ahead=600)

    def sent(minute: int, asn: int, count: int = 4) -> list[bytes | None]:
        return [message("count", START + 60 * minute + asn, asn, value=20, service=f"s{n}") for n in range(count)]

    values = [value for minute in range(30) for asn in range(1, 7) for value in sent(minute, asn)]
    leap = [value for minute in (1440, 1441) for value in sent(minute, 6, 24)]
    done = run(settings, [*values, *leap, *sent(30, 1)])
    assert len(done.dead) == 48
    assert done.shard.newest()["count"] == START + 30 * 60 + 1
    back = run(settings, [*values, *(value for asn in (1, 2, 3) for value in sent(90, asn))])
    assert (back.shard.newest()["count"], back.shard.pending()) == (START + 90 * 60 + 3, 0)


def test_a_pause_ends_although_one_clock_stands_still() -> None:
    """A network whose clock is still before the pause cannot speak for all: time moves on when half are back."""
    values = steady("count", range(10))
    back = steady("count", range(13, 20))
    slow = [message("count", START + 9 * HOUR + 3500 + n // 20, 7) for n in range(len(back) // 3)]
    mixed = [taken for n, value in enumerate(back) for taken in ([value, slow[n // 3]] if n % 3 == 2 else [value])]
    done = run(helpers.settings(("count",)), [*values, *mixed])
    assert done.shard.newest()["count"] == START + 19 * HOUR + 2706
    assert len(done.dead) <= 6


def test_few_networks_that_are_silent_are_dark() -> None:
    """Of fewer than five networks none is left to show that the feed lives: their silence is taken as such."""
    values = steady("count", [*range(10), *range(14, 24)], [1, 2])
    done = run(helpers.settings(("count",)), values)
    assert [revision for revision in revisions(done) if revision[1] in ("open", "closed")] == [
        ("asn/1", "open", "30T10"),
        ("asn/2", "open", "30T10"),
        ("asn/1", "closed", "30T10"),
        ("asn/2", "closed", "30T10"),
    ]


def test_few_networks_that_are_silent_for_long_stay_dark() -> None:
    """Three days dark are one outage: what is counted as zero is known, and does not expire."""
    values = steady("count", [*range(24), *range(24 + 72, 24 + 84)], [1, 2])
    done = run(helpers.settings(("count",), expire_after=DAY), values)
    assert states(done.outages)["open"] == states(done.outages)["closed"] == 2
    assert states(done.outages)["expired"] == 0


def test_an_open_outage_expires_when_the_feed_stops() -> None:
    """One network dark, then the whole feed silent for more than `expire_after`: unknown, not recovered."""
    values = steady("count", range(10)) + steady("count", range(10, 14), range(2, 7))
    values += steady("count", range(14 + 30, 14 + 40))
    done = run(helpers.settings(("count",), expire_after=DAY), values)
    assert revisions(done) == [("asn/1", "open", "30T10"), ("asn/1", "expired", "30T10")]
    short = run(helpers.settings(("count",), expire_after=2 * DAY), values)
    assert states(short.outages)["expired"] == 0
    assert states(short.outages)["closed"] == 1


def test_silent_series_are_forgotten_and_their_rows_given_away() -> None:
    """After `forget_after`, at the end of a day; memory does not grow with networks that come and go."""
    settings = helpers.settings(("gauge",), forget_after=2 * DAY)
    values = steady("gauge", range(12), range(1, 7)) + steady("gauge", range(12, 96), range(1, 4))
    done = run(settings, values)
    index = done.shard.feeds["gauge"].index
    assert sorted(series.entity for series in index.rows if series) == ["asn/1", "asn/2", "asn/3"]
    done.take(steady("gauge", range(96, 110), [1, 2, 3, 11, 12, 13]))
    assert len(index) == 6
    assert sorted(series.entity for series in index.rows if series) == [f"asn/{n}" for n in (1, 11, 12, 13, 2, 3)]
    assert done.outages == []


def test_a_series_that_comes_back_after_it_was_forgotten_is_new() -> None:
    """It warms up again: no outage from what it was before."""
    settings = helpers.settings(("gauge",), forget_after=DAY)
    others = range(2, 8)
    values = steady("gauge", range(24), range(1, 8)) + steady("gauge", range(24, 80), others)
    low: list[bytes | None] = [message("gauge", START + hour * HOUR, 1, value=1) for hour in range(80, 90)]
    values += sorted(steady("gauge", range(80, 90), others) + low, key=lambda value: orjson.loads(value or b"")["ts"])
    assert run(settings, values).outages == []


def test_a_series_with_an_open_outage_is_not_forgotten() -> None:
    """However long it is dark: the state of the outage is its row."""
    settings = helpers.settings(("count",), forget_after=DAY)
    values = steady("count", range(24)) + steady("count", range(24, 24 * 8), range(2, 7))
    done = run(settings, values)
    assert ("asn/1", "open", "31T00") in revisions(done)
    done.take(steady("count", range(24 * 8, 24 * 8 + 8)))
    assert revisions(done)[-1] == ("asn/1", "closed", "31T00")


def test_a_level_of_1970_does_not_stop_the_shard() -> None:
    """The first clock of all is decades behind: what comes then is believed, and the time between is skipped."""
    values = [message("gauge", 0, 1), *steady("gauge", range(12))]
    done = run(helpers.settings(("gauge",), forget_after=WEEK), values)
    assert done.shard.newest()["gauge"] == START + 11 * HOUR + 2706
    assert done.dead == []


def test_a_first_going_says_that_the_member_was_up_before() -> None:
    """Twelve members that are first heard of when they all go at once: a network that went dark."""
    up = [message("presence", START + n * HOUR, 1 + n % 6, member=f"m{n}", up=True) for n in range(48)]
    gone = [message("presence", START + 48 * HOUR + n, 9, member=f"x{n}", up=False) for n in range(12)]
    after = [message("presence", START + (49 + n) * HOUR, 1 + n % 6, member=f"n{n}", up=True) for n in range(6)]
    done = run(helpers.settings(("presence",)), [*up, *gone, *after])
    members = done.shard.feeds["presence"].members
    row = done.shard.feeds["presence"].index.by_series["asn/9", ()]
    assert (members.up[row], members.count[row]) == (0, 12)


def test_a_late_going_puts_right_who_is_up() -> None:
    """A member's going comes two hours late: late and counted so, nobody's loss, and it is down from then on."""
    up = [message("presence", START + n * HOUR, 1 + n % 3, member=f"m{n % 6}", up=True) for n in range(24)]
    gone = message("presence", START + 21 * HOUR + 60, 1, member="m0", up=False)
    unknown = message("presence", START + 21 * HOUR + 60, 77, member="m0", up=False)
    done = run(helpers.settings(("presence",)), [*up, gone, unknown])
    feed = done.shard.feeds["presence"]
    row = feed.index.by_series["asn/1", ()]
    assert (done.shard.counts["presence"].late, len(feed.index)) == (2, 3)
    assert feed.members.up[row] == 2
    later = [message("presence", START + n * HOUR, 2, member="m1", up=True) for n in range(24, 27)]
    restored = Run(Shard(done.shard.settings), done.offset)
    restore(restored.shard, heads(done.shard), dump(done.shard, whole=True))
    for pipeline in (done, restored):
        pipeline.take(later)
        assert pipeline.shard.feeds["presence"].members.up[row] == 1
        assert pipeline.outages == []


def test_hourly_measurements_of_short_bins_are_no_leaps() -> None:
    """A feed that speaks less often than its bins allow is believed at its second word."""
    values = [message("gauge", START + hour * HOUR + asn, asn, value=5) for hour in range(30) for asn in range(1, 4)]
    done = Run(Shard(helpers.settings(("gauge",), width=300, lateness=60)))
    for value in values:
        done.take([value])
    assert (done.dead, done.outages) == ([], [])
    assert done.shard.pending() <= 3
