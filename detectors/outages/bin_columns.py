"""The columns of a bin that closes, whatever the kind of its feed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from detectors.bins import OpenBin
from detectors.kinds import FeedKind
from detectors.types import Floats

from .presence import Members


class BinColumns(NamedTuple):
    """`value`, `size`, `lost` and `back` as in `ClosedBin`: float64 (rows)."""

    value: Floats
    size: Floats
    lost: Floats
    back: Floats


def bin_columns(kind: FeedKind, opened: OpenBin, members: Members, start: int, rows: int) -> BinColumns:
    """Return the columns of the bin that begins at `start`; where members are tracked, their events up to it count."""
    if kind.tracks_members:
        return BinColumns(*members.close(start, rows))
    size = opened.size[:rows] if kind.has_trials else np.ones(rows)
    return BinColumns(opened.value[:rows], size, np.zeros(rows), np.zeros(rows))
