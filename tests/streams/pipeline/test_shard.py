"""The pipeline's promises: however messages are cut into batches, the same comes out, and nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors.types import Kind
from streams.ingest.batch import Batch
from streams.ingest.columns import Columns
from streams.pipeline.process import Tally, process
from streams.pipeline.shard import Shard
from streams.state.shard_rows import dump, heads
from tests.streams import helpers
from tests.streams.helpers import DAY, HOUR, KINDS, LATER, START, Run, message, run, states, traffic

SEEDS = st.integers(0, 10_000)
CUTS = st.lists(st.integers(0, 1500), max_size=30)
FEW = settings(max_examples=12)


def everything(done: Run) -> tuple[object, ...]:
    """What came out, and the whole state left behind."""
    return done.ran(), dump(done.shard, whole=True), heads(done.shard)


@FEW
@given(SEEDS, CUTS)
def test_any_cut_into_batches_gives_the_same_bytes_and_state(seed: int, cuts: list[int]) -> None:
    """Outages in order, dead letters, counts and the state do not depend on where a run of records ends."""
    values = traffic(seed)
    assert everything(run(helpers.settings(), values, cuts)) == everything(run(helpers.settings(), values))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_message_by_message_is_as_all_at_once(seed: int) -> None:
    """The smallest batches give what the largest one gives; the traffic does have outages, late and dead ones."""
    values = traffic(seed)
    whole = run(helpers.settings(), values)
    assert everything(run(helpers.settings(), values, range(len(values)))) == everything(whole)
    found = states(whole.outages)
    assert found["open"] >= 4
    assert found["closed"] >= 2
    assert {reason for _, reason, _ in whole.dead} >= {"unknown-feed", "too-far-ahead", "unusable"}
    assert all(count.late for count in whole.shard.counts.values())


@FEW
@example(seed=81, cuts=[751], forget=0.0, expire=2.0 * HOUR)  # a suspicion fades and its row goes, within one batch
@given(SEEDS, CUTS, st.sampled_from([0.0, 2 * HOUR]), st.sampled_from([2 * HOUR, DAY]))
def test_cuts_matter_as_little_when_series_are_forgotten_and_outages_expire(
    seed: int, cuts: list[int], forget: float, expire: float
) -> None:
    """Rows that are freed and given to others at the end of a day are the same rows under any cut."""
    settings = helpers.settings(forget_after=forget, expire_after=expire)
    values = traffic(seed, bins=28, feeds=("count", "presence", "gauge"))
    moved = [value and value.replace(b'"asn":2', b'"asn":%d' % (20 + i % 9)) for i, value in enumerate(values)]
    assert everything(run(settings, moved, cuts)) == everything(run(settings, moved))


@FEW
@given(SEEDS, CUTS)
def test_nothing_is_lost(seed: int, cuts: list[int]) -> None:
    """Received = binned + late + dead + held, whatever came and however it was cut."""
    done = run(helpers.settings(), traffic(seed), cuts)
    counts = done.shard.counts.values()
    binned, late = sum(count.binned for count in counts), sum(count.late for count in counts)
    assert done.tally.received == binned + late + sum(done.tally.dead.values()) + done.shard.pending()
    assert sum(done.tally.dead.values()) == len(done.dead)
    assert sum(c.taken for c in counts) == binned + late + sum(c.rejected for c in counts) + done.shard.pending()


def test_two_feeds_in_one_batch_tell_their_outages_in_order_of_arrival() -> None:
    """Revisions are sorted by the measurement that closed their bin, not by feed."""
    done = run(helpers.settings(), traffic(1))
    again = run(helpers.settings(), traffic(1), range(0, 2000, 7))
    assert done.outages == again.outages
    assert done.shard.counts["count"].outages + done.shard.counts["gauge"].outages >= 2


@pytest.mark.parametrize("kind", KINDS)
def test_an_element_of_an_array_is_dead_with_its_own_bytes(kind: Kind) -> None:
    """The rejected element keeps unknown fields and spelling; its neighbours are binned."""
    good = message(kind, START, member="a", up=True)
    odd = b'{"ts": 1577664000.0,  "feed":"nobody", "asn":7, "more":[1, 2]}'
    done = run(helpers.settings(), [b"[%b, 5, %b ,%b]" % (good, odd, good)])
    assert [letter[1:] for letter in done.ran().dead] == [("unknown-feed", odd), ("wrong-type", b"5")]
    assert done.shard.counts[kind].binned == 2


def test_unknown_feeds_leave_no_state() -> None:
    """A feed that is not in the settings takes no row and no count."""
    shard = Shard(helpers.settings(("count",)))
    done = Run(shard)
    done.take([message("nobody", START)])
    assert list(shard.feeds) == list(shard.counts) == ["count"]
    assert shard.counts["count"].taken == 0


def test_advance_of_a_feed_that_is_not_there_or_has_seen_nothing() -> None:
    """The clock of an unknown or silent feed closes nothing."""
    shard = Shard(helpers.settings(("count",)))
    assert shard.advance("nobody", LATER).bin_reports == []
    assert shard.advance("count", LATER).bin_reports == []
    assert shard.newest() == {}


def test_a_measurement_ahead_of_its_receipt_is_dead() -> None:
    """More than `max_ahead` after the time of receipt, each message by its own."""
    done = Run(Shard(helpers.settings(("count",))))
    done.take([message("count", START)], received=START - 600)
    done.take([message("count", START + 1)], received=START - 600)
    assert [(offset, reason) for offset, reason, _ in done.dead] == [(1, "too-far-ahead")]


def test_receive_times_are_those_of_the_messages() -> None:
    """Each measurement of an array is judged by the time at which its message came."""
    shard = Shard(helpers.settings(("count",)))
    array = b"[%b,%b]" % (message("count", START), message("count", START + 1))
    emitted = process(shard, Tally(), [array, message("count", START + 2)], [5, 9], [START, START - 9000])
    assert [(dead.origin.offset, dead.reason) for dead in emitted.dead_letters] == [(9, "too-far-ahead")]
    assert shard.counts["count"].binned == 2


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        ("presence", {"member": "a"}, "unusable"),
        ("presence", {"up": True}, "unusable"),
        ("distinct", {}, "unusable"),
        ("ratio", {"value": 2}, "out-of-range"),
    ],
)
def test_what_a_kind_cannot_use_is_dead(kind: Kind, fields: dict[str, object], reason: str) -> None:
    """A measurement that lacks what its feed's kind needs is rejected, and makes no series."""
    done = run(helpers.settings(), [message(kind, START, 1, **fields)])
    assert [letter[1] for letter in done.dead] == [reason]
    assert len(done.shard.feeds[kind].index) == 0


def test_an_empty_batch_is_nothing() -> None:
    """No measurements, no output."""
    emitted = Shard(helpers.settings()).apply(Batch([], range(0), [], [], 0.0, Columns.bare([])))
    assert (emitted.bin_reports, emitted.dead_letters) == ([], [])
