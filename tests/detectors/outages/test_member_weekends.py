"""Presence: a network alone in its feed, an office, whose members are away each weekend.

Lines are weeks from Monday to Sunday, each day in four parts of six hours (UTC): tenths of the members that are away,
`a` for all of them, and below them `x` where an outage goes on in the middle of a part.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.outages.member_places import REST
from detectors.types import DAY, FRIDAYS, WEEK, Change, ClosedBin, Rule, Zones
from tests.detectors.outages.test_contract import assert_same, copied
from tests.detectors.series import START, outages, run

WIDTH, PART = 1_800, 6 * 3_600
EARLY = Zones(west=np.full(FRIDAYS + 2, 9 * 3_600), east=np.full(FRIDAYS + 2, 9 * 3_600))


def parts(weeks: str) -> str:
    """Weeks without spaces."""
    return "".join(weeks.split())


def bins(weeks: str, members: int, group: int, zones: Zones | None, forgotten: int = 0) -> Iterator[ClosedBin]:
    """Bins of a network of so many members; one of a hundred is away for half an hour by chance.

    Half as many more are down, and forgotten after so many bins.
    """
    rng, yes, up = np.random.default_rng(members), np.ones(1, np.bool_), 0
    for index in range(len(parts(weeks)) * PART // WIDTH):
        away = int(parts(weeks)[index * WIDTH // PART], 11)
        now = int(rng.binomial(members - members * away // 10, 0.99))
        lost, back, value = (np.array([float(count)]) for count in (max(up - now, 0), max(now - up, 0), now))
        up = now
        code = np.array([group])
        size = np.array([float(members + members // 2 * (index < forgotten))])
        yield ClosedBin(START + index * WIDTH, value, size, yes, yes, lost, back, code, zones=zones)


def shown(weeks: str, members: int = 500, group: int = 1, zones: Zones | None = None, forgotten: int = 0) -> list[str]:
    """The parts with an outage, a line a week."""
    detector, found = Detector(Rule("presence", WIDTH)), list[Change]()
    detector.grow(1)
    for seen in bins(weeks, members, group, zones, forgotten):
        found += detector.close(seen)
    marks = ["-"] * len(parts(weeks))
    for each in outages(found):
        until = START + len(marks) * PART if each.ended_at is None else each.ended_at
        for at in range(len(marks)):
            if each.started_at <= START + (at + 0.5) * PART < until:
                marks[at] = "x"
    line = "".join(marks)
    return [line[at : at + 28] for at in range(0, len(line), 28)]


def lines(weeks: str) -> list[str]:
    """The lines that are expected."""
    return [parts(line) for line in weeks.strip().splitlines()]


OFFICE = """
0000 0000 0000 0000 0005 5555 5555
5000 0000 0000 0000 0005 5555 5555
5000 0000 0000 0000 0005 5555 5555
5000 0000 0000 0000 0005 5555 5555
"""
FIRST = """
---- ---- ---- ---- ---x xxxx xxxx
x--- ---- ---- ---- ---- ---- ----
---- ---- ---- ---- ---- ---- ----
---- ---- ---- ---- ---- ---- ----
"""


@pytest.mark.parametrize(("members", "away"), [(50, "8"), (500, "3"), (500, "5"), (20_000, "8")])
def test_a_weekend_is_news_once(members: int, away: str) -> None:
    """However many members leave."""
    assert shown(OFFICE.replace("5", away), members) == lines(FIRST)


def test_weekends_without_any_member_are_news_twice() -> None:
    """What leaves a tenth or less may be a shutdown: it is learnt when the next weekend is as dark."""
    assert shown(OFFICE.replace("5", "a")) == lines("""
---- ---- ---- ---- ---x xxxx xxxx
x--- ---- ---- ---- ---x xxxx xxxx
x--- ---- ---- ---- ---- ---- ----
---- ---- ---- ---- ---- ---- ----
""")


def test_one_dark_weekend_is_not_learnt() -> None:
    """A shutdown from Friday to Monday, in a network that has no weekends, is an outage weeks later as well."""
    weeks = "0000 0000 0000 0000 000a aaaa aaaa a000 0000 0000 0000 0000 0000 0000"
    marks = "---- ---- ---- ---- ---x xxxx xxxx x--- ---- ---- ---- ---- ---- ----"
    assert shown(weeks + weeks) == 2 * [parts(marks)[:28], parts(marks)[28:]]


def test_losses_on_days_of_work_are_outages() -> None:
    """A third at noon, and a half that leaves on Thursday evening and stays away over the weekend."""
    weeks = """
0000 0000 0000 0000 0005 5555 5555
5000 0000 0000 0000 0005 5555 5555
5000 0000 0033 0000 0005 5555 5555
5000 0000 0000 0005 5555 5555 5555
5000 0000 0000 0000 0005 5555 5555
"""
    assert shown(weeks) == lines("""
---- ---- ---- ---- ---x xxxx xxxx
x--- ---- ---- ---- ---- ---- ----
---- ---- --xx ---- ---- ---- ----
---- ---- ---- ---x xxxx xxxx xxxx
x--- ---- ---- ---- ---- ---- ----
""")


def test_members_that_are_not_back_on_monday_are_an_outage_from_its_morning_on() -> None:
    """After two weekends, and after an evening in each night as well."""
    weeks = """
0000 0000 0000 0000 0005 5555 5555
5000 0000 0000 0000 0005 5555 5555
5000 0000 0000 0000 0005 5555 5555
5555 5000 0000 0000 0005 5555 5555
"""
    found = shown(weeks)
    assert found[:3] == lines(FIRST)[:3]
    assert found[3] == parts("-xxx x--- ---- ---- ---- ---- ----")


def test_members_away_at_night_and_on_weekends_are_missed_on_monday() -> None:
    """A network whose nights are no news, nor its weekends, which begin as its nights do."""
    weeks = """
0005 5005 5005 5005 5005 5555 5555
5005 5005 5005 5005 5005 5555 5555
5005 5005 5005 5005 5005 5555 5555
5555 5005 5005 5005 5005 5555 5555
"""
    found = shown(weeks)
    assert found[1:3] == lines(FIRST)[2:]
    assert found[3] == parts("-xxx x--- ---- ---- ---- ---- ----")


def test_a_further_loss_on_a_usual_weekend_is_an_outage() -> None:
    """Of the half that is left, four in five on a Saturday."""
    weeks = [*OFFICE.strip().splitlines()[:2], "5000 0000 0000 0000 0005 5599 5555"]
    assert shown("".join(weeks))[2] == parts("---- ---- ---- ---- ---- --xx ----")


def test_members_that_are_forgotten_on_a_weekend_hide_no_loss_of_the_next() -> None:
    """They no longer count as missing, so that not all members seem to be away at that hour."""
    weeks = [*OFFICE.strip().splitlines()[:2], "5000 0000 0000 0000 0005 55a5 5555"]
    saturday = (WEEK + 5 * DAY + 13 * 3_600) // WIDTH + 1
    assert shown("".join(weeks), forgotten=saturday) == [*lines(FIRST)[:2], parts("---- ---- ---- ---- ---- --x- ----")]


def test_weekends_are_those_of_the_country() -> None:
    """From Thursday evening to Saturday; in Japan from Friday 09:00 UTC to Sunday 21:00, nine hours ahead."""
    early = """
0000 0000 0000 0005 5555 5555 0000
0000 0000 0000 0005 5555 5555 0000
0000 0000 0000 0005 5555 5555 0000
"""
    first = "---- ---- ---- ---x xxxx xxxx ----"
    assert shown(early, group=FRIDAYS + 1) == [parts(first), *lines(FIRST)[2:]]
    assert shown(early)[1] == parts(first)
    ahead = """
0000 0000 0000 0000 0055 5555 5550
0000 0000 0000 0000 0055 5555 5550
"""
    assert shown(ahead, zones=EARLY) == lines("""
---- ---- ---- ---- --xx xxxx xxx-
---- ---- ---- ---- ---- ---- ----
""")


def test_a_weekend_at_work_does_not_undo_what_is_learnt() -> None:
    """The weekend after it is as those before."""
    weeks = """
0000 0000 0000 0000 0005 5555 5555
5000 0000 0000 0000 0005 5555 5555
5000 0000 0000 0000 0000 0000 0000
0000 0000 0000 0000 0005 5555 5555
"""
    assert shown(weeks) == lines(FIRST)


def test_a_state_copied_in_a_weekend_continues_with_the_same_bytes() -> None:
    """In the evening in which it begins, in its hours and as it ends; of the first and of the second."""
    seen, done = list(bins(OFFICE, 500, 1, None)), 0
    whole = Detector(Rule("presence", WIDTH))
    whole.grow(1)
    other = copied(whole)
    for hours in (108.5, 132, 144.5, 156, 276.5, 300, 336.5, len(seen) * WIDTH / 3_600):
        until = int(hours * 3_600) // WIDTH
        assert run(whole, iter(seen[done:until])) == run(other, iter(seen[done:until]))
        assert_same(whole, other)
        assert whole.scalars == other.scalars
        other, done = copied(whole), until


def test_every_slot_of_a_weekend_that_changes_is_dirty() -> None:
    """So that a snapshot holds what a weekend was."""
    detector, changed = Detector(Rule("presence", WIDTH)), set[int]()
    detector.grow(1)
    for seen in bins(OFFICE, 500, 1, None):
        before = detector.slots.copy()
        detector.close(seen)
        now = set(np.flatnonzero((before != detector.slots).any(axis=0)).tolist())
        assert now <= set(detector.dirty_slots())
        changed |= {slot for slot in now if slot >= REST and seen.start >= START + WEEK}
    assert changed
