"""Members that come and go, against an account of every single event."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.outages.presence import MANY, MemberEvent, Members, effective

WIDTH = 60
EVENTS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.integers(0, 4 * WIDTH - 1), st.booleans()), max_size=60
)


def account(events: list[tuple[int, str, int, bool]]) -> list[list[tuple[int, int, int, int]]]:
    """Up, known, lost, back of three rows by bin: states before and after it, told one by one."""
    state: dict[tuple[int, str], bool] = {}
    bins = []
    for start in range(0, 4 * WIDTH, WIDTH):
        before: dict[tuple[int, str], bool | None] = dict(state)
        for row, member, ts, up in sorted(events, key=lambda event: event[2]):
            if start <= ts < start + WIDTH:
                if (row, member) not in state and not up:
                    before[row, member] = True  # one that goes must have been there
                state[row, member] = up
        counts = []
        for row in range(3):
            now = {key: up for key, up in state.items() if key[0] == row}
            lost = sum(before.get(key) is True and not up for key, up in now.items())
            back = sum(before.get(key) is False and up for key, up in now.items())
            counts.append((sum(now.values()), len(now), lost, back))
        bins.append(counts)
    return bins


@settings(max_examples=150)
@given(EVENTS)
def test_members_are_counted_as_an_account_of_each_event_counts_them(
    events: list[tuple[int, str, int, bool]],
) -> None:
    """Event time decides, not arrival; equal times in order of arrival; a bin that nothing came in changes nothing."""
    members = Members()
    for row, member, ts, up in events:
        members.add(ts // WIDTH * WIDTH, (row, member, float(ts), up))
    for start, expected in zip(range(0, 4 * WIDTH, WIDTH), account(events), strict=True):
        closed = members.close(start, 3)
        shown = zip(*(column.astype(int).tolist() for column in closed), strict=True)
        assert list(shown) == expected
    assert members.events == {}


LATE = st.lists(
    st.tuples(
        st.integers(0, 2), st.sampled_from("abc"), st.integers(0, 4 * WIDTH - 1), st.booleans(), st.integers(0, 2)
    ),
    max_size=40,
)


def late_account(events: list[tuple[int, str, int, bool, int]]) -> list[list[tuple[int, int, int, int]]]:
    """As `account`, of events that come some bins late: all that have come, by event time, at each bin's two ends."""
    come = sorted(events, key=lambda event: event[2] // WIDTH + event[4])
    bins = []
    for start in range(0, 7 * WIDTH, WIDTH):
        here = [event for event in come if event[2] + event[4] * WIDTH < start + WIDTH]
        bins.append([_counts([event for event in here if event[0] == row], start) for row in range(3)])
    return bins


def _counts(events: list[tuple[int, str, int, bool, int]], start: int) -> tuple[int, int, int, int]:
    """Up, known, lost and back of one row."""
    ordered = sorted(events, key=lambda event: event[2])
    before: dict[str, bool | None] = {member: up for _, member, ts, up, _ in ordered if ts < start}
    after = {member: up for _, member, _, up, _ in ordered}
    for _, member, ts, up, _ in ordered:
        if ts >= start:
            before.setdefault(member, None if up else True)  # one that goes must have been there
    lost = sum(before[member] is True and not up for member, up in after.items())
    back = sum(before[member] is False and up for member, up in after.items())
    return sum(after.values()), len(after), lost, back


@settings(max_examples=200)
@given(LATE)
def test_late_events_put_right_who_is_up_and_are_nobodys_loss(events: list[tuple[int, str, int, bool, int]]) -> None:
    """The newest event by event time decides who is up, however late it came; only a bin's own events are counted."""
    members = Members()
    for row, member, ts, up, late in sorted(events, key=lambda event: event[2] // WIDTH + event[4]):
        members.add((ts // WIDTH + late) * WIDTH, (row, member, float(ts), up))
    for start, expected in zip(range(0, 7 * WIDTH, WIDTH), late_account(events), strict=True):
        shown = zip(*(column.astype(int).tolist() for column in members.close(start, 3)), strict=True)
        assert list(shown) == expected


@settings(max_examples=200)
@given(LATE, st.sampled_from([1, 2, 5]))
def test_events_without_an_effect_may_be_dropped_at_any_time(
    events: list[tuple[int, str, int, bool, int]], every: int
) -> None:
    """Counts and members are the same with and without them, and as many events are kept as members allow."""
    plain, thin = Members(), Members()
    for number, (row, member, ts, up, late) in enumerate(
        sorted(events, key=lambda event: event[2] // WIDTH + event[4])
    ):
        start = (ts // WIDTH + late) * WIDTH
        for members in (plain, thin):
            members.add(start, (row, member, float(ts), up))
        if number % every == 0:
            thin.events[start] = effective(thin.events[start], start)
            pairs = {event[:2] for event in thin.events[start]}
            assert len(thin.events[start]) <= 3 * len(pairs)
    for start in range(0, 7 * WIDTH, WIDTH):
        shown, expected = thin.close(start, 3), plain.close(start, 3)
        assert [column.tolist() for column in shown] == [column.tolist() for column in expected]
        assert thin.since == plain.since
        assert thin.size == sum(map(len, thin.since.values()))


def test_events_are_dropped_when_there_are_many() -> None:
    """One member that comes and goes a hundred thousand times in a bin takes the memory of some thousands."""
    members = Members()
    for number in range(100_000):
        members.add(0, (0, "a", float(number % WIDTH), number % 2 == 0))
        members.thin(0)
    assert len(members.events[0]) <= MANY + 10


def test_a_late_return_is_seen_in_the_next_bin() -> None:
    """It is up from the next bin on; an older going that comes later still is not heard."""
    members = Members()
    members.add(0, (0, "a", 1.0, False))
    members.close(0, 1)
    members.add(60, (0, "a", 5.0, True))
    assert [int(column[0]) for column in members.close(60, 1)] == [1, 1, 0, 0]
    members.add(120, (0, "a", 3.0, False))
    assert [int(column[0]) for column in members.close(120, 1)] == [1, 1, 0, 0]


def test_what_is_held_for_a_bin_that_never_closes_is_heard_in_the_next() -> None:
    """Empty bins of a silent feed are passed over; a forgotten row's events are dropped."""
    members = Members()
    members.add(60, (0, "a", 5.0, True))
    members.add(60, (1, "b", 5.0, True))
    members.forget(1)
    assert [column.astype(int).tolist() for column in members.close(300, 2)] == [[1, 0], [1, 0], [0, 0], [0, 0]]
    assert members.events == {}


def test_a_first_going_says_that_the_member_was_there_before() -> None:
    """It is known, lost, and not up; one that comes first is not back."""
    members = Members()
    members.add(0, (0, "a", 1.0, False))
    members.add(0, (0, "b", 1.0, True))
    up, named, lost, back = members.close(0, 1)
    assert (up[0], named[0], lost[0], back[0]) == (1, 2, 1, 0)


def test_a_reconnection_within_a_bin_is_neither_lost_nor_back() -> None:
    """Only the state before the bin and at its end counts."""
    members = Members()
    events: list[MemberEvent] = [(0, "a", 2.0, True), (0, "a", 1.0, False)]
    for event in events:
        members.add(0, event)
    assert [int(column[0]) for column in members.close(0, 1)] == [1, 1, 0, 0]


def test_members_that_have_been_down_for_long_are_forgotten() -> None:
    """Those that are up stay, however long ago they came; a forgotten row holds nobody."""
    members = Members()
    members.add(0, (0, "gone", 1.0, False))
    members.add(0, (0, "here", 1.0, True))
    members.add(60, (0, "late", 61.0, False))
    members.close(0, 1)
    members.close(60, 1)
    members.forget_down(0, 60)
    assert sorted(members.since[0]) == ["here", "late"]
    assert (members.up[0], members.count[0]) == (1, 2)
    members.forget(0)
    assert (members.up[0], members.count[0], members.since) == (0, 0, {})
    members.forget(0)
    members.forget_down(7, 60)


def test_put_is_what_a_snapshot_gives_back() -> None:
    """Who is known of a row, and when last heard of, continues as it was."""
    members = Members()
    members.put(4, {"a": (True, 0), "b": (False, 60)})
    members.add(120, (4, "b", 121.0, True))
    closed = members.close(120, 5)
    assert [int(column[4]) for column in closed] == [2, 2, 0, 1]
    assert members.since[4] == {"a": (True, 0), "b": (True, 121.0)}
