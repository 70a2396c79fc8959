"""Parameters, input and output of a feed's detector."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:  # settings need names of kinds, not arrays: importing NumPy takes as long as all of them
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["gauge", "count", "distinct", "ratio", "presence"]
State = Literal["suspected", "open", "recovering", "closed", "retracted", "rebaselined", "expired"]
Severity = Literal["partial", "major", "total"]  # mildest first
Floats: TypeAlias = "NDArray[np.float64]"
Flags: TypeAlias = "NDArray[np.bool_]"
Ints: TypeAlias = "NDArray[np.int64]"
Singles: TypeAlias = "NDArray[np.floating[Any]]"  # 32 bits in the state of a detector
Share: TypeAlias = "np.floating[Any] | Singles"

FRIDAYS = 1_000  # least code of a country whose weekend begins on a Friday or before
HOUR = 3_600
DAY = 24 * HOUR
WEEK = 7 * DAY


@dataclass(frozen=True, slots=True)
class Rule:
    """Parameters of one feed's detector, fixed for a run. Durations and widths are seconds."""

    kind: Kind
    width: int
    budget: float = 1.0  # false alarms per 1,000 series and month
    rebaseline_after: int | None = None  # how long a lower level must hold before it is accepted; None: never


def _no_rows() -> Ints:
    from numpy import zeros

    return zeros(0, int)


class Zones(NamedTuple):
    """Local time by code of a country: seconds ahead of UTC in its westernmost and its easternmost zone."""

    west: Ints
    east: Ints


@dataclass(frozen=True, slots=True)
class ClosedBin:
    """One closed bin of one feed: an element per row (series).

    `value`: last level (gauge), sum (count), different members (distinct), successes (ratio), members up at the end of
    the bin (presence). `size`: trials (ratio), known members (presence), else 1. `lost` and `back`: members up at the
    start of the bin (or not known before) and down at its end, and the reverse (presence, else zeros).
    `present`: False where nothing was measured and silence says nothing. `alive`: False where the series did not
    exist yet in this bin: such a row's state is not touched. `group`: a code for the country of the row, 0 unknown,
    `FRIDAYS` or more where the weekend begins on a Friday or before. `doubted`: others know that the feed is at fault
    in this bin. `side`: a code for the access of the row, 0 for none; empty where no row has any. `unread`:
    measurements of this bin may have been deleted unread; no row is present then. `zones`: local time of each country
    in the hour in which the bin begins; None: that of all is UTC.
    """

    start: int
    value: Floats
    size: Floats
    present: Flags
    alive: Flags
    lost: Floats
    back: Floats
    group: Ints
    doubted: bool = False
    side: Ints = field(default_factory=_no_rows)
    unread: bool = False
    zones: Zones | None = None


@dataclass(frozen=True, slots=True)
class LevelDrop:
    """A fall within an outage: the start of the bin in which it was seen, and the share of normal lost after it."""

    at: int
    drop: float


@dataclass(frozen=True, slots=True)
class Suppression:
    """What keeps an outage from alerting: an entry of the calendar, and what that says."""

    entry_id: str
    note: str


@dataclass(frozen=True, slots=True)
class Change:
    """One revision of one outage of one row. Times are bin edges in Unix seconds.

    `opened`: start of the bin whose close announced the outage first: with the series it makes the id. `started_at`
    lies in the half-open interval `started_between`. `detected_at`: end of the bin whose evidence sufficed.
    `evidence` in nats. `drop` and `max_drop` are shares of `expected`, 0 to 1. `missing`: bins while it lasted of which
    measurements may have been deleted unread.
    """

    row: int
    opened: int
    revision: int
    state: State
    started_at: int
    started_between: tuple[int, int]
    detected_at: int
    updated_at: int
    ended_at: int | None
    value: float | None
    expected: float
    drop: float
    max_drop: float
    severity: Severity
    shape: Literal["sudden", "gradual", "stepwise"]
    drops: tuple[LevelDrop, ...]
    evidence: float
    explain: dict[str, int | float | str] = field(default_factory=dict)
    suppressed_by: Suppression | None = None
    missing: int = 0
