"""`ebbtide score`: cases and events from files, figures and errors on the terminal."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from streams.cli import main
from streams.config.errors import InputError
from streams.evaluation import cases

HEAD = "entity,start,end,kind,feed,confidence\n"
LABELS = HEAD + (
    "asn/1,2020-01-01T10:00:00Z,2020-01-01T12:00:00Z,cable,*,published-label\n"
    "asn/2,2020-01-01T10:00:00Z,2020-01-01T12:00:00Z,cable,*,\n"
)
FEEDS = '[feeds.ping]\nsignal = "active-probing"\nkind = "count"\nbin = "1h"\nlateness = "0s"\n'
MIDNIGHT = 1_577_836_800  # 2020-01-01


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A case of two networks over three days: the first is dark on the second day from ten to noon."""
    folder = tmp_path / "made-up"
    folder.mkdir()
    hours = range(-48, 24)
    lines = [
        {"feed": "ping", "ts": MIDNIGHT + hour * 3600, "asn": asn, "value": 100 + hour % 3}
        for hour in hours
        for asn in (1, 2)
        if not (asn == 1 and hour in (10, 11))
    ]
    (folder / "measurements.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    (folder / "labels.csv").write_text(LABELS)
    (folder / "feeds.toml").write_text(FEEDS)
    return folder


def event(**fields: object) -> dict[str, Any]:
    """A revision of an outage on the label of the first network."""
    event = {
        "outage_id": "x",
        "entity": "asn/1",
        "feed": "ping",
        "state": "closed",
        "started_at": "2020-01-01T10:00:00Z",
    }
    return event | {"detected_at": "2020-01-01T10:05:00Z", "ended_at": "2020-01-01T12:10:00Z"} | fields


def scored(case: Path, events: list[dict[str, Any]], capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    """Return what `ebbtide score` says of these events."""
    file = case.parent / "events.jsonl"
    file.write_text("\n".join(map(json.dumps, events)))
    assert main.main(["score", str(case), str(file), *more]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_figures(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One label hit, one missed, one false alarm in six entity-days less an hour each."""
    false = event(outage_id="y", started_at="2020-01-01T20:00:00Z", ended_at=None)
    assert scored(case, [event(), false], capsys) == {
        "case": "made-up",
        "labels": 2,
        "hits": 1,
        "pieces": 1.0,
        "false": 1,
        "false_per_100_entity_days": 16.9,
        "median_delay_s": 300.0,
        "median_start_error_s": 0.0,
        "median_end_error_s": 600.0,
        "missed": [["asn/2", "2020-01-01T10:00:00Z"]],
    }


def test_last_revision_counts(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An outage is what its last line says, wherever its other lines stand."""
    first = event(state="open", ended_at=None, started_at="2020-01-01T10:30:00Z")
    assert scored(case, [first, event()], capsys)["median_start_error_s"] == 0.0
    assert scored(case, [event(), first], capsys)["median_start_error_s"] == 1800.0


@pytest.mark.parametrize("state", ["suspected", "retracted"])
def test_what_was_withdrawn_is_no_alarm(case: Path, capsys: pytest.CaptureFixture[str], state: str) -> None:
    """A suspicion and a retracted outage neither hit nor harm."""
    figures = scored(case, [event(state="open"), event(state=state)], capsys)
    assert (figures["hits"], figures["false"]) == (0, 0)


def test_open_end_is_null(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON has no infinity: an alarm without an end has none."""
    assert scored(case, [event(state="open", ended_at=None)], capsys)["median_end_error_s"] is None


def test_events_of_others(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unix seconds, unknown fields, and no feed, state or detection: it can still be scored."""
    bare = {"outage_id": 7 * "z", "entity": "asn/1", "started_at": MIDNIGHT + 36_000.5, "ended_at": None, "who": 1}
    figures = scored(case, [bare], capsys)
    assert (figures["hits"], figures["pieces"], figures["median_delay_s"]) == (1, 1.0, None)
    assert figures["median_start_error_s"] == 0.5


def test_slack(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An hour after the label: false with the usual slack, a hit with two hours."""
    late = event(started_at="2020-01-01T13:00:00Z", ended_at="2020-01-01T14:00:00Z")
    assert scored(case, [late], capsys)["hits"] == 0
    assert scored(case, [late], capsys, "--slack", "7200")["hits"] == 1


def test_cases(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The pipeline runs on each case of a folder: the dark hours are found, at the end of the first."""
    assert main.main(["score", "--cases", str(case.parent)]) == 0
    head, line, row = capsys.readouterr().out.splitlines()
    assert head.startswith("| case | rule | labels | hits |")
    assert set(line) <= set("|-:")
    assert row == "| made-up | ebbtide | 2 | 1 | 1.00 | 0 | 0.00 | 3600 | 0 | 0 |"


def test_a_case_is_a_folder_of_cases(case: Path) -> None:
    """A folder that is a case stands for itself; one without any is an error that says so."""
    assert cases.find(case) == [case]
    empty = case / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="no case here"):
        cases.find(empty)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (HEAD + "asn/1,2020-01-01T10:00:00Z,soon,cable,*,\n", "labels.csv:2: end: not an RFC 3339 time"),
        (HEAD + "asn/1,2020-01-01T10:00:00Z\n", "labels.csv:2: end: is missing"),
        ("start,end\n1,2\n", "labels.csv:2: entity: is missing"),
        (HEAD.encode() + b"\xff,,,,,\n", "is not a table"),
    ],
)
def test_bad_labels(case: Path, labels: str | bytes, words: str) -> None:
    """What is wrong with labels is told with file, line and column."""
    (case / "labels.csv").write_bytes(labels.encode() if isinstance(labels, str) else labels)
    with pytest.raises(InputError, match=words):
        cases.read(case)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"outage_id": "x"}', "events.jsonl:1: Object missing required field `entity`"),
        ("{", "events.jsonl:1: Input data was truncated"),
        (json.dumps(event(ended_at="noon")), "events.jsonl:1: not an RFC 3339 time"),
        (json.dumps(event(started_at=None)), "got `null` - at `$.started_at`"),
    ],
)
def test_bad_events(case: Path, line: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong with events is told with the file and which one it is; the command has failed."""
    (case / "events.jsonl").write_text(line)
    assert main.main(["score", str(case), str(case / "events.jsonl")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("ebbtide: ")
    assert words in error


def test_bad_recording(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first message that is no measurement is shown with file and line; without any measurement both ways fail."""
    file, events = case / "measurements.jsonl.gz", case / "events.jsonl"
    events.write_text(json.dumps(event()))
    ways = ["score", str(case), str(events)], ["score", "--cases", str(case)]
    good = gzip.decompress(file.read_bytes())
    first, rest = good.split(b"\n", 1)
    file.write_bytes(gzip.compress(b"\n".join([first, b"nonsense", rest])))
    for way in ways:
        assert main.main(way) == 0
        assert capsys.readouterr().err.startswith(f"ebbtide: {file}:2: not-json: ")
    file.write_bytes(b"\nnonsense\n")
    for way in ways:
        assert main.main(way) == 1
        place, last = capsys.readouterr().err.splitlines()
        assert place.startswith(f"ebbtide: {file}:2: not-json: ")
        assert last == f"ebbtide: {file}: no measurement was usable"


@pytest.mark.parametrize("arguments", [[], ["a"], ["a", "b", "--cases", "c"]])
def test_wrong_use(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Neither or both of the two ways is wrong use."""
    assert main.main(["score", *arguments]) == 2
    assert capsys.readouterr().err == "ebbtide: score needs CASE and EVENTS, or --cases FOLDER\n"


def test_files_that_are_not_there(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without labels and a missing file of events are one line each."""
    (case / "labels.csv").rename(case / "other.csv")
    (case / "events.jsonl").write_text("")
    assert main.main(["score", str(case), str(case / "events.jsonl")]) == 1
    assert "labels.csv: cannot be read" in capsys.readouterr().err
    assert main.main(["score", str(case), str(case / "none.jsonl")]) == 1
    assert "none.jsonl: cannot be read" in capsys.readouterr().err
