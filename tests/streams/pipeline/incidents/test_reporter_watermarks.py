"""Watermarks of reporters: when each finding takes effect, in whatever order the reporters come."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nextafter

from hypothesis import given
from hypothesis import strategies as st

from schemas.bin_report import BinReport
from streams.pipeline.incidents.reporter_watermarks import Delay, ExpectedReporters, FeedTimes, ReporterWatermarks

SHARDS = ("shard/0", "shard/1", "shard/2")
AREAS = ("areas/country", "areas/region+access")
ClosedBin = tuple[str, int]


def closing(reporter: str, feed: str, end: int, **more: int) -> BinReport:
    """Return a finding that says no more than that a bin closed."""
    return BinReport(reporter=reporter, feed=feed, end=end, **more)  # type: ignore[arg-type]


def watermarks(
    areas: Sequence[str] = (), shards: Sequence[str] = SHARDS, lateness: float = 0, width: float = 1
) -> ReporterWatermarks:
    """Return watermarks without findings, of the feed `a` and of `b` of this lateness and width.

    A feed is given up when others are 7 s ahead. With areas, those of the feed `a` are summed.
    """
    feeds = {"a": FeedTimes(1, 0, 7), "b": FeedTimes(width, lateness, 7)}
    return ReporterWatermarks(ExpectedReporters(feeds, tuple(shards), {"a": tuple(areas)} if areas else {}))


@st.composite
def courses(draw: st.DrawFn) -> list[list[BinReport]]:
    """What each shard says: the bins of two feeds in order, the feeds at any distance, some feeds stopped."""
    drawn = []
    for shard in SHARDS:
        left = {feed: list(range(1, draw(st.integers(0, 12)) + 1)) for feed in ("a", "b")}
        course = []
        while any(left.values()):
            feed = draw(st.sampled_from([feed for feed, ends in left.items() if ends]))
            course.append(closing(shard, feed, left[feed].pop(0)))
        drawn.append(course)
    return drawn


def merged(draw: st.DrawFn, drawn: Sequence[Sequence[BinReport]]) -> list[BinReport]:
    """The courses in between each other, each in its order."""
    queues, order = [list(course) for course in drawn], []
    while any(queues):
        order.append(draw(st.sampled_from([queue for queue in queues if queue])).pop(0))
    return order


def admitted(marks: ReporterWatermarks, order: Sequence[BinReport]) -> dict[tuple[str, str, int], float]:
    """Admit findings and return when each takes effect: after all that was settled before."""
    instants = {}
    for finding in order:
        before = marks.settled()
        turn = marks.admit(finding)
        if turn is not None:
            assert turn.due >= before
            instants[finding.reporter, finding.feed, finding.end] = turn.due
        assert marks.settled() >= before
    return instants


@given(st.data())
def test_an_instant_depends_on_its_reporter_alone(data: st.DataObject) -> None:
    """However the shards come in between each other, the same is taken at the same time, and never before that."""
    drawn = data.draw(courses())
    orders = [data.draw(st.composite(merged)(drawn)) for _ in range(2)]
    assert admitted(watermarks(), orders[0]) == admitted(watermarks(), orders[1])


@given(st.data())
def test_what_is_sent_again_changes_nothing(data: st.DataObject) -> None:
    """A shard that starts again from before repeats itself: repeated findings are passed over."""
    drawn = data.draw(courses())
    order = data.draw(st.composite(merged)(drawn))
    cut = data.draw(st.integers(0, len(order)))
    again = [finding for finding in order[:cut] if finding.reporter == data.draw(st.sampled_from(SHARDS))]
    once, twice = watermarks(), watermarks()
    admitted(once, order)
    admitted(twice, [*order[:cut], *again, *order[cut:]])
    assert twice == once


def with_areas(order: Sequence[BinReport]) -> list[BinReport]:
    """Areas of the feed `a` close a bin as soon as all three shards have reported it, or a later one."""
    newest: dict[str, int] = {}
    done, found = 0, []
    for finding in order:
        found.append(finding)
        if finding.feed == "a":
            newest[finding.reporter] = finding.end
        until = min(newest.get(shard, 0) for shard in SHARDS)
        found += [closing(areas, "a", end) for end in range(done + 1, until + 1) for areas in AREAS]
        done = max(done, until)
    return found


@given(st.data())
def test_areas_are_taken_with_their_shards(data: st.DataObject) -> None:
    """What areas say of a bin is taken when the last shard's word on it is, and waited for until then."""
    drawn = data.draw(courses())
    orders = [with_areas(data.draw(st.composite(merged)(drawn))) for _ in range(2)]
    first, second = (admitted(watermarks(areas=AREAS), order) for order in orders)
    assert first == second
    for (reporter, feed, end), at in first.items():
        if reporter in AREAS:
            assert at == max(first[shard, feed, end] for shard in SHARDS)


def test_areas_that_wait_for_a_shard_are_not_waited_for() -> None:
    """A feed that has ended in one shard, which reads others, closes no areas: all else goes on, nothing piles up."""
    marks = watermarks(areas=AREAS)
    admitted(marks, [closing(shard, feed, 1) for shard in SHARDS for feed in ("a", "b")])
    admitted(marks, [closing(areas, "a", 1) for areas in AREAS])
    for end in range(2, 100):
        admitted(marks, [closing(shard, "b", end) for shard in SHARDS])
        admitted(marks, [closing(shard, "a", end) for shard in SHARDS[:2]])
    assert marks.settled() == 99 - 7
    assert len(marks.awaited["a"]) <= 8
    late = marks.admit(closing(AREAS[0], "a", 2))
    assert late is not None
    assert late.is_late
    assert (late.due, late.end) == (nextafter(92, 0), 92)


def test_a_shard_with_a_backlog_is_waited_for() -> None:
    """All is settled only up to where the slowest shard is."""
    marks = watermarks()
    admitted(marks, [closing(shard, "a", end) for shard in SHARDS for end in range(1, 9 if shard != "shard/1" else 4)])
    assert marks.settled() == marks.bound() == 4


def test_a_shard_that_has_said_nothing_is_waited_for() -> None:
    """It may have a backlog."""
    marks = watermarks()
    admitted(marks, [closing(shard, "a", 1) for shard in SHARDS[:2]])
    assert marks.settled() == -inf
    assert list(marks.delays()) == [Delay("shard/2", None, inf)]


def test_a_partition_without_data_is_not_waited_for() -> None:
    """Nothing is taken of what it says, however old; what it finds later comes where it stands in the topic."""
    marks = watermarks()
    admitted(marks, [closing(shard, "a", 9) for shard in SHARDS[:2]])
    assert marks.admit(closing("shard/2", "a", 4, silent=True)) is None
    assert marks.settled() == 10
    late = marks.admit(closing("shard/2", "a", 8))
    assert late == (nextafter(10, 0), 10, True)
    assert marks.settled() == 10
    marks.admit(closing("shard/2", "a", 9))
    admitted(marks, [closing(shard, "a", 12) for shard in SHARDS[:2]])
    assert marks.settled() == 10


def test_a_feed_that_stopped_is_waited_for_until_the_others_are_far_ahead() -> None:
    """Only then do they go on; when it is back, what it says of the time before comes with what its shard says next."""
    marks = watermarks(shards=SHARDS[:1])
    admitted(marks, [closing("shard/0", "b", 2), *(closing("shard/0", "a", end) for end in range(1, 20))])
    assert marks.settled() == 19 - 7
    assert list(marks.delays()) == [Delay("shard/0", "b", 7)]
    turns = [marks.admit(closing("shard/0", "b", end)) for end in (3, 4, 13)]
    assert [turn and turn.due for turn in turns] == [12, 12, 13]


def test_a_feed_that_is_announced_silent_is_not_waited_for() -> None:
    """All that waits is settled at once; it is waited for again when it has caught up with the others."""
    marks = watermarks(shards=SHARDS[:1])
    admitted(marks, [closing("shard/0", "b", 2), *(closing("shard/0", "a", end) for end in range(1, 6))])
    assert marks.settled() == 3
    marks.admit(closing("shard/0", "b", 2, silent=True))
    assert marks.settled() == 6
    late = marks.admit(closing("shard/0", "b", 3))
    assert late == (nextafter(6, 0), 6, True)
    admitted(marks, [closing("shard/0", "a", 6)])
    assert marks.settled() == 7
    marks.admit(closing("shard/0", "b", 6))
    admitted(marks, [closing("shard/0", "a", 7)])
    assert marks.settled() == 7
    assert list(marks.delays()) == [Delay("shard/0", "b", 0)]


def test_an_old_announcement_changes_nothing() -> None:
    """A shard that starts again may announce silence that has ended."""
    marks = watermarks(shards=SHARDS[:1])
    admitted(marks, [closing("shard/0", feed, 5) for feed in ("a", "b")])
    marks.admit(closing("shard/0", "b", 4, silent=True))
    admitted(marks, [closing("shard/0", "a", 9)])
    assert marks.settled() == 6


def test_when_all_is_silent_what_has_come_is_settled() -> None:
    """And what comes later is taken: nothing waits for ever."""
    marks = watermarks(shards=SHARDS[:1])
    admitted(marks, [closing("shard/0", feed, 5) for feed in ("a", "b")])
    for feed in ("a", "b"):
        marks.admit(closing("shard/0", feed, 5, silent=True))
    assert 6 <= marks.settled() < 6.001
    later = marks.admit(closing("shard/0", "a", 9))
    assert later == (9, 9, False)
    assert marks.settled() == 10


def test_a_feed_of_wide_bins_and_long_lateness_delays_no_other() -> None:
    """Its bin of 30 is due at 40: what is due by then is settled without it."""
    marks = watermarks(shards=SHARDS[:1], lateness=10, width=30)
    admitted(marks, [closing("shard/0", "b", 0), *(closing("shard/0", "a", end) for end in range(1, 40))])
    assert marks.settled() == 40
    assert marks.bound() == 30


def test_a_finding_in_pieces_counts_with_the_last() -> None:
    """All pieces are taken at one instant, and the reporter has come so far only then."""
    marks = watermarks(shards=SHARDS[:1])
    assert marks.admit(closing("shard/0", "a", 5, piece=0, last=False)) == (5, 5, False)
    assert marks.settled() == -inf
    assert marks.admit(closing("shard/0", "a", 5, piece=0, last=False)) is None
    assert marks.admit(closing("shard/0", "a", 5, piece=1)) == (5, 5, False)
    assert marks.settled() == 6
