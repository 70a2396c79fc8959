"""Charts: positions of lines, gaps, sums of series, and equal bytes for equal bins."""

from __future__ import annotations

import doctest
import re
from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.ingest.series_index import Series
from streams.worker.web import formatting, query
from streams.worker.web.axes import level_marks, time_marks
from streams.worker.web.bins import Bands, bands, total
from streams.worker.web.recent_bins import SeriesHistory
from streams.worker.web.sparkline import LARGE, SMALL, ChartData, sparkline

NONE = float("nan")
LEVELS = st.lists(st.one_of(st.just(NONE), st.floats(0, 1e12)), min_size=4, max_size=40)


def course(value: Sequence[float], expected: Sequence[float], since: float | None = None) -> ChartData:
    """Return bins of a minute with a band of one to each side."""
    middle = np.array(expected, dtype=np.float64)
    shown = Bands(np.array(value, dtype=np.float64), middle, np.maximum(middle - 1, 0), middle + 1)
    return ChartData([60 * at for at in range(len(value))], 60, shown, since)


def paths(of: ChartData) -> dict[str, str]:
    """Return the commands of each path by its class."""
    root = ElementTree.fromstring(str(sparkline(of, "text")))
    return {path.attrib["class"]: path.attrib["d"] for path in root.iter("path")}


def points(commands: str) -> list[tuple[int, int]]:
    """Return the points of a path."""
    return [(int(x), int(y)) for x, y in re.findall(r"(-?\d+) (-?\d+)", commands)]


def test_lines_are_where_the_levels_are() -> None:
    """Zero lies at the bottom, the highest level at the top, the first bin at the left, the last at the right."""
    drawn = paths(course([9, 9, 0, 0], [9, 9, 9, 9], since=120))
    assert points(drawn["measured"]) == [(0, 6), (90, 6), (150, 46), (240, 46)]
    assert points(drawn["expected"]) == [(0, 6), (240, 6)]
    assert points(drawn["band"]) == [(0, 2), (240, 2), (240, 11), (0, 11)]
    assert points(drawn["lost"]) == [(120, 6), (240, 6), (240, 46), (120, 46)]
    assert drawn["since"] == "M120 0V48"


def test_unknown_levels_leave_gaps() -> None:
    """A line is cut there, a single bin is drawn with its width, and no path is drawn without levels."""
    drawn = paths(course([1, NONE, 1, NONE], [NONE, NONE, NONE, NONE]))
    assert drawn["measured"] == "M0 2L60 2M120 2L180 2"
    assert set(drawn) == {"measured"}
    assert paths(course([NONE] * 4, [NONE] * 4)) == {}


def test_only_what_is_below_expected_in_the_outage_is_lost() -> None:
    """Bins below before the outage are not lost, nor bins above."""
    assert "lost" not in paths(course([1, 9, 9, 9], [9, 9, 9, 9], since=60))
    assert paths(course([1, 1, 9, 9], [9, 9, 9, 9], since=60))["lost"].count("M") == 1


def test_earlier_outages_are_shaded_without_a_mark() -> None:
    """What was lost in each of them, up to its end."""
    earlier = course([1, 9, 1, 1], [9, 9, 9, 9])._replace(earlier=[(0.0, 60.0), (120.0, 180.0)])
    drawn = paths(earlier)
    assert "since" not in drawn
    assert [points(part)[0] for part in drawn["lost"].split("z")[:-1]] == [(0, 6), (120, 6)]


def test_a_large_chart_has_lines_at_the_marks_of_its_axes() -> None:
    """At zero and at round levels across, at round times up; a small one has none."""
    of = ChartData([600 * at for at in range(36)], 600, course([50] * 36, [50] * 36).bands)
    root = ElementTree.fromstring(str(sparkline(of, "text", LARGE)))
    (grid,) = [path.attrib["d"] for path in root.iter("path") if path.attrib["class"] == "grid"]
    assert len(re.findall(r"M0 \d+H720", grid)) == len(level_marks(51))
    assert len(re.findall(r"M\d+ 0V180", grid)) == len(time_marks(0, 36 * 600)) == 5
    assert "grid" not in paths(of)


@given(LEVELS, st.integers(-100, 3000))
def test_no_point_lies_outside(levels: list[float], since: int) -> None:
    """Whatever the levels, lines stay within the view box, and equal bins give equal bytes."""
    of = course(levels, [*levels[1:], 5.0], since)
    for commands in paths(of).values():
        assert all(0 <= x <= SMALL.width and 0 <= y <= SMALL.height for x, y in points(commands))
    assert sparkline(of, "text") == sparkline(of, "text")


def history(starts: list[int], shown: list[tuple[float, float, float]]) -> SeriesHistory:
    """Return bins of a series."""
    return SeriesHistory("feed", Series("asn/1", (), None, None), 60, starts, np.array(shown, dtype=np.float32))


def test_series_are_summed_where_all_levels_are_finite() -> None:
    """Levels add up, spreads as those of independent numbers; a ratio's are averaged; what one lacks is left out."""
    first = history([0, 60, 120], [(1, 2, 3), (1, 2, 3), (NONE, 2, 3)])
    second = history([60, 120], [(10, 20, 4), (NONE, NONE, NONE)])
    summed = total([first, second], "gauge")
    assert summed.starts == [60]
    np.testing.assert_allclose(summed.levels, [(11, 22, 5)])
    many = total([first, *[second] * 10], "gauge")
    np.testing.assert_allclose(many.levels[0], (101, 202, (9 + 160) ** 0.5), rtol=1e-6)
    np.testing.assert_allclose(total([first] * 3, "gauge").levels[0], (3, 6, 27**0.5), rtol=1e-6)
    np.testing.assert_allclose(total([first, second], "ratio").levels[0], (5.5, 11, 2.5))


def test_a_band_has_bounds() -> None:
    """No level is below zero, and no share of a ratio past one."""
    found = bands(history([0], [(0.9, 0.9, 0.4)]), "ratio")
    assert (found.low[0], found.high[0]) == (0, 1)
    assert bands(history([0], [(0.9, 0.9, 0.4)]), "gauge").high[0] > 2


def test_examples_in_docstrings_hold() -> None:
    """The examples of the functions that format values and read queries."""
    for module in (formatting, query):
        assert doctest.testmod(module).failed == 0
        assert doctest.testmod(module).attempted > 0
