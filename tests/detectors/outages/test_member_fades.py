"""Presence: a network alone in its feed, of which a part leaves each evening and is back in the morning."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.outages.explanations import MemberExplanations
from detectors.types import DAY, Change, ClosedBin, Rule
from tests.detectors.series import START, members, outages, run

WIDTH, HOUR = 600, 3_600


def evenings(members: int, depth: float, spread: float, days: int, loss: tuple[float, float] = (99, 0)) -> list[Change]:
    """Outages when a share leaves about 20:30, within so many hours, and is back at 05:30; `loss`: day, share lost."""
    rng, yes, found = np.random.default_rng([members, round(100 * depth)]), np.ones(1, np.bool_), list[Change]()
    detector, up, size = Detector(Rule("presence", WIDTH)), np.array([members]), np.array([members])
    detector.grow(1)
    clock = 20.5 + rng.normal(0, 0.2, days + 1)
    for index in range(days * DAY // WIDTH):
        at, day = index * WIDTH, index * WIDTH // DAY
        since = (at / HOUR - 24 * np.array([day - 1, day]) - clock[[day - 1, day]]) / spread
        gone = float((depth / (1 + np.exp(-since.clip(-50, 50)))).sum())
        gone -= float((depth / (1 + np.exp(-(since - 9 / spread).clip(-50, 50)))).sum())
        gone = max(gone, loss[1] if 0 <= at / DAY - loss[0] < 0.1 else 0)
        short = size * (1 - gone) - up
        lost = rng.binomial(up, np.clip(-short / np.maximum(up, 1), 0, 1))
        back = rng.binomial(size - up, np.clip(short / np.maximum(size - up, 1), 0, 1))
        up = up + back - lost
        up_now, lost_now, back_now = up.astype(float), lost.astype(float), back.astype(float)
        seen = ClosedBin(START + at, up_now, size.astype(float), yes, yes, lost_now, back_now, np.ones(1, np.int64))
        found += detector.close(seen)
    return outages(found)


@pytest.mark.parametrize("spread", [0.05, 0.4, 0.7, 2.0])
@pytest.mark.parametrize(("members", "depth"), [(50, 0.5), (300, 0.2), (1_000, 0.5), (20_000, 0.3), (20_000, 0.6)])
def test_an_evening_is_news_on_the_first_day_only(members: int, depth: float, spread: float) -> None:
    """However many leave, and whether within a bin or within hours."""
    found = evenings(members, depth, spread, 6)
    assert [each.started_at for each in found if each.started_at >= START + DAY] == []
    assert all(each.ended_at for each in found)


@pytest.mark.parametrize(("members", "part"), [(50, 0.6), (1_000, 0.4), (20_000, 0.4)])
@pytest.mark.parametrize(("hour", "dark"), [(9, False), (14, False), (20.5, True)])
def test_losses_at_other_hours_and_darkness_are_found(members: int, part: float, hour: float, dark: bool) -> None:
    """A part by day, or nearly all in an evening that takes half, on the fifth day."""
    begin = START + 4 * DAY + hour * HOUR
    found = evenings(members, 0.5, 0.4, 6, (4 + hour / 24, 0.99 if dark else part))
    assert [each for each in found if begin - HOUR <= each.started_at <= begin + HOUR]


TOGETHER = """
44010101 10040001 00240000 50001050 01025000 00000000 00005000 01000300 50000050 00005010 04005041
"""  # per cent of the members that are lost together, each day in eight parts: each time for an hour


def test_losses_at_any_hour_are_no_evening_and_tell_how_members_are_tied() -> None:
    """A network that often loses up to 5 % at once opens nothing by it, though it did so at this hour before."""
    detector, up, yes, found = Detector(Rule("presence", 300)), 1_000, np.ones(1, np.bool_), list[Change]()
    detector.grow(1)
    line = TOGETHER.replace(" ", "").strip()
    for index in range(len(line) * 36):
        gone = int(line[index // 36]) * 10 if 12 <= index % 36 < 24 else 0
        now = 1_000 - gone - (index % 12 == 5)  # and one by itself each hour
        value, lost, back = (np.array([float(number)]) for number in (now, max(up - now, 0), max(now - up, 0)))
        size, up = np.array([1_000.0]), now
        found += detector.close(ClosedBin(START + index * 300, value, size, yes, yes, lost, back, np.ones(1, np.int64)))
    assert outages(found) == []


def test_an_evening_is_explained_by_its_hour_and_not_by_chance() -> None:
    """Half of 200 members leave within half an hour of the third evening; each for itself they never would."""
    day = DAY // WIDTH
    up = np.ones((3 * day, 200), np.bool_)
    for first in range(20 * 6, 3 * day, day):
        for part in range(3):
            up[first + part : first + 9 * 6, part:100:3] = False
    detector = Detector(Rule("presence", WIDTH))
    watch = detector.watch(lambda: [0])
    run(detector, members(up[: 2 * day + 20 * 6 + 3], WIDTH))
    shown = watch.latest[0]
    assert isinstance(shown, MemberExplanations)
    assert shown.normal > 100
    assert max(shown.joint, shown.shake, shown.together) < 2
