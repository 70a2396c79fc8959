"""The benchmark's messages are what its table says, and what a process tells of itself is read back; no Kafka."""

from __future__ import annotations

from collections import Counter
from io import StringIO
from pathlib import Path
from statistics import mean

import pytest
from rich.console import Console

from schemas.decode import decode
from tests.benchmarks.messages import FIRST_ASN, START, WIDTH, Load, messages
from tests.benchmarks.reading import Reading, Result, between, readings_of, tell
from tests.benchmarks.report import TEXTBOOK, WORKER, table

LOAD = Load(measurements=6_000, asns=500, bins=6)


def test_messages_are_of_about_200_bytes() -> None:
    """Each message is one measurement of about the size that the table is about."""
    sizes = [len(message.value) for message in messages(LOAD)]
    assert len(sizes) == LOAD.measurements
    assert min(sizes) >= 190
    assert max(sizes) <= 205
    assert 195 <= mean(sizes) <= 201


def test_the_same_load_is_the_same_bytes() -> None:
    """Two runs measure the same; another seed does not."""
    assert list(messages(LOAD)) == list(messages(LOAD))
    assert list(messages(LOAD)) != list(messages(LOAD, seed=2))


def test_all_are_good_and_keyed_by_their_entity() -> None:
    """No message is a dead letter, and the key names the ASN."""
    found = list(messages(LOAD))
    decoded = decode([message.value for message in found])
    assert not decoded.dead
    assert [message.key for message in found] == [f"asn/{m.asn}".encode() for m in decoded.measurements]


def test_every_asn_is_measured_as_often_in_all_bins() -> None:
    """Rounds over all ASNs fill the bins evenly: each ASN twice a bin, give or take the jitter."""
    measured = decode([message.value for message in messages(LOAD)]).measurements
    assert Counter(m.asn for m in measured) == dict.fromkeys(range(FIRST_ASN, FIRST_ASN + LOAD.asns), 12)
    bins = Counter((float(m.ts) - START) // WIDTH for m in measured)
    assert sorted(bins)[: LOAD.bins] == list(range(LOAD.bins))
    assert all(abs(bins[number] - 1_000) < 50 for number in range(LOAD.bins))


def test_a_process_reads_itself(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What a contestant tells is read back from its log among other lines, and half a line is left alone."""
    tell(1)
    tell(500)
    log = tmp_path / "log"
    log.write_text("a warning\n" + capfd.readouterr().out + "reading: 7")
    first, last = readings_of(log)
    assert (first.done, last.done) == (1, 500)
    assert first.peak_mb > 1
    assert last.cpu >= first.cpu > 0


def test_start_up_is_left_out() -> None:
    """Only what came after the first reading is counted."""
    result = between(Reading(100, 3.0, 50.0, 80.0), Reading(1_100, 5.0, 60.0, 90.0))
    assert result == Result(measurements=1_000, cpu=2.0, wall=10.0, peak_mb=90.0)
    assert (result.per_cpu_second, result.per_second) == (500.0, 100.0)


def test_the_table_compares_with_the_textbook_agent() -> None:
    """The last columns are ratios of measurements per CPU second."""
    results = {WORKER: Result(1_000_000, 2.0, 4.0, 150.0), TEXTBOOK: Result(10_000, 2.0, 2.5, 80.0)}
    text = StringIO()
    Console(width=140, file=text).print(table(results))
    ours, textbook = text.getvalue().strip().splitlines()[-2:]
    assert ours.replace("|", " ").split()[-6:] == ["1,000,000", "500,000", "250,000", "150", "100.0", "1.00"]
    assert textbook.replace("|", " ").split()[-6:] == ["10,000", "5,000", "4,000", "80", "1.0", "100.00"]
