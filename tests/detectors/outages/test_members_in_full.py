"""Presence: what is looked at only where it matters is, to the last bit, what looking at all of it gives."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.outages import members_away
from detectors.outages.log_gamma import log_gamma
from detectors.outages.member_churn import NOTABLE
from detectors.outages.member_losses import (
    BLOCK,
    FEWEST,
    FeedChurn,
    MemberBin,
    any_evidence,
    others,
    strongest,
    together,
    weigh,
)
from detectors.outages.members_away import LOOSE, NEARLY, STAY, TWO, FeedReturns
from detectors.outages.series_state import MemberColumns, SeriesStore
from detectors.types import ClosedBin, Floats
from tests.detectors.series import START

ROWS = 3 * BLOCK + 7  # more than a block, and a part of one


def networks(rng: np.random.Generator) -> MemberColumns:
    """Networks of 5 to 100,000 members of which a part was lost together, and a part of these are back."""
    store = SeriesStore()
    store.grow(ROWS)
    c, size = store.members, 10 ** rng.uniform(0.7, 5, ROWS)
    c.named[:] = c.usual_up[:] = size.astype(int)
    c.lost_together[:] = np.floor(size * rng.uniform(0, 1, ROWS))
    c.away[:] = c.lost_together * np.where(rng.random(ROWS) < 0.3, 1, rng.uniform(0, 1, ROWS))
    c.group_evidence[:], c.group_age[:] = rng.uniform(0, 30, ROWS), rng.integers(0, 288, ROWS)
    c.returned[:], c.expected_back[:] = rng.uniform(0, 20, (2, ROWS))
    c.losses[:], c.member_bins[:] = rng.uniform(0, 20, ROWS), size * rng.uniform(1, 500, ROWS)
    return c


def closed_bin(rng: np.random.Generator, c: MemberColumns) -> ClosedBin:
    """A bin in which a fifth of the networks loses members, one in fifty was not measured; 30 countries."""
    up = np.floor(c.usual_up * rng.uniform(0.5, 1, ROWS))
    lost = np.where(rng.random(ROWS) < 0.2, np.ceil(up * rng.uniform(0, 1, ROWS)), 0)
    there, group = rng.random(ROWS) > 0.02, rng.integers(0, 30, ROWS)
    return ClosedBin(START, up, c.usual_up.astype(float), there, np.ones(ROWS, np.bool_), lost, np.zeros(ROWS), group)


def worth_in_full(c: MemberColumns, feed: FeedReturns, width: int) -> Floats:
    """Evidence of all groups, each against all alternatives, by the gamma function alone (rows)."""
    whole, hazard = c.lost_together.astype(np.float64), feed.hazard(width)
    back = np.rint(whole - c.away)
    share = members_away._still_away(c, np.arange(ROWS), hazard[np.minimum(c.group_age, len(hazard) - 1)])
    none = np.zeros(ROWS)
    gain = np.where(back == 0, np.inf, against(whole - back, back, share, feed.tie))
    gain = np.minimum(gain, np.maximum(against(whole, none, share, feed.tie), 0)) * (c.group_age > 0)
    with np.errstate(invalid="ignore"):
        left = np.minimum(c.away / (NEARLY * c.lost_together), 1)
    away = (c.group_evidence >= NOTABLE) & (c.away >= FEWEST)
    return np.where(away, np.maximum(c.group_evidence * left + gain, 0), 0)


def against(away: Floats, back: Floats, share: Floats, tie: float) -> Floats:
    """Evidence that an outage's members stay away, all or nearly all of them, against returns that are tied or not."""
    laws = (law(away, back, share * (1 / each - 1), (1 - share) * (1 / each - 1)) for each in (tie, LOOSE))
    most = law(away, back, np.full(ROWS, STAY), np.ones(ROWS))
    return np.logaddexp(most, np.where(back == 0, 0.0, -np.inf)) - TWO - np.maximum(*laws)


def law(away: Floats, back: Floats, first: Floats, second: Floats) -> Floats:
    """The log-likelihood of a beta-binomial."""
    both = first + second
    over = log_gamma(first + away) + log_gamma(second + back) + log_gamma(both)
    return over - (log_gamma(both + away + back) + log_gamma(first) + log_gamma(second))


@pytest.mark.parametrize("seed", range(4))
def test_groups_that_are_away(seed: int) -> None:
    """A table of factorials, blocks, and an alternative left out where the other decides: the same but for rounding."""
    rng = np.random.default_rng(seed)
    c, feed = networks(rng), FeedReturns(*rng.uniform(1, 90, (2, 8)), *rng.uniform(0, 9, 4))
    rows, nats = members_away.worth(c, feed, 300)
    found = np.zeros(ROWS)
    found[rows] = nats
    assert np.allclose(found, worth_in_full(c, feed, 300), rtol=0, atol=1e-10)
    assert 100 < (found > 0).sum() < len(rows)


@pytest.mark.parametrize("seed", range(4))
def test_losses_of_the_others(seed: int) -> None:
    """Sums over the rows that lost members, against sums over all rows."""
    rng = np.random.default_rng(seed)
    c, churn = networks(rng), FeedChurn.of({})
    seen = closed_bin(rng, c)
    closed, up = MemberBin.of(c, seen, churn), seen.value + seen.lost - seen.back
    likely = up + (c.named + 1) * churn.fresh / (1 - churn.fresh)
    each = np.where(seen.present, np.stack((seen.lost, likely, together(seen.lost, likely))), 0)
    home = np.stack([np.bincount(seen.group, weights=numbers) for numbers in each])[:, seen.group[closed.losing]]
    own = np.where(seen.group[closed.losing] > 0, home, each[:, closed.losing])
    lost, there, pairs = np.maximum(each.sum(axis=1)[:, None] - own, 0)
    site = churn.tie_of(up[closed.losing])
    found, chance = others(closed.losing, closed, churn, site), lost / (there + 20)
    assert np.array_equal(found.chance, chance)
    tie = (pairs - lost * (churn.tie + chance)) / (lost + 0.3 * there + 20) + site
    assert np.array_equal(found.tie, tie)


def test_rows_do_not_depend_on_those_beside_them() -> None:
    """The evidence of rows in blocks, against that of each row for itself; the strongest, and whether there is any."""
    rng = np.random.default_rng(9)
    c, churn = networks(rng), FeedChurn.of({})
    closed = MemberBin.of(c, closed_bin(rng, c), churn)
    nats = weigh(c, closed.losing, closed, churn)
    picked = np.arange(0, len(closed.losing), 37)
    alone = np.concatenate([weigh(c, closed.losing[[at]], closed, churn) for at in picked])
    assert np.array_equal(nats[picked], alone)
    assert np.array_equal(strongest(nats), nats.max(axis=1))
    kept = np.maximum(nats, 0)
    assert np.array_equal(any_evidence(kept), kept.any(axis=1))
    assert 0 < any_evidence(kept).sum() < len(kept)


def test_factorials_of_many_members_are_computed_without_a_table() -> None:
    """Those of twenty million members, beside those of a table: n ln n − n and what Stirling adds."""
    assert members_away.log_factorial(np.array([0.0, 1, 5, 20])) == pytest.approx([0, 0, 4.787492, 42.335616], abs=1e-6)
    assert members_away.log_factorial(np.array([2e7])) == pytest.approx([316_224_865.95492], rel=1e-7)
    assert len(members_away.log_factorials()) == members_away.TABLE
