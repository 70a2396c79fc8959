"""Clocks that run ahead, in measurements that come as they are made: what the others measured is binned.

`python -m tests.scenarios.test_clocks` prints the share of late measurements, by skew and share of wrong clocks.
"""

from __future__ import annotations

import random
import sys
from typing import NamedTuple

import numpy as np
import orjson
import pytest

from detectors.types import Kind
from streams.pipeline.process import process
from streams.pipeline.shard import Shard
from streams.state.measurement_stage import MeasurementStage
from streams.state.shard_rows import dump
from tests.streams import helpers
from tests.streams.helpers import START, Run, letter, message, same, taken_over

WIDTH, LATENESS, NETWORKS, BINS = 300, 120, 201, 16
SKEWS = (0, 60, 100, 150, 300, 500, 3600)
SHARES = (1 / NETWORKS, 0.1, 0.4)
Sent = tuple[float, int, float]  # time of receipt, ASN, event time


class Scene(NamedTuple):
    """Networks that measure once a bin; a share of the clocks is `skew` seconds ahead.

    `is_live`: it is read as it comes; else much later, such as from a recording. `is_stamped`: the broker says when it
    received what is read live; else producers do, and the worker's own clock bounds them. `course`: how a wrong clock
    goes: `ahead` all the time, in every other bin (`jump`), or `burst`: twenty measurements at once in every other bin,
    spread over the skew.
    """

    share: float
    skew: float
    kind: Kind = "count"
    is_live: bool = True
    is_stamped: bool = True
    course: str = "ahead"

    def wrong(self) -> set[int]:
        """Return the networks whose clocks are ahead."""
        return set(range(1, 1 + round(NETWORKS * self.share))) if self.skew else set()

    def run(self, seed: int = 1) -> Run:
        """Return what came of a run: each measurement takes up to a minute to arrive."""
        done, sent = Run(Shard(helpers.settings((self.kind,), WIDTH, LATENESS))), self.sent(seed)
        for first in range(0, len(sent), 500):
            _take(done, sent[first : first + 500], self)
        return done

    def sent(self, seed: int = 1) -> list[Sent]:
        """Return what is measured, in order of arrival."""
        rng, wrong, sent = random.Random(seed), self.wrong(), []
        for number in range(BINS):
            for asn in range(1, NETWORKS + 1):
                at = START + number * WIDTH + rng.uniform(0, WIDTH)
                leads = self._leads(number + asn) if asn in wrong else [0.0]
                received = at + rng.uniform(0, 60)
                sent += [(received + 0.01 * n, asn, at + lead) for n, lead in enumerate(leads)]
        return sorted(sent)

    def _leads(self, turn: int) -> list[float]:
        """Return by how much the measurements of a wrong clock are ahead in one of its bins (s)."""
        if self.course == "burst":
            return [self.skew * n / 20 for n in range(20)] if turn % 2 else []
        return [self.skew if self.course == "ahead" or turn % 2 else 0.0]


def _take(done: Run, sent: list[Sent], scene: Scene) -> None:
    values = [message(scene.kind, round(ts, 3), asn, value=20, **_member(scene.kind)) for _, asn, ts in sent]
    received = [at if scene.is_live else at + 10**8 for at, _, _ in sent]
    offsets = range(done.offset, done.offset + len(values))
    is_proven, read_at = scene.is_live and scene.is_stamped, received[-1] if scene.is_live else None
    emitted = process(done.shard, done.tally, values, offsets, received, is_proven=is_proven, read_at=read_at)
    done.offset += len(values)
    done.outages += [orjson.dumps(outage.entity) for outage in emitted.outages]
    done.dead += [letter(rejected) for rejected in emitted.dead_letters]


def _member(kind: Kind) -> dict[str, str]:
    return {"member": "a"} if kind == "distinct" else {}


@pytest.mark.parametrize(("kind", "is_live"), [("count", True), ("gauge", True), ("distinct", True), ("count", False)])
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("skew", SKEWS)
def test_a_fast_clock_harms_only_itself(kind: Kind, share: float, skew: float, is_live: bool) -> None:
    """Nothing of the others is late or dead, none of them is reported, and time goes on with them."""
    done = (scene := Scene(share, skew, kind, is_live)).run()
    assert done.shard.counts[kind].late == 0
    assert {orjson.loads(payload)["asn"] for _, _, payload in done.dead} <= scene.wrong()
    assert done.outages == []
    assert done.shard.feeds[kind].watermark.next_close >= START + (BINS - 2) * WIDTH


@pytest.mark.parametrize("is_stamped", [True, False])
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("course", ["jump", "burst"])
def test_clocks_that_jump_or_burst_harm_only_themselves(course: str, share: float, is_stamped: bool) -> None:
    """Several at once, an hour ahead: what is read as it comes is bounded by its receipt, whoever stamps it."""
    done = (scene := Scene(share, 3600, "count", is_stamped=is_stamped, course=course)).run()
    counts, letters = done.shard.counts["count"], [orjson.loads(payload)["asn"] for _, _, payload in done.dead]
    assert set(letters) <= scene.wrong()
    assert (counts.late, counts.binned + len(letters)) == (0, len(scene.sent()))
    assert done.outages == []


@pytest.mark.parametrize("is_live", [True, False])
@pytest.mark.parametrize("skew", [0, 60, 119])
def test_a_single_network_is_followed(skew: float, is_live: bool) -> None:
    """Though its clock is ahead by nearly the lateness: nobody else is there."""
    done = Run(Shard(helpers.settings(("count",), WIDTH, LATENESS)))
    for number in range(BINS):
        at = START + number * WIDTH + 10
        _take(done, [(at, 1, at + skew)], Scene(1, skew, is_live=is_live))
    assert (done.dead, done.shard.counts["count"].late) == ([], 0)
    assert done.shard.feeds["count"].watermark.next_close >= START + (BINS - 2) * WIDTH


@pytest.mark.parametrize("kind", ["count", "gauge", "distinct"])
@pytest.mark.parametrize("left", [1, 6, 20])
def test_a_shutdown_of_all_but_a_few_closes_bins_in_time(kind: Kind, left: int) -> None:
    """Where producers say the time, silence of most is no disagreement: bins close one later than by the newest."""
    done, scene = Run(Shard(helpers.settings((kind,), WIDTH, LATENESS))), Scene(0, 0, kind, is_live=False)
    mark = done.shard.feeds[kind].watermark
    sent = [record for record in scene.sent() if record[1] <= left or record[0] < START + BINS // 2 * WIDTH]
    for first in range(0, len(sent), 100):
        _take(done, sent[first : first + 100], scene)
    passed = mark.rule.closed_until(np.array(mark.front))
    assert mark.next_close >= passed - (2 if left == 1 else 1) * WIDTH


@pytest.mark.parametrize("skew", [0, 500])
def test_what_is_read_later_does_not_depend_on_batches_or_restarts(skew: float) -> None:
    """The same state byte by byte. At the end all is closed that the newest has passed, unless clocks disagree."""
    scene = Scene(0.4, skew, is_live=False)
    whole, parts, sent = scene.run(), Run(Shard(helpers.settings(("count",), WIDTH, LATENESS))), scene.sent()
    rng, at = random.Random(2), 0
    while at < len(sent):
        size = rng.choice([1, 7, 40, 400])
        _take(parts, sent[at : at + size], scene)
        at += size
        parts = taken_over(parts, dump(parts.shard, whole=True))
    assert same(whole.shard, parts.shard)
    mark = whole.shard.feeds["count"].watermark
    closed, ends = mark.next_close, [report.end for report in whole.shard.finish().bin_reports]
    assert ends == list(range(closed + WIDTH, mark.next_close + WIDTH, WIDTH))
    passed = mark.rule.closed_until(np.array(max(ts for _, _, ts in sent)))
    assert mark.next_close == (closed if skew else passed)


def test_the_worker_closes_when_idle_what_nobody_is_left_to_agree_with() -> None:
    """A topic with the time of producers: the newest bins close once all is read and nothing came for a while."""
    settings = helpers.settings(("count",), WIDTH, LATENESS)
    stage = MeasurementStage(settings, 0, {}, 0.0)
    values = [message("count", START + 60 * n, 1 + n % 3) for n in range(38)]
    produced = helpers.records(values)._replace(timestamp_type=0)
    stage.process(produced, 0.0)
    mark = stage.shard.feeds["count"].watermark
    assert mark.is_disputed
    assert stage.may_follow(0, 60.0)
    emitted = stage.follow_clock(0, 60.0)
    assert (emitted.activity["count"].newest, mark.newest) == (START + 60 * 37, START + 60 * 37)
    assert [report.end for report in emitted.bin_reports][-1] == mark.next_close == START + 7 * WIDTH
    assert not stage.may_follow(0, 60.0)


if __name__ == "__main__":
    for is_live in (True, False):
        for wrong_share in SHARES:
            counts = [Scene(wrong_share, skew, "count", is_live).run().shard.counts["count"] for skew in SKEWS]
            shares = [f"{count.late / (count.late + count.binned):.1%}" for count in counts]
            sys.stdout.write(f"{'live' if is_live else 'read later'}, {wrong_share:.1%} ahead: {' '.join(shares)}\n")
