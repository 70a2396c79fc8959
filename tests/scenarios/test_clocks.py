"""Clocks that run ahead, in measurements that come as they are made: what the others measured is binned.

`python -m tests.scenarios.test_clocks` prints the share of late measurements, by skew and share of wrong clocks.
"""

from __future__ import annotations

import random
import sys
from typing import NamedTuple

import orjson
import pytest

from detectors.types import Kind
from streams.pipeline.process import process
from streams.pipeline.shard import Shard
from tests.streams import helpers
from tests.streams.helpers import START, Run, letter, message

WIDTH, LATENESS, NETWORKS, BINS = 300, 120, 201, 16
SKEWS = (0, 60, 100, 150, 300, 500, 3600)
SHARES = (1 / NETWORKS, 0.1, 0.4)


class Scene(NamedTuple):
    """Networks that measure once a bin; a share of the clocks is `skew` seconds ahead.

    `is_live`: the time of receipt is the broker's; else all is read much later, such as from a recording.
    """

    share: float
    skew: float
    kind: Kind = "count"
    is_live: bool = True

    def wrong(self) -> set[int]:
        """Return the networks whose clocks are ahead."""
        return set(range(1, 1 + round(NETWORKS * self.share))) if self.skew else set()

    def run(self, seed: int = 1) -> Run:
        """Return what came of a run: each measurement takes up to a minute to arrive."""
        rng, wrong, sent = random.Random(seed), self.wrong(), []
        for number in range(BINS):
            for asn in range(1, NETWORKS + 1):
                at = START + number * WIDTH + rng.uniform(0, WIDTH)
                sent.append((at + rng.uniform(0, 60), asn, at + (self.skew if asn in wrong else 0)))
        done = Run(Shard(helpers.settings((self.kind,), WIDTH, LATENESS)))
        sent.sort()
        for first in range(0, len(sent), 500):
            _take(done, sent[first : first + 500], self)
        return done


def _take(done: Run, sent: list[tuple[float, int, float]], scene: Scene) -> None:
    values = [message(scene.kind, round(ts, 3), asn, value=20, **_member(scene.kind)) for _, asn, ts in sent]
    received = [at if scene.is_live else at + 10**8 for at, _, _ in sent]
    emitted = process(done.shard, done.tally, values, range(done.offset, done.offset + len(values)), received)
    done.offset += len(values)
    done.outages += [orjson.dumps(outage.entity) for outage in emitted.outages]
    done.dead += [letter(rejected) for rejected in emitted.dead_letters]


def _member(kind: Kind) -> dict[str, str]:
    return {"member": "a"} if kind == "distinct" else {}


@pytest.mark.parametrize("kind", ["count", "gauge", "distinct"])
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("skew", SKEWS)
def test_a_fast_clock_harms_only_itself(kind: Kind, share: float, skew: float) -> None:
    """Nothing of the others is late or dead, none of them is reported, and time goes on with them."""
    scene = Scene(share, skew, kind)
    done = scene.run()
    assert done.shard.counts[kind].late == 0
    assert {orjson.loads(payload)["asn"] for _, _, payload in done.dead} <= scene.wrong()
    assert done.outages == []
    assert done.shard.feeds[kind].watermark.next_close >= START + (BINS - 2) * WIDTH


@pytest.mark.parametrize("skew", [0, 60, 119])
def test_a_single_network_is_followed(skew: float) -> None:
    """Though its clock is ahead by nearly the lateness: nobody else is there."""
    done = Run(Shard(helpers.settings(("count",), WIDTH, LATENESS)))
    for number in range(BINS):
        at = START + number * WIDTH + 10
        _take(done, [(at, 1, at + skew)], Scene(1, skew))
    assert (done.dead, done.shard.counts["count"].late) == ([], 0)
    assert done.shard.feeds["count"].watermark.next_close >= START + (BINS - 2) * WIDTH


if __name__ == "__main__":
    for is_live in (True, False):
        for wrong_share in SHARES:
            counts = [Scene(wrong_share, skew, "count", is_live).run().shard.counts["count"] for skew in SKEWS]
            shares = [f"{count.late / (count.late + count.binned):.1%}" for count in counts]
            sys.stdout.write(f"{'live' if is_live else 'read later'}, {wrong_share:.1%} ahead: {' '.join(shares)}\n")
