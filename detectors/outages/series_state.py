"""The state of a feed's series: columns with one row per series, and what a new series starts with.

`LAYOUT` says how columns are stored, under the names that snapshots know. Code reads them through views: records of
typed columns over the same memory, in which every attribute has one meaning. Some memory has two: the cumulative sums
of a row that is normal hold the course of its outage while one is followed, and a feed of members keeps what it learns
of a network where other feeds keep the season. A row is only ever read through the view that fits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypeVar, get_type_hints

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detectors.types import Ints, Singles

from .evidence import RHOS
from .groups import Groups
from .local_days import HOUR, LocalDays
from .season import SLOTS, Around, Slots, around, first_days, relative

View = TypeVar("View")
Bins = NDArray[np.unsignedinteger[Any]]
StoredColumns = dict[str, NDArray[Any]]


class Layout(NamedTuple):
    """Type of a stored column, numbers a row (0: a flat column), and the value of a new row."""

    dtype: DTypeLike
    width: int
    initial: float


LAYOUT: dict[str, Layout] = {
    "level": Layout(np.float32, 0, 0.0),
    "anchor": Layout(np.float32, 0, 0.0),
    "norm": Layout(np.float32, 0, 0.0),
    "noise": Layout(np.float32, 0, 0.0),
    "rough": Layout(np.float32, 0, 0.0),
    "wander": Layout(np.float32, 0, 4e-4),
    "lean": Layout(np.float32, 0, 0.0),
    "last": Layout(np.float32, 0, np.nan),
    "quantum": Layout(np.float32, 0, np.inf),
    "above": Layout(np.float32, 0, 0.0),
    "seen": Layout(np.uint32, 0, 0),
    "fit": Layout(np.float32, 4, 0.0),
    "rest": Layout(np.uint8, 0, 0),
    "echo": Layout(np.float32, 2, 0.0),
    "pending": Layout(np.float32, 2, 0.0),
    "filling": Layout(np.float32, 0, 0.0),
    "filled": Layout(np.uint16, 0, 0),
    "sums": Layout(np.float32, len(RHOS), 0.0),
    "runs": Layout(np.uint16, len(RHOS), 0),
    "gap": Layout(np.uint16, 0, 0),
    "hole": Layout(np.uint16, 0, 0),
    "flaps": Layout(np.uint8, 0, 0),
    "phase": Layout(np.uint8, 0, 0),
    "today": Layout(np.float32, 3, 0.0),
    "usual": Layout(np.float32, 7, np.nan),
    "apart": Layout(np.float32, 9, 0.0),
    "slow": Layout(np.float32, 0, 0.0),
    "slow_days": Layout(np.uint8, 0, 0),
    "compared": Layout(np.uint16, 0, 0),
    "pattern": Layout(np.uint32, 5, 0),
    "deepest_today": Layout(np.float32, 0, 0.0),
    "recurring": Layout(np.float32, 2, 0.0),
    "recurring_hours": Layout(np.uint32, 0, 0),
}
#: Columns that change once a day: snapshots have rows of their own for them.
DAILY = ("usual", "apart", "slow", "slow_days", "compared", "recurring", "recurring_hours")
#: Columns that older snapshots lack: their rows begin without them.
LATER = frozenset({"echo", "pending", "today", "pattern", "deepest_today", *DAILY})


class Column(NamedTuple):
    """Where an attribute of a view is stored, its unit and its meaning. `at`: which number of a row it is."""

    stored: str
    unit: str
    meaning: str
    at: int | None = None


@dataclass(slots=True)
class LevelColumns:
    """What a feed of levels (every kind but presence) has learnt from normal bins."""

    level: Annotated[Singles, Column("level", "value", "recent level without the season")]
    long_level: Annotated[
        Singles, Column("anchor", "value", "level of the last weeks; on the first day the first value")
    ]
    profile_mean: Annotated[
        Singles, Column("norm", "long_level at the start", "mean of the profile; 0 on the first day")
    ]
    noise: Annotated[Singles, Column("noise", "expected²", "variance of a bin beyond counting")]
    roughness: Annotated[Singles, Column("rough", "expected²", "half the variance of the steps from bin to bin")]
    wander: Annotated[Singles, Column("wander", "expected²", "variance of the level over half a day")]
    lean: Annotated[Singles, Column("lean", "expected", "mean deviation of the last half day")]
    last_value: Annotated[Singles, Column("last", "value", "value of the last normal bin; NaN before the first")]
    quantum: Annotated[Singles, Column("quantum", "value", "smallest step of a gauge; infinite before the first")]
    covariance: Annotated[Singles, Column("quantum", "expected²", "of neighbouring bins of counts; infinite: unknown")]
    short_lean: Annotated[Singles, Column("echo", "expected", "mean deviation of the last hour, or of four bins", 0)]
    short_wander: Annotated[Singles, Column("echo", "expected²", "covariance of a deviation with that before it", 1)]
    pending_noise: Annotated[
        Singles, Column("pending", "expected²", "what noise has still to learn of a doubtful run", 0)
    ]
    pending_level: Annotated[Singles, Column("pending", "value", "what level has still to learn of a doubtful run", 1)]
    surge_share: Annotated[Singles, Column("above", "1", "share of the last day spent far above the baseline")]
    bins_learnt: Annotated[Bins, Column("seen", "bins", "normal bins learnt")]
    hour_products: Annotated[Singles, Column("fit", "1", "how well the hour of day predicts: products", 0)]
    hour_squares: Annotated[Singles, Column("fit", "1", "how well the hour of day predicts: squares", 1)]
    weekday_products: Annotated[Singles, Column("fit", "1", "how well the weekday predicts: products", 2)]
    weekday_squares: Annotated[Singles, Column("fit", "1", "how well the weekday predicts: squares", 3)]
    first_counting: Annotated[
        Singles, Column("fit", "expected²", "mean variance of counting, on the first day: then it has no weekdays", 3)
    ]
    rest_day: Annotated[Bins, Column("rest", "weekday", "1 + the local weekday that is a day of rest, 0 for none")]
    hour_sum: Annotated[Singles, Column("filling", "profile", "sum of the bins of this hour")]
    hour_bins: Annotated[Bins, Column("filled", "bins", "bins in that sum")]


@dataclass(slots=True)
class MemberColumns:
    """What a feed of members (presence) has learnt of each network."""

    usual_up: Annotated[Singles, Column("level", "members", "members expected up")]
    named: Annotated[Singles, Column("anchor", "members", "members ever seen")]
    turnover: Annotated[Singles, Column("noise", "1 a bin", "share of the members that come or go")]
    bins_learnt: Annotated[Bins, Column("seen", "bins", "bins learnt")]
    member_bins: Annotated[Singles, Column("fit", "members × bins", "members up in calm bins of the last days", 0)]
    losses: Annotated[Singles, Column("fit", "members", "members lost in those bins", 1)]
    joint_losses: Annotated[Singles, Column("fit", "members", "losses that came together with others", 2)]
    late_turnover: Annotated[Singles, Column("fit", "1 a bin", "turnover as of half an hour ago", 3)]
    pending_joint: Annotated[Singles, Column("norm", "members", "joint losses of a fall on trial, not yet learnt")]
    recent_losses: Annotated[Singles, Column("echo", "members", "lost beyond the usual of late, as evidence fades", 0)]
    recent_up: Annotated[Singles, Column("echo", "members", "members up, on average over the last hours", 1)]
    drop_square: Annotated[Singles, Column("pending", "1", "mean square of the share below that", 0)]
    drain_bins: Annotated[Singles, Column("pending", "bins", "bins since it has been less than it is now", 1)]
    hour_loss: Annotated[Singles, Column("today", "1", "largest share lost in a bin of this hour", 0)]
    last_evidence: Annotated[Singles, Column("today", "nats", "evidence of the bin before, 0 if not measured", 1)]
    most_missing: Annotated[Singles, Column("today", "members", "most missing in a bin of this hour", 2)]
    least_share: Annotated[Singles, Column("last", "1", "least share up about this hour in the last week; NaN unknown")]
    rest_share: Annotated[Singles, Column("quantum", "1", "the same on a usual weekend; infinite where none is known")]
    bins_missing: Annotated[Singles, Column("deepest_today", "bins", "bins in which more were missing than that")]
    away: Annotated[Singles, Column("rough", "members", "members lost together that are still away")]
    lost_together: Annotated[Singles, Column("lean", "members", "members lost together, with those back by now")]
    group_evidence: Annotated[Singles, Column("above", "nats", "evidence of their loss")]
    group_age: Annotated[Bins, Column("filled", "bins", "bins since the first of them was lost")]
    group_span: Annotated[Bins, Column("rest", "bins", "bins from the first of their losses to the last")]
    returned: Annotated[Singles, Column("filling", "members", "returns in earlier groups, as independent ones")]
    expected_back: Annotated[Singles, Column("wander", "members", "returns in those that the feed's pace expects")]


@dataclass(slots=True)
class FallColumns:
    """Evidence that a row has fallen; only of rows whose outage is not followed."""

    evidence: Annotated[Singles, Column("sums", "nats", "cumulative sum for each rho (rows × RHOS)")]
    bins: Annotated[Bins, Column("runs", "bins", "bins since each sum left zero (rows × RHOS)")]
    missing_before: Annotated[Bins, Column("hole", "bins", "bins missing just before the evidence left zero")]


@dataclass(slots=True)
class CourseColumns:
    """The course of an outage; only of rows whose outage is followed. It lies where their evidence lay.

    `deepest_drop` is of presence, `return_evidence` of every other kind.
    """

    return_evidence: Annotated[Singles, Column("sums", "nats", "evidence of a return", 0)]
    deepest_drop: Annotated[Singles, Column("sums", "normal", "share of the members lost at the deepest", 0)]
    whole_evidence: Annotated[Singles, Column("sums", "nats", "evidence that the return is whole", 1)]
    smooth_ratio: Annotated[Singles, Column("sums", "normal", "smoothed share of normal", 2)]
    level_ratio: Annotated[Singles, Column("sums", "normal", "mean share of normal since the last step", 3)]
    shift: Annotated[Singles, Column("sums", "normal", "how far the level has moved since that step, summed", 4)]
    bins_back: Annotated[Bins, Column("runs", "bins", "bins since the row seems back, 0 while it does not", 0)]
    bins_steady: Annotated[Bins, Column("runs", "bins", "bins since the last step or return", 1)]
    return_announced: Annotated[Bins, Column("runs", "1", "1 while the outage is announced as recovering", 2)]
    level_bins: Annotated[Bins, Column("runs", "bins", "bins of the level", 3)]
    shift_bins: Annotated[Bins, Column("runs", "bins", "bins since the level has been moving", 4)]
    missing_since_back: Annotated[Bins, Column("hole", "bins", "bins missing since the row seems back")]
    flaps: Annotated[Bins, Column("flaps", "outages", "outages begun of late; each day one is forgotten")]


@dataclass(slots=True)
class PhaseColumns:
    """Where every row stands, whatever its kind."""

    phase: Annotated[Bins, Column("phase", "1", "0 normal, 1 evidence announced, 2 an outage is followed")]
    missing: Annotated[Bins, Column("gap", "bins", "bins missing up to now")]
    flaps: Annotated[Bins, Column("flaps", "outages", "outages begun of late; each day one is forgotten")]


@dataclass(slots=True)
class SlowColumns:
    """What a row of a feed of levels did from day to day, against its own weeks and its neighbours (`slow_losses`)."""

    day_value: Annotated[Singles, Column("today", "value", "sum of the bins measured today", 0)]
    day_factor: Annotated[Singles, Column("today", "bins", "sum of their seasonal factors", 1)]
    day_missing: Annotated[Singles, Column("today", "bins", "seasonal factors of today's other bins, summed", 2)]
    usual: Annotated[Singles, Column("usual", "ln value", "level of each weekday (rows × 7); NaN where unknown")]
    apart_square: Annotated[Singles, Column("apart", "1", "variance of a day apart from its neighbours", 0)]
    apart_product: Annotated[Singles, Column("apart", "1", "covariance of two days, one after the other", 1)]
    apart_before: Annotated[Singles, Column("apart", "1", "how far the last day was apart", 2)]
    pending_square: Annotated[Singles, Column("apart", "1", "what that variance has still to learn", 3)]
    pending_product: Annotated[Singles, Column("apart", "1", "what that covariance has still to learn", 4)]
    apart_lean: Annotated[Singles, Column("apart", "1", "mean of how far the last week was apart", 5)]
    apart_wander: Annotated[Singles, Column("apart", "1", "covariance of a day and that mean", 6)]
    pending_wander: Annotated[Singles, Column("apart", "1", "what that one has still to learn", 7)]
    own_change: Annotated[Singles, Column("apart", "1", "change of the series itself since the sum left zero", 8)]
    loss_evidence: Annotated[Singles, Column("slow", "nats", "cumulative sum of a slow loss")]
    loss_days: Annotated[Bins, Column("slow_days", "days", "days since that sum left zero")]
    days_compared: Annotated[Bins, Column("compared", "days", "days compared with neighbours")]


@dataclass(slots=True)
class PatternColumns:
    """At which hours of the day a row is whole or short, while it has outages: bit h is the hour h, UTC."""

    whole_today: Annotated[Bins, Column("pattern", "bits", "hours of today with a whole bin", 0)]
    short_today: Annotated[Bins, Column("pattern", "bits", "hours of today with a short bin", 1)]
    whole_before: Annotated[Bins, Column("pattern", "bits", "hours of the day before that were whole", 2)]
    short_before: Annotated[Bins, Column("pattern", "bits", "hours of the day before that were short", 3)]
    days_alike: Annotated[Bins, Column("pattern", "days", "days, one after the other, with the same such hours", 4)]


@dataclass(slots=True)
class RecurrenceColumns:
    """Losses of a row that recur at the same hours of each day (`recurrence`)."""

    evidence: Annotated[Singles, Column("recurring", "nats", "that they follow a timetable", 0)]
    depth: Annotated[Singles, Column("recurring", "normal", "share that they lose", 1)]
    deepest_today: Annotated[Singles, Column("deepest_today", "normal", "share lost today at the deepest")]
    usual_hours: Annotated[Bins, Column("recurring_hours", "bits", "hours of the last such day that were short")]


def columns_of(view: type[Any]) -> dict[str, Column]:
    """Return the columns of a view by the names of its attributes."""
    hints = get_type_hints(view, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


VIEWS = (
    LevelColumns,
    MemberColumns,
    FallColumns,
    CourseColumns,
    PhaseColumns,
    SlowColumns,
    PatternColumns,
    RecurrenceColumns,
)
COLUMNS: dict[type[Any], dict[str, Column]] = {view: columns_of(view) for view in VIEWS}


def over(view: type[View], stored: StoredColumns) -> View:
    """Return a view of stored columns."""
    columns = COLUMNS[view].values()
    return view(*(stored[name] if at is None else stored[name][:, at] for name, _, _, at in columns))


class Chunk(NamedTuple):
    """Views of neighbouring rows of a feed of levels."""

    levels: LevelColumns
    falls: FallColumns
    phases: PhaseColumns
    slow: SlowColumns


class SeriesStore:
    """Columns that grow at the end in amortised constant time. `stored` and `slots` are the rows in use."""

    levels: LevelColumns
    members: MemberColumns
    falls: FallColumns
    courses: CourseColumns
    phases: PhaseColumns
    slow: SlowColumns
    pattern: PatternColumns
    recurrence: RecurrenceColumns

    def __init__(self) -> None:
        self.rows = 0
        self._buffers: StoredColumns = {name: _fresh(name, 0) for name in LAYOUT}
        self._profiles = _no_profiles(0)
        self._near: dict[tuple[int, int], Around] = {}  # by chunk; of the current hour, never part of the state
        self._pooled: dict[tuple[int, int], dict[int, Singles]] = {}  # hours pooled in the hour before
        self._chunks: dict[tuple[int, int], Chunk] = {}
        self._groups: dict[tuple[int, int], Groups] = {}
        self._hour = -1
        self._use()

    def chunk(self, part: slice) -> Chunk:
        """Return views of neighbouring rows."""
        key = (part.start, part.stop)
        if key not in self._chunks:
            stored = {name: buffer[part] for name, buffer in self.stored.items()}
            self._chunks[key] = Chunk(
                over(LevelColumns, stored),
                over(FallColumns, stored),
                over(PhaseColumns, stored),
                over(SlowColumns, stored),
            )
        return self._chunks[key]

    @contextmanager
    def courses_of(self, rows: Ints) -> Iterator[CourseColumns]:
        """Give copies of the courses of some rows, and put them back at the end."""
        stored = {name: self.stored[name][rows] for name in ("sums", "runs", "hole", "flaps")}
        yield over(CourseColumns, stored)
        for name, numbers in stored.items():
            self.stored[name][rows] = numbers

    def begin_course(self, row: int, ratio: float) -> None:
        """Replace the evidence of a row by the course of an outage that begins at a share of normal."""
        self.stored["hole"][row] = 0
        self.stored["sums"][row] = (0, 0, ratio, ratio, 0)
        self.stored["runs"][row] = (0, 0, 0, 1, 0)

    def end_course(self, rows: int | list[int]) -> None:
        """Make rows normal again, without evidence."""
        self.stored["sums"][rows] = 0
        self.stored["runs"][rows] = 0
        self.phases.phase[rows] = 0

    def near(self, part: slice, at: int, width: int, days: LocalDays | None = None) -> Around:
        """Return the profile around the bin of `width` s that begins at a time (s), as shares of its mean, of a chunk.

        It is kept for the hour, in which the countries of rows stay, or `groups` has forgotten it. `days`: the local
        days of the rows, None where they are those of UTC.
        """
        hour = at // HOUR
        if self._hour != hour:
            self._pooled = {key: near.pooled for key, near in self._near.items()} if self._hour == hour - 1 else {}
            self._near, self._hour = {}, hour
        key = (part.start, part.stop)
        if key not in self._near:
            near = around(self.slots[part], at, width, self.levels.rest_day[part], self._pooled.pop(key, None), days)
            near = relative(near, self.levels.profile_mean[part])
            self._near[key] = near if days is None else first_days(near, self.slots[part], at, width, days)
        return self._near[key]

    def groups(self, part: slice, group: Ints) -> Groups | None:
        """Return the groups of a chunk's rows; None where none is large enough for neighbours."""
        key = (part.start, part.stop)
        if key not in self._groups or not self._groups[key].fits(group):
            self._groups[key] = Groups(group)
            self._near.pop(key, None)
        found = self._groups[key]
        return found if found.large.any() else None

    def forget_profiles(self) -> None:
        """Drop what is kept of the profiles: they have changed, other than by an hour that ended."""
        self._near, self._pooled = {}, {}

    def grow(self, rows: int) -> None:
        """Append rows in warm-up."""
        if not rows:
            return
        need = self.rows + rows
        if need > len(self._profiles):
            extra = max(need, 2 * len(self._profiles), 64) - len(self._profiles)
            self._buffers = {k: np.concatenate([v.T, _fresh(k, extra).T], axis=-1).T for k, v in self._buffers.items()}
            self._profiles = np.concatenate([self._profiles.T, _no_profiles(extra).T], axis=-1).T
        self.rows = need
        self.forget_profiles()
        self._use()

    def reset(self, rows: Ints) -> None:
        """Make rows new again."""
        for name, numbers in self.stored.items():
            numbers[rows] = LAYOUT[name].initial
        self.slots[rows] = -1
        self.forget_profiles()

    def _use(self) -> None:
        """Make the views of the rows in use."""
        self.stored: StoredColumns = {name: buffer[: self.rows] for name, buffer in self._buffers.items()}
        self.slots: Slots = self._profiles[: self.rows]
        self._chunks = {}
        self.levels, self.members = over(LevelColumns, self.stored), over(MemberColumns, self.stored)
        self.falls, self.courses = over(FallColumns, self.stored), over(CourseColumns, self.stored)
        self.phases, self.slow = over(PhaseColumns, self.stored), over(SlowColumns, self.stored)
        self.pattern, self.recurrence = over(PatternColumns, self.stored), over(RecurrenceColumns, self.stored)


def _fresh(name: str, rows: int) -> NDArray[Any]:
    layout = LAYOUT[name]
    shape = (layout.width, rows) if layout.width else (rows,)
    return np.full(shape, layout.initial, layout.dtype).T


def _no_profiles(rows: int) -> Slots:
    return np.full((SLOTS, rows), -1, np.float16).T
