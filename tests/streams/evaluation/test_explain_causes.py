"""The competing explanations in the answer of `ebbtide explain`: table, sentences, picture and JSON."""

from __future__ import annotations

import json
import re
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import orjson
import pytest

from detectors.outages.explanations import Explanations
from streams.evaluation.explain import ExplainAnswer, Question, explain, report
from streams.evaluation.explain_json import json_lines
from streams.evaluation.plot import render
from tests.detectors.series import Matrix
from tests.streams.helpers import HOUR, START, message, settings

DAY, SERIES = 24, 12
TEXT = "{http://www.w3.org/2000/svg}text"


def levels(days: int) -> Matrix:
    """Return hours from a Monday on of twelve levels with days, and quiet Saturdays and Sundays."""
    hours = np.arange(DAY * days)
    quiet = np.where(np.isin(hours // DAY % 7, (5, 6)), 0.75, 1.0)
    shape = 100 * (1 + 0.4 * np.sin(2 * np.pi * hours / DAY)) * quiet
    return shape[:, None] * (1 + 0.02 * np.random.default_rng(1).standard_normal((len(hours), SERIES)))


def holiday() -> tuple[Matrix, int]:
    """Return levels of which the first is as quiet on a Friday as on a Sunday, and an hour of that day."""
    values = levels(26)
    values[DAY * 25 :, 0] *= 0.75
    return values, DAY * 25 + 12


def clock_change() -> tuple[Matrix, int]:
    """Return levels whose pattern comes an hour late from a day on, and an hour of its morning."""
    values = levels(26)
    values[DAY * 25 :] = values[DAY * 25 - 1 : -1]
    return values, DAY * 25 + 2


def first_weekend() -> tuple[Matrix, int]:
    """Return levels of six days, and the noon of their Saturday."""
    return levels(6), DAY * 5 + 12


def feed_fault() -> tuple[Matrix, int]:
    """Return levels that all fall together."""
    values = levels(26)
    values[DAY * 25 + 5 :] *= 0.2
    return values, DAY * 25 + 6


def outage() -> tuple[Matrix, int]:
    """Return levels of which the first falls."""
    values = levels(26)
    values[DAY * 25 + 5 :, 0] *= 0.5
    return values, DAY * 25 + 6


def recurring() -> tuple[Matrix, int]:
    """Return levels of which the first loses the same five hours of each night, and an hour of the last one."""
    values = levels(26)
    for night in range(12, 26):
        values[DAY * night + 1 : DAY * night + 6, 0] *= 0.5
    return values, DAY * 25 + 2


CASES = {
    "recurring loss": recurring(),
    "clock change": clock_change(),
    "holiday": holiday(),
    "first weekend": first_weekend(),
    "feed fault": feed_fault(),
    "outage": outage(),
}


class Shown(NamedTuple):
    """What is shown of a case."""

    answer: ExplainAnswer
    question: Question
    text: str


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Shown]:
    """Return the name of a case, and the answer about the first series."""
    values, at = CASES[request.param]
    lines = [
        message(
            "gauge", START + hour * HOUR, asn + 1, value=float(values[hour, asn]), country=["KZ", "KG", "UZ"][asn % 3]
        )
        for hour in range(len(values))
        for asn in range(SERIES)
    ]
    file, question = tmp_path_factory.mktemp("case") / "measurements.jsonl", Question("asn/1", at=START + at * HOUR)
    file.write_bytes(b"\n".join(lines))
    answer = explain(settings(["gauge"]), question, [str(file)], lambda: 4e9, lambda tally: None)
    return request.param, Shown(answer, question, "\n".join(report(answer, question)))


def test_the_table_says_what_explains_the_bin(case: tuple[str, Shown]) -> None:
    """The bin asked for has a row of what each cause is worth, and ends with the cause that explains it."""
    name, shown = case
    moment = next(closed for closed in shown.answer.views[0].bins if closed.start == shown.question.at)
    row = [line for line in shown.text.splitlines() if line.startswith("    2") and line.endswith(f"  {name}")]
    assert row
    parts = moment.explanations
    assert isinstance(parts, Explanations)
    assert parts.normal > 12, "noise alone does not explain it"
    if name in ("outage", "feed fault", "recurring loss"):
        assert min(parts.normal, parts.clock or 0, parts.holiday or 0, parts.together) > 12
    else:
        cause = {"clock change": parts.clock, "holiday": parts.holiday, "first weekend": parts.weekend}[name]
        assert cause is not None
        assert cause < 2
        assert parts.together < 2
        assert f"explained by a {name}; for noise alone the evidence would reach" in shown.text


def test_a_feed_fault_says_how_much_fell(case: tuple[str, Shown]) -> None:
    """All twelve of the feed fell together, and what that is worth; in an outage one of them did."""
    name, shown = case
    assert ("12 of 12 series of the feed fell in this bin; that they fell in common" in shown.text) == (
        name == "feed fault"
    )
    assert name != "outage" or "        1 of 12  outage" in shown.text


def test_the_picture_has_the_causes(case: tuple[str, Shown]) -> None:
    """A line of evidence for each cause, named in the legend; a feed fault is shaded."""
    name, shown = case
    drawn = ElementTree.fromstring(render(shown.answer.views, "asn/1", "svg"))
    words = {"".join(element.itertext()).strip() for element in drawn.iter(TEXT)}
    assert {"only normal", "only clock change", "only holiday", "evidence"} <= words
    assert ("only first weekend" in words) == (name == "first weekend")
    assert ("feed fault" in words) == (name == "feed fault")
    identities = {element.get("id") for element in drawn.iter()}
    assert {"normal-0", "clock-0", "holiday-0"} <= identities


def test_json_has_the_same(case: tuple[str, Shown]) -> None:
    """A line a bin, with the nats of each cause, and incidents after them."""
    name, shown = case
    rows = [json.loads(line) for line in json_lines(shown.answer, shown.question)]
    bins = [row for row in rows if row["type"] == "bin"]
    assert len(bins) == len(shown.answer.views[0].bins)
    assert name in {row["explained_by"] for row in bins}
    first = next(row for row in bins if row["explained_by"] == name)
    assert set(first["explanations"]) == {
        "normal", "clock", "holiday", "weekend", "series", "together", "neighbours"
    }  # fmt: skip
    assert [row["type"] for row in rows if row not in bins] == ["incident"] * (name in ("outage", "recurring loss"))
    assert orjson.dumps(rows)


def test_tables_fit_a_page_and_no_bin_is_said_to_be_two_things(case: tuple[str, Shown]) -> None:
    """Lines of tables have 120 columns at most; a bin that a cause explains is not among those without evidence."""
    _, shown = case
    rows = [line for line in shown.text.splitlines() if line.startswith(("  ", "> "))]
    assert max(map(len, rows)) <= 120
    counted = [int(number) for number in re.findall(r"^(\d+) bins?(?: \([^)]*\))?: ", shown.text, re.M)]
    assert sum(counted) <= len(shown.answer.views[0].bins) + 1, "the bin asked for has a line of its own"


def test_what_recurs_says_why_it_alerts_nobody(case: tuple[str, Shown]) -> None:
    """The state says that it is expected, and a sentence what the days are worth."""
    name, shown = case
    expected = re.search(
        r"^No alert: (.*)\. That days are alike is worth (\S+) nats; (\S+) are enough\.$", shown.text, re.M
    )
    assert (expected is not None) == (name == "recurring loss") == ("open, expected" in shown.text)
    if expected:
        assert expected[1].endswith("from 01:00 to 06:00 UTC each day")
        assert float(expected[2]) >= float(expected[3]) == 9.3
