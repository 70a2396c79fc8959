"""Presence: a network alone in its feed, whose members are away each night, and do not come back one morning."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.outages.member_fades import HOURS
from detectors.outages.member_places import END
from detectors.types import DAY, Change, ClosedBin, Rule
from tests.detectors.outages.test_contract import copied
from tests.detectors.series import START, outages

WIDTH, HOUR = 600, 3_600
Away = Callable[[float], float]


def night(at: float) -> float:
    """Half is away from 20:30 to 05:30; `at` in hours since Monday midnight."""
    return 0.5 * (at % 24 >= 20.5 or at % 24 < 5.5)


def lived(
    members: int,
    away: Away,
    days: float,
    detector: Detector | None = None,
    since: float = 0,
    churn: float = 0.0,
    width: int = WIDTH,
) -> tuple[Detector, list[Change]]:
    """A detector after days in which so large a share is away, from a day on, and all its changes."""
    rng, yes = np.random.default_rng([members, round(1e6 * churn)]), np.ones(1, np.bool_)
    if detector is None:
        detector = Detector(Rule("presence", width))
        detector.grow(1)
    found, up = list[Change](), members * (1 - away(24 * since - 0.01))
    for index in range(round(since * DAY / width), round(days * DAY / width)):
        now = round(members * (1 - away(index * width / HOUR)))
        now -= rng.binomial(now, churn)
        lost, back = np.array([max(up - now, 0.0)]), np.array([max(now - up, 0.0)])
        size, up = np.array([float(members)]), float(now)
        found += detector.close(ClosedBin(START + index * width, np.array([up]), size, yes, yes, lost, back, yes * 1))
    return detector, found


@cache
def _nights(members: int, days: int, churn: float) -> tuple[Detector, list[Change]]:
    return lived(members, night, days, churn=churn)


def after_nights(
    members: int, away: Away, since: int, days: float, churn: float = 0.0
) -> tuple[Detector, list[Change]]:
    """The same after usual nights until a day, which are drawn once."""
    detector, before = _nights(members, since, churn)
    now, found = lived(members, away, days, copied(detector), since, churn)
    return now, before + found


def stays_away(day: float, share: float) -> Away:
    """Nights of a half; of all members this share stays away for two days from the evening of a day on."""
    return lambda at: max(night(at), share * (24 * day + 20.5 <= at < 24 * day + 68.5))


@pytest.mark.parametrize("churn", [0.0, 0.02])
@pytest.mark.parametrize("members", [50, 1_000, 20_000])
@pytest.mark.parametrize("day", [2, 22])
def test_half_that_left_in_the_evening_and_stays_away_is_found_in_the_morning(
    members: int, day: int, churn: float
) -> None:
    """On a Wednesday of the first week, or of the fourth: at seven in the next morning."""
    _, found = after_nights(members, stays_away(day, 0.5), day, day + 2, churn)
    late = [each for each in outages(found) if each.opened >= START + 2 * DAY]
    assert [(each.opened - START) // HOUR - 24 * day for each in late] == [31]


@pytest.mark.parametrize("members", [1_000, 20_000])
@pytest.mark.parametrize(("share", "day"), [(0.12, 22), (0.2, 22), (0.35, 2), (0.35, 22)])
def test_a_part_that_does_not_come_back_is_found(members: int, share: float, day: int) -> None:
    """Of the members that leave each evening, which alone is no news."""
    _, found = after_nights(members, stays_away(day, share), day, day + 2)
    late = [each for each in outages(found) if each.opened >= START + 2 * DAY]
    assert [(each.opened - START) // HOUR - 24 * day in (31, 32, 33) for each in late] == [True]


def test_evidence_grows_with_the_members_that_are_missing() -> None:
    """At nine in the morning of the fourth Wednesday, of the members that leave each evening."""
    nats = []
    for share in (0.05, 0.1, 0.12, 0.15, 0.2, 0.3, 0.4, 0.5):
        detector, _ = after_nights(200, stays_away(22, share), 22, 23 + 7.5 / 24)
        nats.append(float(detector.deviations().evidence[0]))
    assert nats == sorted(nats)
    assert nats[0] < 2 < nats[3]
    assert nats[-1] > 15


@pytest.mark.parametrize("away", ["nights", "closed on weekends", "no evenings on weekends", "late on weekends"])
@pytest.mark.parametrize("members", [50, 20_000])
def test_weekends_that_differ_are_no_outage(members: int, away: str) -> None:
    """From the second day of a series that begins on a Monday, over three weeks; clocks change after two."""

    def share(at: float) -> float:
        at += at > 24 * 14
        weekend = at // 24 % 7 >= 5
        if away == "closed on weekends" and 24 * 4 + 20.5 <= at % 168 < 24 * 7:
            return 0.5
        if away == "late on weekends" and weekend and at % 24 < 7.5:
            return 0.5
        if away == "no evenings on weekends" and not 12 < at % 168 < 24 * 5 + 12:
            return 0
        return night(at)

    _, found = lived(members, share, 21, churn=0.01, width=1_800)
    assert [each for each in outages(found) if each.opened >= START + DAY] == []


def test_evenings_that_begin_late_are_learnt() -> None:
    """A network of a Saturday and a Sunday without an evening, then with one that takes a minute: two are news."""
    detector, _ = lived(1_000, lambda at: night(at) if at >= 24 * 2 + 12 else 0.0, 9)
    _, found = lived(1_000, night, 16, detector, 9)
    assert outages(found) == []


def test_states_of_older_versions_learn_an_evening_once() -> None:
    """They hold no hour of a network that is weeks old: its first evening is news, the second is none."""
    detector, _ = lived(1_000, night, 14)
    detector.slots[:] = -1
    detector.stored["last"][:] = np.nan
    _, found = lived(1_000, night, 20, detector, 14)
    assert [(each.opened - START) // HOUR for each in outages(found)] in ([], [14 * 24 + 20])


def test_what_is_no_night_is_not_learnt() -> None:
    """Two days without half of the members leave no hour at which that is usual; an evening of an outage does."""
    detector, _ = lived(1_000, stays_away(9, 0.5), 12.5)
    noon = detector.slots[0, HOURS + 6 : END : 12]
    assert noon.max() < 0.1
    assert (noon >= 0).sum() >= 5


def test_every_slot_that_changes_is_dirty() -> None:
    """A morning three hours late is in doubt, and settled later: a snapshot holds all its hours."""
    late: Away = lambda at: 0.5 if 24 * 10 <= at < 24 * 10 + 8.5 else night(at)  # noqa: E731
    detector, _ = lived(1_000, late, 10)
    settled = 0
    for index in range(84):
        before, since = detector.slots.copy(), 10 + index * WIDTH / DAY
        lived(1_000, late, since + WIDTH / DAY, detector, since)
        changed = set(np.flatnonzero((before != detector.slots).any(axis=0)).tolist())
        settled += len(changed & set(range(HOURS, END))) > 1
        assert changed <= set(detector.dirty_slots())
    assert settled
