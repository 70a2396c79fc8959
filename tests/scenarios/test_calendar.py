"""A situation that was announced: it is recorded, and suppressed for as long as the announcement goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.cli import main
from streams.evaluation.simulate.situations import SCENARIOS

ENTRY = """
[[calendar]]
starts = 2017-07-01T00:00:00Z
ends = 2017-08-01T00:00:00Z
entities = ["country/KZ"]
facets = { access = "mobile" }
note = "unregistered phones are blocked from this day"
"""


def test_phones_that_are_blocked_on_an_announced_day(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kazakhstan, July 2017: incidents from the first step on, none of which pages before the entry is over."""
    whole = SCENARIOS["kazakhstan-phones-2017"]
    monkeypatch.setitem(SCENARIOS, whole.name, whole._replace(feeds=whole.feeds[:2], end="2017-08-02T00:00:00Z"))
    assert main.main(["simulate", "kazakhstan-phones-2017", "--output", str(tmp_path)]) == 0
    settings = tmp_path / "feeds.toml"
    settings.write_text(settings.read_text() + ENTRY)
    capsysbinary.readouterr()
    files = [str(tmp_path / "measurements.jsonl.gz")]
    assert main.main(["detect", "--incidents", "--settings", str(settings), *files]) == 0
    revisions = list(map(json.loads, capsysbinary.readouterr().out.splitlines()))
    july = [revision for revision in revisions if revision["updated_at"] < "2017-08-01T00:00:00Z"]
    assert {asn for revision in july for asn in revision["scope"]["asns"]} == {21299, 29355, 48503}
    assert min(revision["started_at"] for revision in july) == "2017-06-30T18:00:00Z"
    assert all(revision["suppressed_by"] for revision in july)
    assert all(
        revision["headline"].endswith("; expected: unregistered phones are blocked from this day.") for revision in july
    )
    last = {revision["incident_id"]: revision for revision in revisions if revision["merged_into"] is None}
    assert {(revision["state"], revision["suppressed_by"]) for revision in last.values()} == {("ongoing", None)}
    assert {revision["updated_at"] for revision in last.values()} == {"2017-08-01T03:00:00Z"}
