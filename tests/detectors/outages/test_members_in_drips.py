"""Presence: a network that loses its members a few in each bin, one bin after the other, and none comes back."""

from __future__ import annotations

import copy
import math
from functools import cache

import numpy as np
import pytest

from detectors.types import DAY
from tests.detectors.outages.test_members_away import Feed

MEMBERS = (50, 200, 1_000, 5_000, 20_000, 100_000)
SHARES = (0.02, 0.03, 0.05, 0.08, 0.1)
GONE = 0.6  # share of the members that are lost in the end, unless the outage opens before
FAINT = 2.0  # nats below which nothing is suspected
SLACK = 0.1  # nats by which a group ages, as what the feed knows of returns fades
BEFORE = {300: 72, 600: 36, 3_600: 12}  # bins by width

Found = tuple[float, float]


@cache
def lived(members: int, width: int, others: int) -> Feed:
    """A network that loses nobody, alone or with others whose members come and go, after some bins."""
    churn = np.array([0.0, *[8e-6 * width] * others])
    return Feed([members, *[20] * others], churn, 0.4, width=width).live(BEFORE[width])


@cache
def drips(members: int, share: float, width: int, others: int) -> tuple[list[float], bool]:
    """Evidence after each bin with losses until an outage opens, and whether one does."""
    feed, nats, due = copy.deepcopy(lived(members, width, others)), list[float](), 0.0
    while feed.up[0] > (1 - GONE) * members:
        due += members * share
        feed.close(due // 1)
        due %= 1
        nats.append(feed.nats)
        if feed.detector.is_followed(0):
            return nats, True
    return nats, False


def found(members: int, share: float, width: int, others: int) -> Found:
    """How soon the outage opens, 0 for at once, and the largest evidence where it does not."""
    nats, opened = drips(members, share, width, others)
    return (1.0 - len(nats), 0.0) if opened else (-math.inf, max(FAINT, *nats))


@pytest.mark.parametrize("others", [0, 40])
@pytest.mark.parametrize("width", BEFORE)
def test_more_members_or_faster_drips_are_found_no_later(width: int, others: int) -> None:
    """In as many bins or fewer, with no less evidence where they are not: by size, and by pace."""
    by_size = [[found(members, share, width, others) for members in MEMBERS] for share in SHARES]
    for row in (*by_size, *zip(*by_size, strict=True)):
        assert list(row) == sorted(row)


@pytest.mark.parametrize("others", [0, 40])
@pytest.mark.parametrize("width", BEFORE)
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("members", MEMBERS)
def test_a_suspicion_never_weakens_while_more_members_go(members: int, share: float, width: int, others: int) -> None:
    """From the first nats that are a suspicion on, for a day, in which fewer members become the usual number."""
    nats, _ = drips(members, share, width, others)
    assert (np.diff(np.maximum(nats[: DAY // width], FAINT)) >= -SLACK).all()


@pytest.mark.parametrize("share", [0.02, 0.03, 0.05])
@pytest.mark.parametrize("members", [1_000, 5_000, 20_000, 100_000])
@pytest.mark.parametrize("others", [0, 40])
def test_a_large_network_that_drips_for_an_hour_is_found(members: int, share: float, others: int) -> None:
    """In bins of five minutes, by the time that a tenth of its members is lost."""
    assert found(members, share, 300, others) >= (1 - math.ceil(0.1 / share), 0.0)


@pytest.mark.parametrize("members", [1_000, 100_000])
def test_a_steady_network_that_loses_a_hundredth_once_is_no_outage(members: int) -> None:
    """Half an hour that takes less than a twentieth is no outage, however sure it is."""
    feed = copy.deepcopy(lived(members, 300, 40))
    feed.close(members // 100)
    for _ in range(12):
        feed.close()
    assert feed.nats < FAINT
