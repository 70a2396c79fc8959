"""The picture of `ebbtide explain --plot`."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import pytest

from streams.cli.main import main
from streams.config.loader import load
from streams.evaluation.explain import Question, View, explain
from streams.evaluation.plot import PlotError, render, write_plot
from tests.streams.helpers import HOUR, START, message, settings

RECORDING = Path(__file__).parents[2] / "data" / "atlas-2016-06-16"
FILE = str(RECORDING / "measurements.jsonl.gz")
ATLAS = ["--settings", str(RECORDING / "feeds.toml"), FILE]
GROUP = "{http://www.w3.org/2000/svg}g"
PATH = "{http://www.w3.org/2000/svg}path"
TEXT = "{http://www.w3.org/2000/svg}text"


@pytest.fixture(scope="module")
def views() -> Sequence[View]:
    """Return the bins around the recorded outage of AS43754."""
    rules = load(RECORDING / "feeds.toml", {})
    return explain(rules, Question("asn/43754"), [FILE], lambda: 4e9, lambda tally: None).views


def path_of(drawn: bytes, name: str) -> str:
    """Return the outline of the element of that name."""
    groups = [element for element in ElementTree.fromstring(drawn).iter(GROUP) if element.get("id") == name]
    assert len(groups) == 1, name
    return groups[0].findall(PATH)[0].get("d", "")


def bins_of(outline: str) -> int:
    """Return how many bins a line of steps shows: its horizontal pieces."""
    points = [(pen, float(x)) for pen, x in re.findall(r"([ML]) (\S+) \S+", outline)]
    return sum(pen == "L" and x != before for (_, before), (pen, x) in pairwise(points))


def test_picture_holds_the_series_and_its_outage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Measured, expected, evidence and threshold as lines of their own; the outage shaded in both panes."""
    assert main(["explain", "AS43754", "--plot", str(tmp_path / "one.svg"), *ATLAS]) == 0
    drawn = (tmp_path / "one.svg").read_bytes()
    bins = len(re.findall(r"^  2016-", capsys.readouterr().out, re.M))
    assert bins == 45
    assert bins_of(path_of(drawn, "measured-0")) == bins
    assert bins_of(path_of(drawn, "expected-0")) == bins
    assert bins_of(path_of(drawn, "evidence-0")) == bins - 20, "unknown while the outage is followed"
    assert path_of(drawn, "threshold-0")
    assert path_of(drawn, "outage-0-level-1466089500") != path_of(drawn, "outage-0-evidence-1466089500")
    words = {"".join(element.itertext()).strip() for element in ElementTree.fromstring(drawn).iter(TEXT)}
    assert {"asn/43754, feed atlas", "connected probes", "measured", "expected", "outage", "threshold 15.0"} <= words


def test_same_bins_give_the_same_bytes(views: Sequence[View], tmp_path: Path) -> None:
    """Drawn twice, with the user's own style changed in between: the same file, without a date."""
    write_plot(tmp_path / "one.svg", views, "asn/43754")
    with mpl.rc_context({"lines.linewidth": 9, "svg.fonttype": "path", "axes.facecolor": "black"}):
        write_plot(tmp_path / "two.svg", views, "asn/43754")
        assert mpl.rcParams["lines.linewidth"] == 9, "the user's style is left as it was"
    drawn = (tmp_path / "one.svg").read_bytes()
    assert drawn == (tmp_path / "two.svg").read_bytes()
    assert b"<dc:date>" not in drawn


def test_unknown_bins_are_gaps(tmp_path: Path) -> None:
    """In warm-up there is a value and no expectation: its line is empty, not at zero."""
    file = tmp_path / "new.jsonl"
    file.write_bytes(b"\n".join(message("gauge", START + hour * HOUR, value=100) for hour in range(4)))
    new = explain(settings(["gauge"]), Question("asn/1"), [str(file)], lambda: 4e9, lambda tally: None).views
    drawn = render(new, "asn/1", "svg")
    assert bins_of(path_of(drawn, "measured-0")) == len(new[0].bins) == 2
    assert bins_of(path_of(drawn, "expected-0")) == 0


def test_without_matplotlib_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line and exit code 1, before any file is read; without --plot nothing is missing."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["explain", "AS43754", "--plot", str(tmp_path / "one.svg"), *ATLAS[:2], "no such file"]) == 1
    assert capsys.readouterr().err == "ebbtide: --plot needs matplotlib: pip install 'ebbtide[plot]'\n"
    assert main(["explain", "AS43754", *ATLAS]) == 0


def test_what_cannot_be_written_or_drawn_is_named(views: Sequence[View], tmp_path: Path) -> None:
    """A folder in place of a file, and a time at which nothing closed."""
    with pytest.raises(PlotError, match="cannot be written: Is a directory"):
        write_plot(tmp_path, views, "asn/43754")
    with pytest.raises(PlotError, match="nothing to draw: asn/1 has no closed bin there"):
        write_plot(tmp_path / "one.svg", [views[0]._replace(bins=[])], "asn/1")
