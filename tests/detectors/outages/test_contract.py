"""The contract of a detector, over every kind of feed: one list of what must hold, whatever is measured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.outages.outage_lifecycle import Ongoing
from detectors.outages.series_state import COLUMNS, VIEWS
from detectors.types import Change, ClosedBin, Ints, Kind, Rule, Zones
from tests.detectors.series import ALONE, START, bins, daily, outages, run, watch, watch_each

HOUR = 3_600
BINS, ROWS = 24 * 6, 12
DARK, BACK, ROW = 100, 124, 3  # a day of darkness in one of the series
MEMBERS = 80
KINDS: tuple[Kind, ...] = get_args(Kind)
WARM_UP: dict[Kind, int] = {"gauge": 6, "count": 6, "distinct": 6, "ratio": 6, "presence": 0}  # bins
PER_ROW = ("value", "size", "present", "alive", "lost", "back", "group")
of_every_kind = pytest.mark.parametrize("kind", KINDS)


def story(kind: Kind, *, dark: bool = True, seed: int = 1) -> list[ClosedBin]:
    """Return twelve series of six days by the hour; some bins are missing, and one series may be dark for a day."""
    rng = np.random.default_rng(seed)
    if kind == "presence":
        return list(_members(rng, dark))
    usual = 80 * daily(6, HOUR)[:, None] * np.ones(ROWS)
    if dark:
        usual[DARK:BACK, ROW] *= 0.02
    if kind == "ratio":
        size = np.full((BINS, ROWS), 100.0)
        return list(bins(rng.binomial(100, usual / 120).astype(float), HOUR, size))
    values = rng.poisson(usual).astype(float)
    values[rng.random(values.shape) < 0.02] = np.nan
    return list(bins(values, HOUR))


def _members(rng: np.random.Generator, dark: bool) -> Sequence[ClosedBin]:
    """Return bins of networks whose members come and go alone."""
    up, yes, found = np.full(ROWS, MEMBERS), np.ones(ROWS, np.bool_), []
    for index in range(BINS):
        present = rng.random(ROWS) >= 0.02
        lost, back = (np.where(present, rng.binomial(n, p), 0) for n, p in ((up, 0.004), (MEMBERS - up, 0.2)))
        if dark and DARK <= index <= BACK:
            present[ROW] = True
            lost[ROW] = up[ROW] if index == DARK else 0
            back[ROW] = MEMBERS if index == BACK else 0
        up = up - lost + back
        columns = (
            up.astype(float),
            np.full(ROWS, float(MEMBERS)),
            present,
            yes,
            lost.astype(float),
            back.astype(float),
        )
        found.append(ClosedBin(START + index * HOUR, *columns, np.zeros(ROWS, np.int64)))
    return found


def chosen(seen: ClosedBin, rows: Ints) -> ClosedBin:
    """Return the bin of these rows alone, in this order."""
    return replace(seen, **{name: getattr(seen, name)[rows] for name in PER_ROW})


def copied(old: Detector) -> Detector:
    """Return a detector made from copies of the four parts of another's state."""
    new = Detector(old.rule)
    new.grow(old.rows)
    for name, column in old.stored.items():
        new.stored[name][:] = column.copy()
    new.slots[:] = old.slots.copy()
    new.ongoing.update({row: Ongoing(**asdict(outage)) for row, outage in old.ongoing.items()})
    new.scalars.update(old.scalars)
    return new


def lived(kind: Kind, seen: Sequence[ClosedBin]) -> tuple[Detector, list[Change]]:
    """Return a detector after these bins, and its changes."""
    detector = Detector(Rule(kind, HOUR))
    return detector, run(detector, iter(seen))


def assert_same(first: Detector, other: Detector, rows: Ints | slice = slice(None)) -> None:
    """Compare the state of detectors bit for bit: of all rows, or of these against all rows of the other."""
    for name, column in first.stored.items():
        assert np.array_equal(column[rows], other.stored[name], equal_nan=True), name
    assert np.array_equal(first.slots[rows], other.slots)


@of_every_kind
def test_finds_a_total_loss_and_nothing_else(kind: Kind) -> None:
    """One outage, in the dark row, with both ends exact and reported as total."""
    (outage,) = outages(lived(kind, story(kind))[1])
    assert (outage.row, outage.state, outage.severity) == (ROW, "closed", "total")
    assert (outage.started_at, outage.ended_at) == (START + DARK * HOUR, START + BACK * HOUR)
    assert outage.detected_at <= START + (DARK + 3) * HOUR


@of_every_kind
def test_quiet_series_stay_quiet(kind: Kind) -> None:
    """Nothing falls, and nothing is reported as more than a suspicion."""
    assert outages(lived(kind, story(kind, dark=False))[1]) == []


@of_every_kind
def test_has_no_baseline_before_the_warm_up_ends(kind: Kind) -> None:
    """Deviations are NaN for as many bins as the kind needs, then finite wherever something was measured."""
    detector = Detector(Rule(kind, HOUR))
    assert detector.scored == 0
    for index, seen in enumerate(story(kind)[:30]):
        run(detector, iter([seen]))
        expected = detector.deviations().expected
        if index < WARM_UP[kind]:
            assert np.isnan(expected).all()
        elif index == 29:
            assert np.isfinite(expected[seen.present]).all()


@of_every_kind
def test_scores_a_bin_before_it_learns_it(kind: Kind) -> None:
    """What a bin is expected to hold does not depend on what it holds."""
    seen = story(kind)[:60]
    fewer = np.floor(seen[-1].value / 2)
    lost = seen[-1].value - fewer if kind == "presence" else 0
    changed = replace(seen[-1], value=fewer, lost=seen[-1].lost + lost)
    first, other = lived(kind, seen)[0], lived(kind, [*seen[:-1], changed])[0]
    assert np.array_equal(first.deviations().expected, other.deviations().expected, equal_nan=True)
    assert not np.array_equal(first.deviations().value, other.deviations().value, equal_nan=True)


@of_every_kind
def test_the_same_bins_give_the_same_bytes(kind: Kind) -> None:
    """Two detectors that are shown the same are the same, and report the same."""
    (first, changes), (other, again) = (lived(kind, story(kind)) for _ in range(2))
    assert changes == again
    assert_same(first, other)
    assert first.scalars == other.scalars


@of_every_kind
def test_leaves_its_input_alone(kind: Kind) -> None:
    """The bins that a detector is shown stay as they were."""
    local = Zones(np.full(1, -5 * HOUR), np.full(1, 9 * HOUR))
    seen = [replace(bin_, zones=local) for bin_ in story(kind)]
    before = [{name: np.copy(value) for name, value in asdict(bin_).items()} for bin_ in seen]
    lived(kind, seen)
    for bin_, old in zip(seen, before, strict=True):
        assert all(np.array_equal(value, old[name], equal_nan=True) for name, value in asdict(bin_).items())


@of_every_kind
def test_a_row_is_not_changed_by_its_neighbours(kind: Kind) -> None:
    """A row alone reports what it reports among those of other countries. A network is weighed against the others'
    losses in this bin, so that of presence the outage is the same and its evidence may differ.
    """
    seen = [replace(bin_, group=np.arange(ROWS)) for bin_ in story(kind)]
    whole, changes = lived(kind, seen)
    alone, own = lived(kind, [chosen(bin_, np.array([ROW])) for bin_ in seen])
    if kind == "presence":
        (first,), (other,) = (outages([change for change in each if change.row in (0, ROW)]) for each in (own, changes))
        assert replace(first, row=ROW, evidence=0, explain={}) == replace(other, evidence=0, explain={})
    else:
        assert [replace(change, row=ROW) for change in own] == [change for change in changes if change.row == ROW]
        assert_same(whole, alone, np.array([ROW]))


def test_few_series_of_no_country_are_as_if_alone() -> None:
    """As many as `watch_each` puts together, which fall together: too few to say that the feed is at fault."""
    rng = np.random.default_rng(3)
    values = 100 * (1 + 0.03 * rng.standard_normal((96, ALONE)))
    values[80:90] *= np.linspace(0, 0.9, ALONE)
    series = [column[:, None] for column in values.T]
    each = watch_each("gauge", 3600, series)
    assert each == [watch("gauge", 3600, history) for history in series]
    assert all(outages(changes) for changes in each[:5])


@of_every_kind
def test_rows_in_another_order_are_the_same_rows(kind: Kind) -> None:
    """Permuting the rows permutes changes and state; of members, sums over the feed may differ in a last bit."""
    order = np.random.default_rng(2).permutation(ROWS)
    seen = story(kind)
    whole, changes = lived(kind, seen)
    moved, others = lived(kind, [chosen(bin_, order) for bin_ in seen])
    renamed = [replace(change, row=int(order[change.row])) for change in others]
    key = lambda change: (change.updated_at, change.row)  # noqa: E731
    assert sorted(renamed, key=key) == sorted(changes, key=key)
    for name, column in whole.stored.items():
        same = np.array_equal if kind != "presence" else np.allclose
        assert same(column[order], moved.stored[name], equal_nan=True), name


@of_every_kind
def test_a_row_that_does_not_exist_yet_is_left_alone(kind: Kind) -> None:
    """Bins before the first measurement of a series change nothing of it."""
    detector, fresh = Detector(Rule(kind, HOUR)), Detector(Rule(kind, HOUR))
    fresh.grow(1)
    for bin_ in story(kind)[:40]:
        there = np.arange(ROWS) != 5
        value, lost, back = (np.where(there, numbers, 0.0) for numbers in (bin_.value, bin_.lost, bin_.back))
        absent = replace(bin_, value=value, lost=lost, back=back, present=bin_.present & there, alive=there)
        run(detector, iter([absent]))
    assert_same(detector, fresh, np.array([5]))


@of_every_kind
def test_a_feed_without_a_series_is_quiet(kind: Kind) -> None:
    """Bins of no row, as areas close them before they have networks, change nothing, at any hour of the week."""
    nothing = chosen(story(kind)[0], np.arange(0))
    week = [replace(nothing, start=START + hour * HOUR) for hour in range(170)]
    assert lived(kind, week)[1] == []


@of_every_kind
def test_a_bin_without_a_measurement_teaches_nothing(kind: Kind) -> None:
    """The level, or the members expected up, stay what they were, and so does how many bins were learnt."""
    detector, _ = lived(kind, story(kind)[:50])
    before = {name: detector.stored[name].copy() for name in ("level", "anchor", "noise", "seen", "last")}
    missing = replace(story(kind)[50], present=np.zeros(ROWS, np.bool_), lost=np.zeros(ROWS), back=np.zeros(ROWS))
    assert run(detector, iter([missing])) == []
    for name, column in before.items():
        assert np.array_equal(detector.stored[name], column, equal_nan=True), name


@of_every_kind
def test_state_copied_in_mid_outage_continues_with_the_same_bytes(kind: Kind) -> None:
    """Columns, profiles, outages and scalars are all the state there is."""
    seen = story(kind)
    whole, _ = lived(kind, seen[: DARK + 10])
    assert ROW in whole.ongoing
    other = copied(whole)
    assert run(whole, iter(seen[DARK + 10 :])) == run(other, iter(seen[DARK + 10 :]))
    assert_same(whole, other)
    assert whole.scalars == other.scalars


@of_every_kind
def test_a_reset_row_is_new_and_the_others_are_not(kind: Kind) -> None:
    """A row that was forgotten starts again in warm-up."""
    detector, _ = lived(kind, story(kind)[:50])
    kept = {name: column[1:].copy() for name, column in detector.stored.items()}
    detector.reset(np.array([0]))
    fresh = Detector(Rule(kind, HOUR))
    fresh.grow(1)
    assert_same(detector, fresh, slice(0, 1))
    assert all(np.array_equal(detector.stored[name][1:], column, equal_nan=True) for name, column in kept.items())
    assert (detector.slots[0] == -1).all()


@of_every_kind
def test_series_that_come_later_change_nothing_of_those_before(kind: Kind) -> None:
    """Columns that grow keep what they hold."""
    seen = story(kind)
    first, other = lived(kind, seen[:50])[0], lived(kind, seen[:50])[0]
    other.grow(500)
    assert_same(other, first, slice(0, ROWS))


@of_every_kind
def test_a_feed_that_stops_leaves_no_outage_open(kind: Kind) -> None:
    """Unknown is not recovered: what was open is expired, without an end."""
    detector, _ = lived(kind, story(kind)[: DARK + 10])
    ends = detector.expire(START + (DARK + 30) * HOUR)
    assert [(change.row, change.state, change.ended_at) for change in ends] == [(ROW, "expired", None)]
    assert detector.ongoing == {}
    assert not detector.is_followed(ROW)


@pytest.mark.parametrize("view", VIEWS)
def test_every_column_says_what_it_is(view: type) -> None:
    """Each attribute has a unit and a meaning of its own, and is stored where the layout says."""
    detector = Detector(Rule("count", HOUR))
    columns = COLUMNS[view].values()
    assert all(column.unit and column.meaning for column in columns)
    assert {column.stored for column in columns} <= detector.stored.keys()
    assert len({column.meaning for column in columns}) == len(columns)


def test_modules_link_sections_that_exist() -> None:
    """Each section of the pages on detection and presence that a module names is a heading of that page."""
    root = Path(__file__).parents[3]
    sources = [path.read_text() for path in (root / "detectors/outages").glob("*.py")]
    for name in ("detection", "presence"):
        lines = (root / f"docs/{name}.md").read_text().splitlines()
        headings = {re.sub(r"[^\w -]", "", line[3:].lower()).replace(" ", "-") for line in lines if line[:3] == "## "}
        links = {link for source in sources for link in re.findall(rf"docs/{name}\.md#([\w-]+)", source)}
        assert len(links) >= 6
        assert links <= headings
