"""`ebbtide incidents`: what a running worker says, as lines and as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.cli.incidents import HEADER
from streams.cli.main import main
from tests.schemas.examples import INCIDENT
from tests.streams.cli.test_outages import worker

OPEN: dict[str, Any] = json.loads(INCIDENT)
OVER = {**OPEN, "incident_id": "0" * 16, "state": "ended", "ended_at": "2019-12-25T12:00:00Z"}


def test_a_line_says_state_severity_since_when_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --all, an incident that is over is left out; a headline's control codes do not reach the terminal."""
    odd = {**OPEN, "headline": f"{OPEN['headline']}\x1b[2J"}
    with worker(200, json.dumps({"incidents": [odd, OVER]}).encode()) as url:
        assert main(["incidents", "--worker", url]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head == HEADER
    assert row == f"spreading   major     2019-12-25 05:00  {OPEN['headline']}\\x1b[2J"


def test_json_lines_are_the_messages(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json and --all, each line is an incident as it stands in the topic, from all pages, each once."""
    pages = {
        "/api/v1/incidents?limit=1000": {"incidents": [OPEN], "next": "?cursor=2"},
        "/api/v1/incidents?cursor=2": {"incidents": [OPEN, OVER], "next": None},
    }
    with worker(200, lambda path: json.dumps(pages[path]).encode()) as url:
        assert main(["incidents", "--worker", url, "--json", "--all"]) == 0
    assert [json.loads(text) for text in capsys.readouterr().out.splitlines()] == [
        {**shown, "remarks": []} for shown in (OPEN, OVER)
    ]


def test_another_server_is_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever answers otherwise is no worker of this version: one line."""
    with worker(200, b'{"incidents": [{}]}') as url:
        assert main(["incidents", "--worker", url]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{url}: does not answer as a worker of this version" in line
