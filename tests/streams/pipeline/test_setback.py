"""The time of a feed that is false goes back once receipts have disagreed with it for long; nothing else makes it.

A scene is minutes of networks that measure once a minute; a broker's clock, and some producers', are ahead for a while.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from detectors.types import Kind
from schemas.outage import encode
from streams.config.settings import Settings
from streams.pipeline.emitted import Emitted
from streams.pipeline.process import process
from streams.pipeline.shard import Shard
from streams.state.shard_rows import dump, gone, heads
from tests.streams import helpers
from tests.streams.helpers import START, Run, message, same, taken_over

MINUTE, NETWORKS, WIDTH = 60, 20, 300
Sent = tuple[float, bytes]  # receipt, message


class Wrong(NamedTuple):
    """From which minute to which the broker's clock is ahead, by how much (s) at most, and of how many networks.

    It runs away by 500 s a minute: a leap would be refuted by the first network that is right.
    """

    first: int
    last: int
    ahead: float
    networks: int = 4


def settings(kind: Kind = "count") -> Settings:
    """Return settings of one feed with bins of five minutes and a lateness of one."""
    return helpers.settings((kind,), width=WIDTH, lateness=60)


def scene(minutes: int, wrong: Wrong | None = None, dark: range = range(0), kind: Kind = "count") -> list[Sent]:
    """Return what is received in so many minutes; networks 10 and 11 send nothing in the minutes that are `dark`."""
    sent = []
    for minute in range(minutes):
        at = START + MINUTE * minute
        is_wrong = wrong is not None and wrong.first <= minute < wrong.last
        shift = min(wrong.ahead, 500.0 * (minute - wrong.first + 1)) if wrong and is_wrong else 0.0
        for asn in range(1, NETWORKS + 1):
            if asn in (10, 11) and minute in dark:
                continue
            own = at + asn + (shift if wrong and asn <= wrong.networks else 0.0)
            fields = {"member": f"m{asn}", "up": True} if kind in ("presence", "distinct") else {"value": 5, "of": 5}
            sent.append((at + shift + asn + 2.0, message(kind, own, asn, **fields)))
    return sent


def give(done: Run, sent: Sequence[Sent], size: int = 50, is_proven: bool = True) -> list[Emitted]:
    """Give messages to a shard in batches; return what came of each. Else than proven, a worker reads them at once."""
    found = []
    for at in range(0, len(sent), size):
        part = sent[at : at + size]
        offsets = range(done.offset, done.offset + len(part))
        received = np.array([time for time, _ in part])
        values, read_at = [value for _, value in part], None if is_proven else float(received.max())
        emitted = process(done.shard, done.tally, values, offsets, received, is_proven=is_proven, read_at=read_at)
        done.offset += len(part)
        done.outages += [encode(outage) for outage in emitted.outages]
        found.append(emitted)
    return found


def ran(sent: Sequence[Sent], kind: Kind = "count") -> tuple[Run, list[Emitted]]:
    """Return what came of a scene."""
    done = Run(Shard(settings(kind)))
    return done, give(done, sent)


AHEAD = Wrong(60, 80, 7200.0)


@pytest.mark.parametrize("kind", helpers.KINDS)
def test_time_goes_back_once_receipts_have_disagreed_for_long(kind: Kind) -> None:
    """After ten minutes of a broker two hours ahead, ten more until time goes back; then all is binned again, and what
    opened in bins that had not been is withdrawn.
    """
    done, came = ran(scene(200, AHEAD, kind=kind), kind)
    setbacks = [setback for emitted in came for _, setback in emitted.setbacks]
    assert len(setbacks) == 1
    assert 6000 < setbacks[0].before - setbacks[0].to < 7300
    assert setbacks[0].after == pytest.approx(600, abs=2)
    counts, feed = done.shard.counts[kind], done.shard.feeds[kind]
    assert feed.watermark.newest == START + MINUTE * 199 + NETWORKS
    assert counts.binned + counts.late + counts.rejected == counts.taken == 200 * NETWORKS
    assert counts.late <= 31 * NETWORKS
    assert feed.rewound.times == 1
    last = {}
    for outage in map(orjson.loads, done.outages):
        last[outage["outage_id"]] = outage["state"]
    assert set(last.values()) <= {"retracted"}


@pytest.mark.parametrize("kind", helpers.KINDS)
def test_where_producers_stamp_the_clock_of_the_worker_puts_time_back(kind: Kind) -> None:
    """It was two hours ahead, as those of the producers; ten minutes after it is right, all is binned again.

    A worker that takes over on the way goes on as one that did not stop.
    """
    sent = scene(200, AHEAD._replace(networks=NETWORKS), kind=kind)
    whole, done = Run(Shard(settings(kind))), Run(Shard(settings(kind)))
    came = give(whole, sent, NETWORKS, is_proven=False)
    setbacks = [setback for emitted in came for _, setback in emitted.setbacks]
    assert [setback.after for setback in setbacks] == [pytest.approx(600, abs=60)]
    feed, counts = whole.shard.feeds[kind], whole.shard.counts[kind]
    assert feed.watermark.newest == pytest.approx(START + MINUTE * 199 + NETWORKS, abs=WIDTH)
    assert counts.late <= 11 * NETWORKS
    assert not whole.outages
    give(done, sent[: 85 * NETWORKS], NETWORKS, is_proven=False)
    second = taken_over(done, dump(done.shard))
    give(second, sent[85 * NETWORKS :], NETWORKS, is_proven=False)
    assert same(second.shard, whole.shard)


def test_an_outage_afterwards_is_found_and_has_an_id_of_its_own() -> None:
    """Two networks go dark in bins that close for the second time: opened and closed as without the false time."""
    dark, wrong = range(460, 500), Wrong(400, 420, 7200.0)
    done, _ = ran(scene(560, wrong, dark))
    plain, _ = ran(scene(560, None, dark))
    ends = {(o["entity"], o["state"]): o for o in map(orjson.loads, done.outages) if o["state"] == "closed"}
    right = {(o["entity"], o["state"]): o for o in map(orjson.loads, plain.outages) if o["state"] == "closed"}
    assert ends.keys() == right.keys() == {("asn/10", "closed"), ("asn/11", "closed")}
    for name, outage in ends.items():
        assert outage["outage_id"] != right[name]["outage_id"]
        assert (outage["started_at"], outage["ended_at"]) == (right[name]["started_at"], right[name]["ended_at"])


def test_an_outage_that_goes_on_expires_and_is_found_again() -> None:
    """Dark since before the false time: nobody knows how it went on meanwhile, so it expires, and opens anew."""
    done, _ = ran(scene(520, Wrong(400, 420, 7200.0), range(360, 520)))
    found = [o for o in map(orjson.loads, done.outages) if o["entity"] == "asn/10"]
    states = [o["state"] for o in found]
    assert "expired" in states
    again = [o for o in found[states.index("expired") + 1 :] if o["state"] == "open"]
    assert again
    assert again[0]["outage_id"] != found[0]["outage_id"]


@pytest.mark.parametrize("kind", ["count", "presence"])
@pytest.mark.parametrize("cut", [1210, 1300, 1405, 1599, 1601])
def test_a_restart_and_other_batches_change_nothing(kind: Kind, cut: int) -> None:
    """The snapshot has what receipts said so far; bytes and state are those of one run, however batches are cut."""
    sent = scene(140, AHEAD, range(100, 120), kind)
    whole, _ = ran(sent, kind)
    first = Run(Shard(settings(kind)))
    give(first, sent[:cut], 7)
    rows = dump(first.shard)
    second = taken_over(first, {name: row for name, row in rows.items() if name not in gone(first.shard, rows)})
    assert heads(second.shard) == heads(first.shard)
    give(second, sent[cut:], 333)
    assert first.outages + second.outages == whole.outages
    assert same(second.shard, whole.shard)


@pytest.mark.parametrize("size", [1, 50, 10_000])
def test_the_first_batch_goes_back_as_any_other(size: int) -> None:
    """A worker that begins anew may read all of it in one batch: time is false within it, and is put back."""
    whole, done = Run(Shard(settings())), Run(Shard(settings()))
    sent = scene(100, Wrong(20, 30, 7200.0))
    give(whole, sent)
    give(done, sent, size)
    assert done.shard.feeds["count"].rewound.times == 1
    assert same(done.shard, whole.shard)
    assert done.outages == whole.outages


def late_backlog() -> list[Sent]:
    """Networks that are right, and one that sends hours of old measurements for hours."""
    old = [(START + 3600 + i * 10.0, message("count", START + i * 5.0, 99, value=1)) for i in range(1000)]
    return sorted([*scene(240), *old])


def paused() -> list[Sent]:
    """A producer that sends all of two hours at once after a pause: received together, measured long ago."""
    return [*scene(60), *((START + 20_000.0 + i / 100, value) for i, (_, value) in enumerate(scene(200)[1200:]))]


def behind() -> list[Sent]:
    """A broker whose clock is an hour behind leads the partition for half an hour: producers are right."""
    return [(r - 3600 if 60 <= (r - START) / 60 < 90 else r, value) for r, value in scene(150)]


def glitch() -> list[Sent]:
    """Receipts that go back by less than `max_step`, again and again."""
    return [(r - 500 if int((r - START) / 60) % 3 == 0 else r, value) for r, value in scene(200)]


def briefly() -> list[Sent]:
    """A broker that is far behind for less than ten minutes, with old measurements only."""
    old = [(START + 3600.0 + i, message("count", START + i, 1 + i % 20, value=1)) for i in range(590)]
    return [*scene(120), *old, *((r + 7200, v) for r, v in scene(3))]


@pytest.mark.parametrize("is_proven", [True, False], ids=["broker stamps", "producers stamp"])
@pytest.mark.parametrize("healthy", [late_backlog, paused, behind, glitch, briefly], ids=lambda f: f.__name__)
def test_a_healthy_feed_never_goes_back(healthy: Callable[[], list[Sent]], is_proven: bool) -> None:
    """Late data, a backlog sent at once, and brokers, or workers, that are behind for a while move no time back."""
    done = Run(Shard(settings()))
    came = give(done, healthy(), is_proven=is_proven)
    assert not any(emitted.setbacks for emitted in came)
    newest = 0.0
    again = Run(Shard(settings()))
    for start in range(0, len(healthy()), 100):
        give(again, healthy()[start : start + 100], is_proven=is_proven)
        assert (again.shard.feeds["count"].watermark.newest or 0.0) >= newest
        newest = again.shard.feeds["count"].watermark.newest or 0.0
    assert done.shard.feeds["count"].rewound.times == 0


@pytest.mark.parametrize("read_at", [None, START + 7200.0], ids=["recording", "replay"])
def test_a_stream_of_producers_words_moves_nothing_back(read_at: float | None) -> None:
    """Where producers stamp, times of receipt prove nothing: old ones may be a replay."""
    done = Run(Shard(settings()))
    give(done, scene(60))
    for minute in range(60):
        values = [message("count", START + minute * 10 + asn, asn, value=1) for asn in range(1, 21)]
        at = START + minute * 10.0
        offsets = range(9000 + 20 * minute, 9020 + 20 * minute)
        emitted = process(done.shard, done.tally, values, offsets, at, is_proven=False, read_at=read_at)
        assert not emitted.setbacks


@settings_of_hypothesis(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_receipts_that_never_go_back_move_no_time_back(seed: int) -> None:
    """Whatever event times producers send, in whatever order, time never goes back while receipts do not."""
    rng = random.Random(seed)
    received, sent = float(START), []
    for _ in range(60):
        received += rng.choice((0, 0, 1, 5, 60, 400, 4000))
        ts = received + rng.choice((0, -5, -100, -5000, -80_000, 100, 500, 5000, 10**7))
        sent.append((received + rng.uniform(0, 1), message("count", ts, rng.randint(1, 6), value=1)))
    done, came = ran(sorted(sent, key=lambda item: item[0]))
    assert not any(emitted.setbacks for emitted in came)
    assert not done.shard.feeds["count"].admission.lead.is_open


def test_most_must_agree_with_receipts() -> None:
    """Where more entities are ahead of receipts than in step with them, the broker's clock is wrong, not theirs."""
    sent = scene(80, AHEAD)

    def goes_back(ahead: Iterable[int]) -> bool:
        lot = list(sent)
        for minute in range(80, 100):
            at = START + MINUTE * minute
            lot += [(at + n, message("count", at + (7000 if n in ahead else 0), n, value=1)) for n in range(1, 21)]
        return any(emitted.setbacks for emitted in ran(lot)[1])

    assert goes_back(range(1, 10))
    assert not goes_back(range(1, 11))
