"""How far reporters have come: what is taken when, in whatever order they are heard."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from schemas.bin_report import BinReport
from streams.pipeline.incidents.reporter_watermarks import ExpectedReporters, ReporterWatermarks

SHARDS = ("shard/0", "shard/1", "shard/2")
AREAS = ("areas/country", "areas/region+access")
Bin = tuple[str, int]


def finding(reporter: str, feed: str, end: int, **more: int) -> BinReport:
    """Return a finding that says no more than that a bin closed."""
    return BinReport(reporter=reporter, feed=feed, end=end, **more)  # type: ignore[arg-type]


def reach(patience: float = 7, areas: Sequence[str] = (), shards: Sequence[str] = SHARDS) -> ReporterWatermarks:
    """Return what has heard nothing; with areas, those of the feed `a` are summed."""
    return ReporterWatermarks(ExpectedReporters(patience, tuple(shards), {"a": tuple(areas)} if areas else {}))


@st.composite
def courses(draw: st.DrawFn) -> list[list[BinReport]]:
    """What each shard says: the bins of two feeds in order, the feeds at any distance, some feeds stopped."""
    told = []
    for shard in SHARDS:
        left = {feed: list(range(1, draw(st.integers(0, 12)) + 1)) for feed in ("a", "b")}
        course = []
        while any(left.values()):
            feed = draw(st.sampled_from([feed for feed, ends in left.items() if ends]))
            course.append(finding(shard, feed, left[feed].pop(0)))
        told.append(course)
    return told


def merged(draw: st.DrawFn, told: Sequence[Sequence[BinReport]]) -> list[BinReport]:
    """The courses in between each other, each in its order."""
    queues, order = [list(course) for course in told], []
    while any(queues):
        order.append(draw(st.sampled_from([queue for queue in queues if queue])).pop(0))
    return order


def heard(its: ReporterWatermarks, order: Sequence[BinReport]) -> dict[tuple[str, str, int], float]:
    """Hear findings and return when each is taken: after all that was settled before it was heard."""
    instants = {}
    for one in order:
        before = its.settled()
        at = its.admit(one)
        if at is not None:
            assert at > before
            instants[one.reporter, one.feed, one.end] = at
        assert its.settled() >= before
    return instants


@given(st.data())
def test_an_instant_depends_on_its_reporter_alone(data: st.DataObject) -> None:
    """However the shards come in between each other, the same is taken at the same time, and never before that."""
    told = data.draw(courses())
    orders = [data.draw(st.composite(merged)(told)) for _ in range(2)]
    assert heard(reach(), orders[0]) == heard(reach(), orders[1])


@given(st.data())
def test_what_is_sent_again_changes_nothing(data: st.DataObject) -> None:
    """A shard that starts again from before repeats itself: findings that are known are passed over."""
    told = data.draw(courses())
    order = data.draw(st.composite(merged)(told))
    cut = data.draw(st.integers(0, len(order)))
    again = [one for one in order[:cut] if one.reporter == data.draw(st.sampled_from(SHARDS))]
    once, twice = reach(), reach()
    heard(once, order)
    heard(twice, [*order[:cut], *again, *order[cut:]])
    assert twice == once


def areas_told(order: Sequence[BinReport]) -> list[BinReport]:
    """Areas of the feed `a` close a bin as soon as all three shards have told of it, or of a later one."""
    newest: dict[str, int] = {}
    done, found = 0, []
    for one in order:
        found.append(one)
        if one.feed == "a":
            newest[one.reporter] = one.end
        until = min(newest.get(shard, 0) for shard in SHARDS)
        found += [finding(areas, "a", end) for end in range(done + 1, until + 1) for areas in AREAS]
        done = max(done, until)
    return found


@given(st.data())
def test_areas_are_taken_with_their_shards(data: st.DataObject) -> None:
    """What areas say of a bin is taken when the last shard's word on it is, and waited for until then."""
    told = data.draw(courses())
    orders = [areas_told(data.draw(st.composite(merged)(told))) for _ in range(2)]
    one, other = (heard(reach(areas=AREAS), order) for order in orders)
    assert one == other
    for (reporter, feed, end), at in one.items():
        if reporter in AREAS:
            assert at == max(one[shard, feed, end] for shard in SHARDS)


def test_areas_that_wait_for_a_shard_are_not_waited_for() -> None:
    """A feed that has ended in one shard, which reads others, closes no areas: all else goes on, nothing piles up."""
    its = reach(areas=AREAS)
    heard(its, [finding(shard, feed, 1) for shard in SHARDS for feed in ("a", "b")])
    heard(its, [finding(areas, "a", 1) for areas in AREAS])
    for end in range(2, 100):
        heard(its, [finding(shard, "b", end) for shard in SHARDS])
        heard(its, [finding(shard, "a", end) for shard in SHARDS[:2]])
    assert its.settled() == 99 - 7
    assert len(its.awaited["a"]) <= 8
    assert heard(its, [finding(AREAS[0], "a", 2)]) == {(AREAS[0], "a", 2): 99 - 7 + 1}


def test_a_shard_with_a_backlog_is_waited_for() -> None:
    """All is settled only up to where the slowest shard is."""
    its = reach()
    heard(its, [finding(shard, "a", end) for shard in SHARDS for end in range(1, 9 if shard != "shard/1" else 4)])
    assert its.settled() == 3


def test_a_shard_that_has_said_nothing_is_waited_for() -> None:
    """It may have a backlog."""
    its = reach()
    heard(its, [finding(shard, "a", 1) for shard in SHARDS[:2]])
    assert its.settled() == -inf


def test_a_partition_without_data_only_tells_its_time() -> None:
    """Nothing is taken of what it says, and it holds nothing up; what it finds later is no repetition."""
    its = reach()
    heard(its, [finding(shard, "a", 9) for shard in SHARDS[:2]])
    assert its.admit(finding("shard/2", "a", 9, silent=True)) is None
    assert its.settled() == 9
    assert its.admit(finding("shard/2", "a", 8)) == 10


def test_a_feed_that_stopped_is_waited_for_no_longer_than_the_patience() -> None:
    """The other feed goes on; when it is back, what it says of the time before is late."""
    its = reach(shards=SHARDS[:1])
    heard(its, [finding("shard/0", "b", 2), *(finding("shard/0", "a", end) for end in range(1, 20))])
    assert its.settled() == 19 - 7
    assert [its.admit(finding("shard/0", "b", end)) for end in (3, 4, 13)] == [13, 13, 13]


def test_a_finding_in_pieces_counts_with_the_last() -> None:
    """All pieces are taken at one instant, and the reporter has come so far only then."""
    its = reach(shards=SHARDS[:1])
    assert its.admit(finding("shard/0", "a", 5, piece=0, last=False)) == 5
    assert its.settled() == -inf
    assert its.admit(finding("shard/0", "a", 5, piece=0, last=False)) is None
    assert its.admit(finding("shard/0", "a", 5, piece=1)) == 5
    assert its.settled() == 5
