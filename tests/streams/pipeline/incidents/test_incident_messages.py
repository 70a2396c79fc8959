"""From the outages of a shard to incidents by `detect --incidents`: scopes, order, names and scores."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from schemas.incident import decode_incident
from streams.cli import main
from tests.streams.finding_helpers import DARK, FEEDS, HOUR, START

NAMES = "entity,name,operator\nasn/1,Alpha,One\nasn/2,Beta,\ncountry/XX,,\n"


def measured() -> list[dict[str, Any]]:
    """Four days of ten networks of one country in two feeds; five of them fall, of which one keeps its routes."""
    lines = []
    for hour in range(96):
        for asn in range(1, 11):
            is_dark = DARK.get(asn, 999) <= hour < DARK.get(asn, 999) + 10
            network = {"asn": asn, "country": "AZ"}
            at = START + hour * HOUR + asn
            if not is_dark:
                lines.append({"feed": "ping", "ts": at, **network, "value": 400 + hour * 7 % 5})
            gone = is_dark and asn != 5
            lines += [{"feed": "routes", "ts": at + n, **network, "value": 0 if gone else 50} for n in (0, 1200, 2400)]
    return sorted(lines, key=lambda measurement: measurement["ts"])


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A case of these measurements, and the truth beside it."""
    lines = "\n".join(map(json.dumps, measured()))
    (tmp_path / "measurements.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "feeds.toml").write_text(FEEDS)
    (tmp_path / "names.csv").write_text(NAMES)
    truth = {"scope": {"countries": ["AZ"], "regions": [], "asns": [1, 2, 3, 4, 5]}, "kinds": ["total"]}
    times = {"feeds": ["ping"], "started_at": "2020-01-03T12:00:00Z", "ended_at": "2020-01-04T00:00:00Z"}
    (tmp_path / "truth.jsonl").write_text(json.dumps(truth | times) + "\n")
    return tmp_path


def detect(case: Path, capsysbinary: pytest.CaptureFixture[bytes], *more: str) -> list[bytes]:
    """Return the lines that `ebbtide detect --incidents` prints."""
    arguments = ["--settings", str(case / "feeds.toml"), "--incidents", *more, str(case / "measurements.jsonl.gz")]
    assert main.main(["detect", *arguments]) == 0
    return capsysbinary.readouterr().out.splitlines()


def test_networks_of_a_country_in_two_feeds_are_one_incident(
    case: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Outages of two feeds with other bins end in one incident, in the order of event time, from start to end."""
    revisions = [decode_incident(line) for line in detect(case, capsysbinary)]
    own = [revision for revision in revisions if revision.incident_id == revisions[0].incident_id]
    assert [revision.updated_at for revision in revisions] == sorted(revision.updated_at for revision in revisions)
    assert {revision.merged_into for revision in revisions if revision.incident_id != revisions[0].incident_id} <= {
        None,
        own[0].incident_id,
    }
    last = own[-1]
    assert (last.state, last.scope.asns, last.scope.countries) == ("ended", [1, 2, 3, 4, 5], ["AZ"])
    assert (last.started_at, last.ended_at) == ("2020-01-03T12:00:00Z", "2020-01-04T00:00:00Z")
    assert last.confidence.seen_by == ["ping", "routes"]
    assert last.affected_share == pytest.approx(0.5, abs=0.02)
    assert "Azerbaijan" in last.headline


def test_the_same_file_gives_the_same_bytes(case: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """A replay repeats every revision, byte by byte."""
    assert detect(case, capsysbinary) == detect(case, capsysbinary)


def test_names_are_read_from_a_file(case: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """A network is called by its name in the headline."""
    first = decode_incident(detect(case, capsysbinary, "--names", str(case / "names.csv"))[0])
    assert first.headline.startswith("The Internet is down in AS2 (Beta), Azerbaijan")


@pytest.mark.parametrize(
    ("names", "error"),
    [("number,name\n1,a\n", "needs the column entity or asn"), (None, "cannot be read"), ("entity,name\n\xff", "")],
)
def test_a_bad_file_of_names_is_an_error(
    case: Path, capsys: pytest.CaptureFixture[str], names: str | None, error: str
) -> None:
    """It is one line that names the file."""
    file = case / "other.csv"
    if names is not None:
        file.write_bytes(names.encode("latin-1"))
    assert main.main(["detect", "--settings", str(case / "feeds.toml"), "--incidents", "--names", str(file), "-"]) == 1
    said = capsys.readouterr().err
    assert "other.csv" in said
    assert error in said


def test_incidents_are_scored_against_the_truth(case: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Found, whole, of the right kind and scope; the start to the second."""
    (case / "incidents.jsonl").write_bytes(b"\n".join(detect(case, capsysbinary)))
    assert main.main(["score", "--incidents", str(case), str(case / "incidents.jsonl")]) == 0
    figures = json.loads(capsysbinary.readouterr().out)
    assert (figures["truths"], figures["found"], figures["kinds_right"], figures["overlap"]) == (1, 1, 1, 1.0)
    assert (figures["split"], figures["merged"], figures["false"]) == (0, 0, 0)
    assert (figures["start_error"], figures["end_error"], figures["missed"]) == (0.0, 0.0, [])


@pytest.mark.parametrize(
    ("truth", "events", "code", "error"),
    [("{}\n", "", 1, "truth.jsonl:1: "), ("", "{}\n", 1, "events:1: "), ("", None, 2, "CASE and EVENTS")],
)
def test_what_cannot_be_scored(
    case: Path, capsys: pytest.CaptureFixture[str], truth: str, events: str | None, code: int, error: str
) -> None:
    """Errors name the file and line."""
    (case / "truth.jsonl").write_text(truth)
    (case / "events").write_text(events or "")
    files = [str(case)] + ([str(case / "events")] if events is not None else [])
    assert main.main(["score", "--incidents", *files]) == code
    assert error in capsys.readouterr().err
