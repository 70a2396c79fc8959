"""What else explains a bin, and that its parts make up the evidence that decides."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.outages.explanations import Explanations
from detectors.types import Kind, Rule
from tests.detectors.series import Matrix, bins

HOUR, DAY = 3600, 24


def explained(
    values: Matrix, group: int | Matrix = 0, kind: Kind = "gauge"
) -> tuple[list[Explanations | None], Matrix]:
    """Return what explains each bin of the first row, None while an outage is followed, and its evidence."""
    detector = Detector(Rule(kind, HOUR))
    watch = detector.watch(lambda: [0] if detector.rows else [])
    found: list[Explanations | None] = []
    evidence: list[float] = []
    for seen in bins(values, HOUR, group=group):
        detector.grow(len(seen.value) - detector.rows)
        detector.close(seen)
        parts = watch.latest.get(0)
        assert parts is None or isinstance(parts, Explanations)
        found.append(parts)
        evidence.append(float(np.nan_to_num(detector.deviations().evidence[0])))
    return found, np.array(evidence)


def level(days: int, rows: int = 1, seed: int = 1) -> Matrix:
    """Return hours from a Monday on of a level with days, and quiet Saturdays and Sundays."""
    hours = np.arange(DAY * days)
    quiet = np.where(np.isin(hours // DAY % 7, (5, 6)), 0.75, 1.0)
    shape = 100 * (1 + 0.4 * np.sin(2 * np.pi * hours / DAY)) * quiet
    return shape[:, None] * (1 + 0.02 * np.random.default_rng(seed).standard_normal((len(hours), rows)))


@pytest.mark.parametrize("kind", ["gauge", "count"])
@pytest.mark.parametrize("rows", [1, 12])
def test_the_parts_make_up_the_evidence_that_decides(kind: Kind, rows: int) -> None:
    """All causes together give the decision's own evidence to the last bit, in each bin of three weeks with falls."""
    values = level(21, rows)
    values[300:303, 0] *= 0.8
    values[380:381, 0] *= 0.3
    values = np.floor(values) if kind == "count" else values
    found, evidence = explained(values, 7 if rows > 1 else 0, kind)
    both = [(parts.together, nats) for parts, nats in zip(found, evidence, strict=True) if parts]
    assert len(both) > 400
    assert all(together == nats for together, nats in both)
    assert max(nats for _, nats in both) > 2, "and some of it is not 0"


def test_watching_changes_no_state() -> None:
    """The same series watched and not: the same columns."""
    values, plain = level(16), Detector(Rule("gauge", HOUR))
    watched = Detector(Rule("gauge", HOUR))
    watched.watch(lambda: [0])
    for detector in (plain, watched):
        detector.grow(1)
        for seen in bins(values, HOUR):
            detector.close(seen)
    for name, column in plain.stored.items():
        assert np.array_equal(column, watched.stored[name], equal_nan=column.dtype.kind == "f"), name


def nats_at(values: Matrix, at: int, group: int | Matrix = 0) -> Explanations:
    """Return what explains one bin."""
    parts = explained(values[: at + 1], group)[0][at]
    assert parts is not None
    return parts


def test_a_holiday_explains_a_weekday_as_quiet_as_a_sunday() -> None:
    """Noise alone would leave hundreds of nats, a clock change as well; a holiday leaves none."""
    values = level(28)
    values[DAY * 25 : DAY * 26] *= 0.75
    parts = nats_at(values, DAY * 25 + 12)
    assert parts.normal > 20
    assert (parts.clock or 0) > 20
    assert parts.holiday is not None
    assert parts.together <= parts.holiday < 2


def test_a_clock_change_explains_a_pattern_that_comes_an_hour_late() -> None:
    """On the slope of the morning the day an hour late is explained by the clock, not by a holiday alone."""
    values = level(28)
    late = values.copy()
    late[DAY * 25 :] = values[DAY * 25 - 1 : -1]
    parts = nats_at(late, DAY * 25 + 2)
    assert parts.normal > 5
    assert parts.clock is not None
    assert parts.clock < 2


def test_a_first_weekend_explains_a_quiet_saturday() -> None:
    """A series of five days: only a weekend never seen before explains that its Saturday is quiet."""
    parts = nats_at(level(7), DAY * 5 + 12)
    assert parts.weekend is not None
    assert parts.weekend < 2
    assert parts.normal > 20
    assert nats_at(level(7), DAY * 4 + 20).weekend is None, "a Friday"


def test_neighbours_refute_a_holiday() -> None:
    """A seventh lost in the steepest hour beside eleven that do not move: the neighbours leave the causes less open."""
    values = level(14, 12)
    values[DAY * 13 + 12 :, 0] *= 0.86
    parts = nats_at(values, DAY * 13 + 14, 7)
    assert parts.series is not None
    assert parts.together > parts.series
