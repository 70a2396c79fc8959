"""The competing explanations of lost members in the answer of `ebbtide explain`: table, sentences, picture and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import pytest

from detectors.outages.detector import Detector
from detectors.outages.explanations import MemberExplanations
from detectors.types import Rule
from streams.evaluation.explain import ExplainAnswer, Question, explain, report
from streams.evaluation.explain_clock import clock
from streams.evaluation.explain_json import json_lines
from streams.evaluation.plot import render
from tests.detectors.series import members, run
from tests.streams.helpers import START, message, settings

WIDTH, NETWORKS, MEMBERS, QUIET = 300, 20, 20, 300
AT = START + QUIET * WIDTH  # the bin in which members are lost


class Case(NamedTuple):
    """How many members of network 1 are lost, and of each other; what explains it, and the bins they stay away."""

    own: int
    others: int
    explained: str
    bins: int = 12


CASES = (
    Case(20, 0, "outage"),
    Case(8, 5, "others lose too"),
    Case(4, 0, "in doubt", 1),
)


def churn(bin_: int, network: int) -> tuple[int, int]:
    """Return the member that is lost in a bin and is back in the next, each for itself, and which comes back."""
    return (7 * bin_ + 3 * network) % MEMBERS, (7 * (bin_ - 1) + 3 * network) % MEMBERS


def lines(case: Case) -> list[bytes]:
    """Members that go and come one at a time in a tenth of the bins; then what the case says."""
    found = []
    for network in range(1, NETWORKS + 1):
        found += [(START, network, member, True) for member in range(MEMBERS)]
        for bin_ in range(1, QUIET):
            lost, back = churn(bin_, network)
            if (bin_ + network) % 10 == 0:
                found.append((START + bin_ * WIDTH + 10, network, lost, False))
            if (bin_ + network) % 10 == 1 and bin_ > 1:
                found.append((START + bin_ * WIDTH + 10, network, back, True))
        count = case.own if network == 1 else case.others
        found += [(AT + 60, network, member, False) for member in range(count)]
        found += [(AT + 60 + case.bins * WIDTH, network, member, True) for member in range(count)]
        found += [(AT + bin_ * WIDTH, network, MEMBERS - 1, True) for bin_ in range(25)]
    found.sort()
    return [message("presence", at, network, member=f"m{member}", up=up) for at, network, member, up in found]


def answered(case: Case, folder: Path) -> tuple[ExplainAnswer, Question]:
    """Return the answer about network 1 at the bin of the losses."""
    file, question = folder / "measurements.jsonl", Question("asn/1", at=AT)
    file.write_bytes(b"\n".join(lines(case)))
    return explain(settings(["presence"], WIDTH), question, [str(file)], lambda: 4e9, lambda tally: None), question


@pytest.mark.parametrize("case", CASES, ids=[case.explained for case in CASES])
def test_what_explains_lost_members(case: Case, tmp_path: Path) -> None:
    """A network that goes alone, one of many that lose members together, and a loss that is not enough."""
    answer, question = answered(case, tmp_path)
    text = "\n".join(report(answer, question))
    moment = next(closed for closed in answer.views[0].bins if closed.start == AT)
    parts = moment.explanations
    assert isinstance(parts, MemberExplanations)
    assert parts.normal > 2, "that each goes for itself does not explain it"
    assert parts.normal >= parts.joint >= parts.shake
    assert parts.together == moment.evidence
    row = next(line for line in text.splitlines() if line.startswith(f"    {clock(AT)}"))
    assert f"{parts.normal:.2f}" in row
    assert row.endswith(f"  {case.explained}")
    assert "usual joint losses  others lose too  stay away  evidence" in text
    assert "Other explanations of what was just lost" in text, "members that stay away may be another test's"
    sentence = "explained by what other networks of the feed lose as well; for noise alone the evidence would reach"
    assert (sentence in text) == (case.others > 0)


def test_picture_and_json_have_the_same(tmp_path: Path) -> None:
    """A line a cause in the picture; in JSON the nats of each."""
    answer, question = answered(CASES[1], tmp_path)
    drawn = ElementTree.fromstring(render(answer.views, "asn/1", "svg"))
    assert {"normal-0", "joint-0", "shake-0"} <= {element.get("id") for element in drawn.iter()}
    bins = [row for row in map(json.loads, json_lines(answer, question)) if row["type"] == "bin"]
    moment = next(row for row in bins if row["explained_by"] == "others lose too")
    assert set(moment["explanations"]) == {"normal", "joint", "shake", "away", "together"}


def test_watching_changes_no_state() -> None:
    """The same network watched and not, with losses, returns and an outage: the same columns."""
    up = np.random.default_rng(3).random((600, 30)) > 0.02
    up[300:303, :12], up[400:500, :25] = False, False
    detectors = [Detector(Rule("presence", WIDTH)) for _ in range(2)]
    watch = detectors[0].watch(lambda: [0])
    followed = [run(detector, members(up, WIDTH)) for detector in detectors]
    assert followed[0] == followed[1]
    assert any(change.state == "open" for change in followed[0])
    assert all(column.tobytes() == detectors[1].stored[name].tobytes() for name, column in detectors[0].stored.items())
    assert watch.latest
