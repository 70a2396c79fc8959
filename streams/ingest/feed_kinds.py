"""What a feed takes from its measurements, by its kind: which are unusable, and how the others arrive in bins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from detectors.bins import Arrivals, distinct
from detectors.kinds import FeedKind
from detectors.outages.presence import Members
from detectors.types import Ints, Kind
from schemas.measurement import Measurement
from schemas.rejections import Reason
from streams.ingest.measurement_slice import MeasurementSlice

OF, MEMBER = attrgetter("of"), attrgetter("member")


class Defect(NamedTuple):
    """A way in which a valid measurement is of no use to a kind, and the reason of its dead letter."""

    is_in: Callable[[Measurement], bool]
    reason: Reason
    detail: str


DEFECTS: dict[Kind, Defect] = {
    "distinct": Defect(lambda m: m.member is None, "unusable", "a distinct feed needs `member`"),
    "ratio": Defect(lambda m: m.value > m.of, "out-of-range", "a ratio needs `of` of at least `value`"),
    "presence": Defect(
        lambda m: m.member is None or m.up is None, "unusable", "a presence feed needs `member` and `up`"
    ),
}


def arrivals_of(kind: FeedKind, rows: Ints, part: MeasurementSlice) -> Arrivals:
    """Return the measurements of a slice as arrivals of these rows, with only the columns that the kind needs."""
    ts = part.columns.ts
    counts_members = kind.names_members and not kind.tracks_members
    members = list(map(MEMBER, part.measurements)) if counts_members else []
    trials = np.fromiter(map(OF, part.measurements), np.float64, part.size) if kind.has_trials else ts
    return Arrivals(rows, ts, part.columns.value, trials, members)


def add_events(members: Members, starts: Ints, rows: Ints, measurements: Iterable[Measurement]) -> None:
    """Add an event of a member to the bin of its start for each measurement of a presence feed."""
    for start, row, m in zip(starts.tolist(), rows.tolist(), measurements, strict=True):
        members.add(start, (row, str(m.member), float(m.ts), bool(m.up)))
    for start in distinct(starts):
        members.thin(start)
