"""The drill itself: its input and its plan come from the seed, it sees what is wrong, and a short form of it passes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.drill.drill import Options, run
from tests.drill.feeder import BACKLOG_BINS
from tests.drill.plan import plan
from tests.drill.stream import PARTITIONS, Load, messages
from tests.drill.verdict import Undisturbed, Verdict, counts_of, key_of
from tests.kafka import ApacheKafka

SMALL = Load(20_000, 200, 1)


def test_the_input_is_the_same_for_the_same_seed() -> None:
    """And has at least as many measurements as asked for, each ASN in one partition."""
    first = list(messages(SMALL))
    assert first == list(messages(SMALL)) != list(messages(SMALL._replace(seed=2)))
    assert len(first) >= SMALL.measurements
    homes: dict[int, set[int]] = {}
    for message in first:
        if message.value.endswith(b"}"):
            homes.setdefault(json.loads(message.value)["asn"], set()).add(message.partition)
    assert all(len(where) == 1 for where in homes.values())
    assert set.union(*homes.values()) == set(range(PARTITIONS))
    assert [message.bin for message in first] == sorted(message.bin for message in first)
    assert first[-1].bin == SMALL.bins > BACKLOG_BINS


def test_the_plan_is_a_function_of_the_seed() -> None:
    """As many kills as asked for, in order, and a second worker that joins before it leaves."""
    moves = plan(100_000, 20, 2, 3, 7)
    assert moves == plan(100_000, 20, 2, 3, 7) != plan(100_000, 20, 2, 3, 8)
    assert Counter(move.kind for move in moves) == {
        "kill": 20,
        "restart": 1,
        "crash": 1,
        "stall": 3,
        "join": 1,
        "leave": 1,
        "refuse": 1,
    }
    assert all(earlier.at <= other.at for earlier, other in pairwise(moves))
    order = [move.kind for move in moves]
    assert order.index("join") < order.index("leave")


def outage(name: str, revision: int, drop: float = 0.5) -> bytes:
    """An outage message, as far as the verdict reads it."""
    fields = {"outage_id": name, "revision": revision, "entity": f"asn/{name}", "drop": drop, "feed": "hits"}
    return json.dumps(fields).encode()


GOOD = [outage("a", 1), outage("a", 2), outage("b", 1)]
STATUS = {"received": 10, "binned": 7, "late": 1, "dead": {"not-json": 2}, "skipped": 4}
COUNTS = {"received": 10, "binned": 7, "late": 1, "dead": 2}


def judged(
    sent: list[bytes],
    status: dict[str, Any] = STATUS,
    letters: int = 2,
    log: int = 10,
    code: int = 0,
    struck: frozenset[str] = frozenset(),
) -> Verdict:
    """The verdict on a run of one partition that should have sent the good outages."""
    whole = {key_of(value): value for value in GOOD}
    verdict = Verdict([10], {0: status}, [0, code], {})
    verdict.outages(sent, whole)
    verdict.found(struck, whole)
    verdict.counters([Undisturbed(whole, COUNTS)])
    verdict.dead([(0, number) for number in range(letters)])
    verdict.log([log])
    return verdict


def test_a_run_that_only_repeats_itself_is_right() -> None:
    """What is sent again with the same bytes is counted, and no fault."""
    verdict = judged([*GOOD[:2], *GOOD])
    assert verdict.wrong == []
    assert verdict.table["outage messages sent again, same bytes"] == 2
    assert verdict.table["outages compared"] == 2
    assert verdict.table["measurements skipped"] == 4


@pytest.mark.parametrize(
    ("named", "make"),
    [
        ("outages differing: b", lambda: judged(GOOD[:2])),
        ("outages differing: c", lambda: judged([*GOOD, outage("c", 1)])),
        ("outages differing: a", lambda: judged([GOOD[1], GOOD[0], GOOD[2]])),
        ("revisions of outages missing, not expected, or other: ('a', 1)", lambda: judged(GOOD[1:])),
        (
            "revisions of outages missing, not expected, or other: ('a', 2)",
            lambda: judged([GOOD[0], outage("a", 2, 0.6), GOOD[2]]),
        ),
        ("conflicting revisions of outages: ('a', 1)", lambda: judged([outage("a", 1, 0.6), *GOOD])),
        ("counters that are off: partition 0", lambda: judged(GOOD, {**STATUS, "binned": 6})),
        ("counters that are off: partition 0", lambda: judged(GOOD, {**STATUS, "binned": 6, "late": 2})),
        ("dead letters missing or too many", lambda: judged(GOOD, letters=1)),
        ("partitions with another log than was sent", lambda: judged(GOOD, log=11)),
        ("too few outages found: 1 of 2", lambda: judged(GOOD, struck=frozenset({"asn/a", "asn/x"}))),
        ("workers that did not end in order", lambda: judged(GOOD, code=1)),
    ],
)
def test_what_is_wrong_is_named(named: str, make: Callable[[], Verdict]) -> None:
    """Each kind of fault has its line, with the first few cases."""
    assert any(text.startswith(named) for text in make().wrong)


def test_the_summary_of_detect_is_read() -> None:
    """All reasons of dead letters are one number."""
    text = "1,010 measurements in · 1,000 binned · 7 late · 0 held · 1 dead (not-json) · 2 dead (null) · 3 outages\n"
    assert counts_of(text) == {"received": 1010, "binned": 1000, "late": 7, "dead": 3}


@pytest.mark.kafka
@pytest.mark.long
def test_a_short_drill(kafka: ApacheKafka, tmp_path: Path) -> None:
    """Three kills, a worker that comes and goes, and a partition with a backlog: nothing lost, doubled or changed.

    The broker stays up here: other tests use it too.
    """
    printed: list[str] = []
    options = Options(Load(40_000, 400, 11), kills=3, restarts=0, stalls=0, rate=10_000, patience=120)
    verdict = run(options, kafka, tmp_path, printed.append)
    assert verdict.wrong == [], "\n".join(printed)
    assert verdict.table["kills"] == 3
    assert verdict.table["transactions taken back"] > 10
    assert verdict.table["outages compared"] > 10
    assert verdict.table["revisions of outages of areas"] >= 2
    assert verdict.table["incidents compared"] > 10
