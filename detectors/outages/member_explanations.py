"""Presence: the competing explanations of lost members, for the rows that somebody watches. See docs/explain.md."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from detectors.types import Floats, Singles

from .evidence import RHOS
from .explanations import MemberExplanations, Watch
from .member_drains import Drains
from .member_hours import Absences
from .member_losses import FAINTEST, SPELL, FeedChurn, MemberBin, NormalLosses, relaxed, usual, weigh
from .members_away import FeedReturns, worth
from .outage_lifecycle import FOLLOWED
from .series_state import SeriesStore

APART = 1e-4  # tie of members that are lost each for itself: the least that is ever assumed


def take(
    watch: Watch,
    store: SeriesStore,
    closed: MemberBin,
    churn: FeedChurn,
    returns: FeedReturns,
    slow: tuple[Drains, Absences],
    nats: Floats,
    width: int,
) -> None:
    """Explain the watched rows, after the sums that decide have taken the bin in. Bins are `width` seconds wide.

    `slow`: members that left over hours, and those missing at this hour. `nats`: the evidence that decides (rows).
    """
    groups = dict(zip(*(column.tolist() for column in worth(store.members, returns, width)), strict=True))
    slowly = [dict(zip(found.rows.tolist(), found.nats.tolist(), strict=True)) for found in slow]
    for row in watch.rows():
        watch.latest.pop(row, None)
        if store.phases.phase[row] >= FOLLOWED:
            watch.members.pop(row, None)
        elif closed.measured[row]:
            sums = watch.members.get(row, np.zeros((2, len(RHOS)), np.float32))
            sums = watch.members[row] = _after(sums, store, row, closed, churn, width)
            normal, joint = sums.max(axis=1).tolist()
            shake, away = float(store.falls.evidence[row].max()), max(each.get(row, 0.0) for each in (groups, *slowly))
            watch.latest[row] = MemberExplanations(normal, joint, shake, away, float(nats[row]))


def _after(sums: Singles, store: SeriesStore, row: int, closed: MemberBin, churn: FeedChurn, width: int) -> Singles:
    """Return the sums under `normal` and `joint` (2 × RHOS, nats) after a bin: they fade as those that decide."""
    left = relaxed(sums, np.array([row, row]), store.members, closed) * np.float32(math.exp(-width / SPELL))
    left = np.where(left < FAINTEST, 0, left)
    if closed.seen.lost[row] > 0:
        left = np.maximum(left + _competing(store, row, closed, churn), 0)
    return np.asarray(left, np.float32)


def _competing(store: SeriesStore, row: int, closed: MemberBin, churn: FeedChurn) -> Floats:
    """Return what the losses of a bin are worth under `normal` and `joint` (2 × RHOS, nats).

    What leaves at this hour of each day is one of the joint losses.
    """
    rows, calm = np.array([row]), NormalLosses(np.zeros(1), np.zeros(1))
    joint = usual(store.members, rows, closed, churn, calm)
    at_any_hour = usual(store.members, rows, replace(closed, fades=None), churn, calm)
    alone = NormalLosses(at_any_hour.chance, np.full(1, APART))
    return np.concatenate([weigh(store.members, rows, closed, churn, losses) for losses in (alone, joint)])
