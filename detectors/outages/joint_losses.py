"""Presence: half of a network lost as others are, for an hour, where no fault of the feed would be seen.

Derived in docs/presence.md#losses-that-all-networks-share-joint_lossespy. Arrays hold an element per row.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detectors.types import Flags, Floats, Ints

from .column_rows import rows_of
from .member_fades import DARK
from .member_losses import FEWEST, SPELL, FeedChurn, MemberBin, NormalLosses, usual, weigh
from .outage_lifecycle import FOLLOWED
from .series_state import MemberColumns, SeriesStore

LASTING = 2 * SPELL  # age of a group, in seconds, of which all are then away for half an hour at least
LEFT = 0.6  # of the members usually up at this hour: with more, a network is explained by what the others lose


def believe(store: SeriesStore, closed: MemberBin, churn: FeedChurn, width: int) -> Flags:
    """Let a group of half of its network weigh by itself when it has lasted, whatever the other networks lost.

    Return the rows with such a group that is younger.
    """
    c, young = store.members, np.zeros(store.rows, np.bool_)
    if closed.shows_faults:
        return young
    due = max(-(-LASTING // width), 1)
    rows = rows_of(closed.measured & (store.phases.phase < FOLLOWED) & (c.away >= FEWEST) & (c.group_age <= due))
    rows = rows[_deep(c, rows, closed)]
    young[rows] = c.group_age[rows] < due
    rows = rows[c.group_age[rows] == due]
    if rows.size:
        nats = _alone(store, rows, closed, churn, max(SPELL // width, 1))
        c.group_evidence[rows] = np.maximum(c.group_evidence[rows], nats.astype(np.float32))
    return young


def _deep(c: MemberColumns, rows: Ints, closed: MemberBin) -> Flags:
    """Return which of these rows have few members left for this hour; as long as evenings are unknown, hardly any."""
    up, evenings = closed.seen.value[rows], closed.seen.size[rows] * c.least_share[rows]
    usually = np.minimum(c.away[rows] + up, evenings)
    return np.asarray((up <= LEFT * usually) | (up <= DARK * (c.away[rows] + up)))


def _alone(store: SeriesStore, rows: Ints, closed: MemberBin, churn: FeedChurn, bins: int) -> Floats:
    """Return the evidence of the groups of these rows (nats) as if alone in the feed; all were lost in so many bins."""
    c, seen, calm = store.members, closed.seen, NormalLosses(np.zeros(len(rows)), np.zeros(len(rows)))
    lost = np.zeros(store.rows)
    lost[rows] = c.away[rows]
    group = replace(closed, seen=replace(seen, lost=lost), before=seen.value + lost)
    normal = usual(c, rows, group, churn, calm)
    normal = replace(normal, chance=np.minimum(bins * normal.chance, 0.9))
    return np.asarray(weigh(c, rows, group, churn, normal).max(axis=1))
