"""`ebbtide silence`, `ack` and `incidents note`: what they write, refuse and take back."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from schemas.remark import Remark, key
from streams.cli.ack import acknowledge
from streams.cli.incidents import note
from streams.cli.main import main
from streams.cli.silence import silence
from tests.schemas.examples import INCIDENT
from tests.streams.cli.test_outages import worker

ID, NOW = "9b5c1d27a0e4f386", 1_577_268_000.0
Written = list[tuple[Sequence[Remark], Sequence[bytes]]]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Written:
    """What is written to the topic, in a folder without settings."""
    monkeypatch.chdir(tmp_path)
    found: Written = []
    monkeypatch.setattr(
        "streams.broker.remark_topic.write", lambda kafka, remarks, removed=(): found.append((remarks, removed))
    )
    return found


def arguments(url: str, **fields: Any) -> Namespace:  # noqa: ANN401
    """Return the arguments of a command."""
    defaults = {"id": ID, "by": "noc", "because": "maintenance", "settings": None, "worker": url, "link": None}
    return Namespace(**{**defaults, "end": False, "undo": False, **fields})


def test_what_is_written(written: Written) -> None:
    """The silence ends by the clock; a note has its link; what is taken back is deleted by its key."""
    with worker(200, lambda path: INCIDENT) as url:
        silence(arguments(url, span=7200.0), NOW)
        acknowledge(arguments(url), NOW)
        note(arguments(url, text="A cable was cut", link="https://status.example/7"), NOW)
        silence(arguments(url, span=None, end=True), NOW)
        acknowledge(arguments(url, undo=True), NOW)
        note(arguments(url, text="A cable was cut", link="https://status.example/7", undo=True), NOW)
    made = [remark for remarks, _ in written for remark in remarks]
    assert [(remark.kind, remark.until, remark.text, remark.link) for remark in made] == [
        ("silence", "2019-12-25T12:00:00Z", "maintenance", None),
        ("ack", None, "maintenance", None),
        ("note", None, "A cable was cut", "https://status.example/7"),
    ]
    assert {(remark.by, remark.written_at) for remark in made} == {("noc", "2019-12-25T10:00:00Z")}
    assert [name for _, removed in written for name in removed] == [key(remark) for remark in made]


@pytest.mark.parametrize(
    "words",
    [
        ["silence", ID],
        ["silence", ID, "2h", "--end"],
        ["silence", ID, "2 moons"],
        ["silence", ID, "900d"],
        ["silence", "nothing", "2h"],
        ["ack", "nothing"],
        ["ack", ID, "--because", "x" * 501],
        ["ack", ID, "--by", "a\nb"],
        ["incidents", "note", ID],
        ["incidents", "note", ID, "text", "--link", "javascript:alert(1)"],
    ],
)
def test_wrong_use(words: list[str], written: Written) -> None:
    """Exit code 2, and nothing is written."""
    with worker(200, lambda path: INCIDENT) as url:
        assert code_of([*words, "--worker", url]) == 2
    assert written == []


def code_of(words: list[str]) -> object:
    """Return the exit code of a command, also when its arguments cannot be read."""
    try:
        return main(words)
    except SystemExit as stop:
        return stop.code


def test_an_incident_that_the_worker_does_not_have(written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    """A slip of a finger is an error. Without a worker the command works, and says what it did not check."""
    with worker(404, lambda path: b"{}") as url:
        assert main(["ack", ID, "--worker", url]) == 2
        assert written == []
    assert main(["ack", ID, "--worker", url]) == 0
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"ebbtide: the worker at {url} has no incident {ID}"
    assert second.endswith(f"so whether there is an incident {ID} was not checked")
    assert len(written) == 1


@pytest.mark.parametrize(
    ("fields", "ends"),
    [
        ({"state": "ended"}, "is ended: nothing more is sent of it"),
        ({"state": "retracted"}, "is retracted: nothing more is sent of it"),
        ({"state": "ended", "merged_into": "0" * 16}, f"is in {'0' * 16}: give that"),
    ],
)
def test_an_incident_that_is_over(
    fields: dict[str, str], ends: str, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is neither silenced nor acknowledged: nothing is sent of it. A note is taken, and so is what takes back."""
    with worker(200, lambda path: json.dumps(json.loads(INCIDENT) | fields).encode()) as url:
        for words in (["silence", ID, "2h"], ["ack", ID]):
            assert main([*words, "--worker", url]) == 1
            assert capsys.readouterr() == ("", f"ebbtide: incident {ID} {ends}\n")
        assert written == []
        for words in (["silence", ID, "--end"], ["ack", ID, "--undo"], ["incidents", "note", ID, "A cable"]):
            assert main([*words, "--worker", url]) == 0
    assert len(written) == 3


def test_json_has_what_operators_say(capsys: pytest.CaptureFixture[str]) -> None:
    """Each incident has its own remarks, or none."""
    said = {"schema": 1, "incident_id": ID, "kind": "ack", "by": "noc", "text": "", "link": None}
    said |= {"written_at": "2019-12-25T10:00:00Z", "until": None}
    both = [json.loads(INCIDENT), json.loads(INCIDENT) | {"incident_id": "0" * 16}]
    page = {"incidents": both, "next": None, "warnings": [], "remarks": [said]}
    with worker(200, lambda path: json.dumps(page).encode()) as url:
        assert main(["incidents", "--json", "--worker", url]) == 0
    found = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert found == [both[0] | {"remarks": [said]}, both[1] | {"remarks": []}]


def test_incidents_shows_what_operators_say(capsys: pytest.CaptureFixture[str]) -> None:
    """Below the incident, a line each."""
    said = {"schema": 1, "incident_id": ID, "kind": "silence", "by": "noc", "text": "maintenance", "link": None}
    said |= {"written_at": "2019-12-25T10:00:00Z", "until": "2019-12-25T12:00:00Z"}
    page = {"incidents": [json.loads(INCIDENT)], "next": None, "warnings": [], "remarks": [said]}
    with worker(200, lambda path: json.dumps(page).encode()) as url:
        assert main(["incidents", "--worker", url]) == 0
    assert capsys.readouterr().out.splitlines()[-1].strip() == "silence until 2019-12-25 12:00 by noc: maintenance"
