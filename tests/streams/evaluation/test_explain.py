"""`ebbtide explain`: on the shipped recording, on made-up series, and asked of a worker."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from detectors.outages.time_scales import TimeScales
from detectors.types import Change
from schemas.outage import encode
from streams.cli.main import main
from streams.config.loader import load
from streams.config.settings import Settings
from streams.evaluation.bin_history import HistoryRecorder
from streams.evaluation.detect import detect
from streams.evaluation.explain import ExplainAnswer, Question, View, _around, explain, report
from streams.pipeline.process import Tally
from streams.pipeline.shard import Shard
from tests.streams.cli.test_outages import CLOSED, OUTAGE, worker
from tests.streams.helpers import DAY, HOUR, START, message, settings

RECORDING = Path(__file__).parents[2] / "data" / "atlas-2016-06-16"
FILE = str(RECORDING / "measurements.jsonl.gz")
ATLAS = ["--settings", str(RECORDING / "feeds.toml"), FILE]
LATER = 4e9


def ask(tmp_path: Path, rules: Settings, lines: Iterable[bytes], question: Question) -> list[View]:
    """Return the views of made-up measurements."""
    file = tmp_path / "measurements.jsonl"
    file.write_bytes(b"\n".join(lines))
    return explain(rules, question, [str(file)], lambda: LATER, lambda tally: None).views


def text_of(views: list[View], question: Question) -> str:
    """Return the answer as one text."""
    return "\n".join(report(ExplainAnswer(views, []), question))


def gauge(hours: int, level: Callable[[int], float | None], series: int = 1) -> Iterable[bytes]:
    """Yield hourly levels of some networks, with a little noise, and an hour more so that the last one closes.

    Two networks: the second stays at 500. More: all follow `level`. None: nothing is sent.
    """
    for hour in range(hours + 1):
        for asn in range(1, series + 1):
            value = 500.0 if (asn, series) == (2, 2) else level(hour)
            if value is not None:
                yield message("gauge", START + hour * HOUR, asn, value=value * asn + (hour * 7 + asn) % 5)


def row_of(text: str, clock: str) -> list[str]:
    """Return the cells of a bin's row: value, expected, spread, evidence, threshold, state."""
    line = next(line for line in text.splitlines() if line[2:].startswith(clock) and line[2:].count("  ") > 4)
    return line[2 + len(clock) :].split()


def test_recorded_outage_is_shown_bin_by_bin(capsys: pytest.CaptureFixture[str]) -> None:
    """AS43754 at 15:05: nobody of nine is up, the evidence is above the threshold, and that is said in words."""
    assert main(["explain", "AS43754", "--feed", "atlas", "--at", "2016-06-16 15:05", "--bins", "3", *ATLAS]) == 0
    shown = capsys.readouterr()
    value, expected, _, evidence, threshold, state = row_of(shown.out, "2016-06-16 15:05")
    assert (float(value), float(expected), state) == (0, 9, "open")
    assert float(evidence) > float(threshold) > 10
    assert "> 2016-06-16 15:05" in shown.out
    assert f"2016-06-16 15:05: evidence is {evidence} nats, above the threshold of {threshold} nats." in shown.out
    assert "2016-06-16 15:10 open (revision 1, since 2016-06-16 15:05)" in shown.out
    assert shown.out.count("\n  2016") + shown.out.count("\n> 2016") == 7, "three bins before and after"
    assert "10,550 measurements in · 0 dead" in shown.err


def test_newest_outage_is_shown_without_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    """The bins from before the outage to after its end; while it lasts, evidence is unknown and shown so."""
    assert main(["explain", "asn/43754", *ATLAS]) == 0
    text = capsys.readouterr().out
    assert row_of(text, "2016-06-16 14:05")[-1] == "-"
    assert row_of(text, "2016-06-16 15:30")[3:] == ["-", "14.97", "open"]
    assert row_of(text, "2016-06-16 16:45")[-1] == "closed"
    assert "closed (revision 3, since 2016-06-16 15:05 until 2016-06-16 16:45)" in text
    assert (
        "an outage is open and ends when four fifths of the members are up; "
        "evidence of a new fall is collected after its end" in text
    )
    assert "The expected value rose: members not seen before reported" in text


def test_suspicion_says_how_much_evidence_was_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """AS3215 loses 20 of 30 members for a moment: a suspicion, below the threshold, which nothing opened."""
    assert main(["explain", "AS3215", "--at", "2016-06-16T04:15:00Z", "--bins", "1", *ATLAS]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^2016-06-16 04:15: evidence is 12\.97 nats, below the threshold of 14\.97 nats\.$", text, re.M)
    assert row_of(text, "2016-06-16 04:15")[-1] == "suspected"


def test_unknown_entity_names_its_neighbours(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing measured of it: exit code 1, and one line with names that look like it."""
    assert main(["explain", "asn/4375", *ATLAS]) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith("ebbtide: no such entity among 868 measured: asn/4375; near: ")
    assert "asn/43754" in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["AS1", "--feed", "nope", *ATLAS], "no feed 'nope' in the settings; they name atlas"),
        (["AS1"], "explain needs FILE"),
        (["AS1", "--worker", "http://127.0.0.1:1", FILE], "explain needs FILE"),
        (["AS1", "--worker", "http://127.0.0.1:1", "--plot", "x.svg"], "explain needs FILE"),
    ],
)
def test_wrong_use_is_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be asked ends with exit code 2 and says why."""
    assert main(["explain", *arguments]) == 2
    assert f"ebbtide: {said}" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--at", "yesterday"], ["--bins", "0"]])
def test_wrong_options_are_refused(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The command line's own checks name the option."""
    with pytest.raises(SystemExit) as stopped:
        main(["explain", "AS1", *option, *ATLAS])
    assert stopped.value.code == 2
    assert f"argument {option[0]}" in capsys.readouterr().err


def test_warm_up_is_unknown_and_not_zero(tmp_path: Path) -> None:
    """A new series has a value but no deviation: dashes, and how many bins it has learnt."""
    question = Question("asn/1", at=START + HOUR)
    views = ask(tmp_path, settings(["gauge"]), gauge(4, lambda hour: 100.0), question)
    text = text_of(views, question)
    value, *others = row_of(text, "2019-12-30 01:00")
    assert float(value) > 0
    assert others[:3] == ["-", "-", "-"]
    assert views[0].bins[0].expected is None
    assert f"warming up: 2 of {TimeScales.of(HOUR).warm} normal bins are learnt, no baseline yet" in text


def test_bins_without_a_measurement_are_said_to_be_unknown(tmp_path: Path) -> None:
    """A gauge that says nothing for an hour: no value, and the sentence that silence is unknown."""
    question = Question("asn/1", at=START + 30 * HOUR, bins=2)
    lines = gauge(40, lambda hour: None if hour == 30 else 100.0, series=2)
    text = text_of(ask(tmp_path, settings(["gauge"]), lines, question), question)
    assert row_of(text, "2019-12-31 06:00")[0] == "-"
    assert "2019-12-31 06:00: nothing was measured" in text


def test_fall_of_the_whole_feed_is_said_to_be_held(tmp_path: Path) -> None:
    """Twelve networks fall at once: the feed is at fault, and that is what kept the bin from firing."""
    question = Question("asn/1", at=START + 60 * HOUR, bins=1)
    lines = gauge(62, lambda hour: 0.0 if hour >= 60 else 100.0, series=12)
    text = text_of(ask(tmp_path, settings(["gauge"]), lines, question), question)
    assert "2020-01-01 12:00: a feed fault is suspected: most series of the feed fell together." in text
    assert row_of(text, "2020-01-01 12:00")[-1] == "suspected"


def test_sparse_count_says_that_silence_means_little(tmp_path: Path) -> None:
    """One event every six hours: too little is expected in a bin."""
    question = Question("asn/1", at=START + 3 * DAY, bins=1)
    events = [message("count", START + hour * HOUR) for hour in range(0, 80, 6)]
    clock = [message("count", START + hour * HOUR, 2) for hour in range(80) for _ in range(20)]
    lines = sorted(events + clock, key=lambda line: float(json.loads(line)["ts"]))
    text = text_of(ask(tmp_path, settings(["count"]), lines, question), question)
    assert "2020-01-02 00:00: too little is expected in a bin to distinguish an outage from an idle network." in text


def test_ratio_is_shown_as_a_share(tmp_path: Path) -> None:
    """57 of 60 answer: the value is 0.95, as is what is expected."""
    question = Question("asn/1", bins=1)
    lines = [message("ratio", START + hour * HOUR, value=57, of=60) for hour in range(31)]
    text = text_of(ask(tmp_path, settings(["ratio"]), lines, question), question)
    assert row_of(text, "2019-12-31 04:00")[:2] == ["0.95", "0.95"]


def test_long_outage_is_shortened_unless_a_time_is_asked_for(tmp_path: Path) -> None:
    """Four days dark: the middle is one line that counts its bins; with a time, each bin asked for has its own."""
    lines = list(gauge(60 + 96 + 20, lambda hour: 0.0 if 60 <= hour < 156 else 100.0, series=2))
    question = Question("asn/1", bins=4)
    views = ask(tmp_path, settings(["gauge"]), lines, question)
    text = text_of(views, question)
    hidden = int(re.search(r"… (\d+) more bins of the same outage", text)[1])  # type: ignore[index]
    rows = [line for line in text.splitlines() if re.match(r"  2020-01-0\d ", line)]
    assert hidden > 80
    assert hidden + len(rows) == len(views[0].bins)
    asked = Question("asn/1", at=START + 100 * HOUR, bins=40)
    assert "more bins" not in text_of(ask(tmp_path, settings(["gauge"]), lines, asked), asked)


def test_each_outage_is_one_span_and_the_newest_is_shown(tmp_path: Path) -> None:
    """Dark twice: two spans with their own ends; the answer is about the second."""
    dark = {*range(60, 66), *range(90, 96)}
    lines = gauge(110, lambda hour: 0.0 if hour in dark else 100.0, series=2)
    view = ask(tmp_path, settings(["gauge"]), lines, Question("asn/1", bins=2))[0]
    spans = [((closed.start - START) // HOUR, ((closed.end or 0) - START) // HOUR) for closed in view.history.spans()]
    assert spans == [(60, 66), (90, 96)]
    assert (view.bins[0].start - START) // HOUR == 88


def test_outage_is_shown_rather_than_a_newer_suspicion() -> None:
    """AS43754's outage at 15:05, and a suspicion of another series that begins later: the outage is asked for."""
    rules = load(RECORDING / "feeds.toml", {})
    outage = explain(rules, Question("asn/43754"), [FILE], lambda: LATER, lambda tally: None).views[0].history
    doubt = explain(rules, Question("asn/3215"), [FILE], lambda: LATER, lambda tally: None).views[0].history
    later = [closed._replace(changes=tuple(_later(change) for change in closed.changes)) for closed in doubt.bins]
    assert [span.certain for span in doubt.spans()] == [False]
    assert _around([outage, replace(doubt, bins=later)], None) == (1_466_089_500, 1_466_095_500)


def _later(change: Change) -> Change:
    return replace(change, started_at=change.started_at + 6 * HOUR)


def test_time_beyond_the_last_closed_bin_is_said(tmp_path: Path) -> None:
    """Nothing has closed there: the answer says from where to where bins run."""
    question = Question("asn/1", at=START + 50 * DAY)
    text = text_of(ask(tmp_path, settings(["gauge"]), gauge(30, lambda hour: 100.0), question), question)
    assert "No closed bin there: they run from 2019-12-30 00:00 to 2019-12-31 04:00" in text


def test_entity_without_a_closed_bin_is_no_unknown_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Measured once at the very end: the input's end closes nothing, and that is said."""
    (tmp_path / "feeds.toml").write_text('[feeds.level]\nsignal = "test"\nkind = "gauge"\nbin = "1h"\n')
    (tmp_path / "one.jsonl").write_bytes(message("level", START, 7, value=1))
    code = main(["explain", "AS7", "--settings", str(tmp_path / "feeds.toml"), str(tmp_path / "one.jsonl")])
    assert code == 1
    assert "asn/7 was measured, but none of its bins has closed" in capsys.readouterr().err


def test_each_series_has_its_own_answer(tmp_path: Path) -> None:
    """Facets are series of their own, in order; another feed's measurements are left out with --feed."""
    rules, kinds = settings(["gauge", "count"]), ("mobile", "fixed")
    lines = [
        message("gauge", START + hour * HOUR, value=100, access=access) for hour in range(12) for access in kinds
    ] + [message("count", START + hour * HOUR) for hour in range(12)]
    everything = ask(tmp_path, rules, lines, Question("asn/1"))
    assert [view.title("asn/1") for view in everything] == [
        "asn/1 fixed, feed gauge", "asn/1 mobile, feed gauge", "asn/1, feed count"
    ]  # fmt: skip
    assert len(ask(tmp_path, rules, lines, Question("asn/1", feed="count"))) == 1


def test_watching_changes_no_byte() -> None:
    """The outages of the recording are the same whether somebody looks on or not."""

    def outages(*, watched: bool) -> list[bytes]:
        shard = Shard(load(RECORDING / "feeds.toml", {}))
        watch = HistoryRecorder("atlas", shard.feeds["atlas"], "asn/43754") if watched else None
        encoded = [
            encode(outage) for emitted in detect(shard, Tally(), [FILE], lambda: LATER) for outage in emitted.outages
        ]
        assert watch is None or len(watch.histories[()].spans()) == 1
        return encoded

    assert outages(watched=True) == outages(watched=False) != []


def test_worker_tells_what_its_outages_carry(capsys: pytest.CaptureFixture[str]) -> None:
    """Each outage of the entity, its explanation, and where its newest bins are."""
    explained = {"bins": 1, "baseline": "recent level", "threshold": 14.97, "reason": "because of nothing"}
    outages = [{**OUTAGE, "explain": explained}, CLOSED, {**OUTAGE, "entity": "asn/1", "outage_id": "0" * 16}]
    with worker(200, json.dumps({"outages": outages, "incidents": []}).encode()) as url:
        assert main(["explain", "AS43754", "--worker", url]) == 0
    text = capsys.readouterr().out
    assert text.count("asn/43754 mobile") == 2
    assert "evidence 37.2 nats, bins 1, baseline recent level, threshold 14.97\nbecause of nothing\n" in text
    assert "The worker's page /outages/ID shows the newest bins" in text
    assert "asn/1 " not in text


def test_worker_without_such_an_outage_claims_no_more_than_that(capsys: pytest.CaptureFixture[str]) -> None:
    """No outage at that time: it is said that this does not mean that the entity is well."""
    with worker(200, json.dumps({"outages": [CLOSED], "incidents": []}).encode()) as url:
        assert main(["explain", "AS43754", "--worker", url, "--at", "2016-06-16 16:45"]) == 0
        assert main(["explain", "AS4375", "--worker", url]) == 0
        ended, unknown = capsys.readouterr().out.splitlines()
        assert main(["explain", "AS43754", "--worker", url, "--at", "2016-06-16 16:44"]) == 0
    assert "has no such outage of asn/43754" in ended
    assert "Near: asn/43754. This does not show whether the entity is measured" in unknown
    assert "asn/43754 mobile" in capsys.readouterr().out


@pytest.mark.parametrize("body", [b'{"outages": [{"state": "odd"}]}', b"{}"])
def test_answer_of_something_else_is_one_line(body: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """What does not answer like a worker is named, with exit code 1."""
    with worker(200, body) as url:
        assert main(["explain", "AS1", "--worker", url]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"ebbtide: {url}: does not answer as a worker of this version")
    assert error.count("\n") == 1
