"""Areas over several partitions: what `ebbtide detect` finds on all measurements, whoever reads what, and when."""

from __future__ import annotations

import random
from collections import Counter

import orjson
import pytest
from hypothesis import given
from hypothesis import settings as example
from hypothesis import strategies as st

from schemas.partial import decode_partial
from tests.streams import divided
from tests.streams.divided import NETWORKS, Divided, Values, alone, split, traffic
from tests.streams.helpers import HOUR, KINDS, START, message

HOMES = st.lists(st.integers(0, 3), min_size=NETWORKS, max_size=NETWORKS)
TWO = {asn: asn % 2 for asn in range(1, NETWORKS + 1)}


def newest(outages: list[bytes]) -> dict[tuple[str, int], bytes]:
    """Return outages by id and revision, none of them with two contents."""
    found: dict[tuple[str, int], bytes] = {}
    for value in outages:
        outage = orjson.loads(value)
        assert found.setdefault((outage["outage_id"], outage["revision"]), value) == value
    return found


@example(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), HOMES, st.sampled_from([1, 2, 4]), st.sampled_from([170, 600, 100_000]))
def test_any_split_finds_what_one_finds(seed: int, homes: list[int], partitions: int, every: int) -> None:
    """Networks of every kind of feed spread at random, partitions without any among them: byte by byte the same."""
    its, messages = divided.settings(partitions, KINDS), traffic(seed, KINDS)
    logs = split(messages, {asn: home % partitions for asn, home in enumerate(homes, 1)}, partitions)
    done = Divided(its, logs).run(every)
    assert sorted(done.sent) == sorted(alone(its, messages))
    assert (done.late, [stage.waiting(kind) for stage in done.stages for kind in KINDS]) == (0, [0] * 5 * partitions)


def test_what_is_compared_is_something() -> None:
    """Each kind of feed has outages, nearly all of them some that end; and the sums are not whole numbers."""
    its, messages = divided.settings(2, KINDS), traffic(3, KINDS)
    done = Divided(its, split(messages, TWO, 2)).run()
    states = Counter((one["feed"], one["state"]) for one in map(orjson.loads, done.sent))
    assert {kind for kind in KINDS if states[kind, "open"] and states[kind, "closed"]} == set(KINDS) - {"ratio"}
    assert states["ratio", "suspected"] > 1
    assert any(name.endswith(".low") for sent in done.partials for one in sent for name in decode_partial(one).sums)
    assert all(done.partials)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_crash_after_any_write_or_sending_loses_and_doubles_nothing(seed: int) -> None:
    """Tables and topics as they were then; all is read again, and every revision is there, with the same bytes."""
    its, messages = divided.settings(2, ("gauge", "count")), traffic(seed, ("gauge", "count"), 26, range(14, 18))
    logs = split(messages, TWO, 2)
    whole = Divided(its, logs).run(60)
    expected = newest(whole.sent)
    assert len(expected) > 5
    assert sorted(expected.values()) == sorted(alone(its, messages))
    for point in range(seed, len(whole.journal), len(whole.journal) // 25):
        again = Divided(its, logs, whole, point).run(170)
        assert newest(again.sent) == expected
        assert again.late == 0


def test_crash_upon_crash(seed: int = 5) -> None:
    """Each run begins where the one before was cut off, after a few writes or sendings each time."""
    its, messages = divided.settings(2, ("ratio",)), traffic(seed, ("ratio",), 26, range(14, 18))
    logs, chance = split(messages, TWO, 2), random.Random(seed)
    running, point = Divided(its, logs).run(60), 0
    for _ in range(15):
        point = min(point + chance.randrange(20, 200), len(running.journal))
        running = Divided(its, logs, running, point).run(60)
    assert sorted(newest(running.sent).values()) == sorted(alone(its, messages))


def test_areas_wait_for_a_partition_that_is_behind() -> None:
    """One has read nothing for long: no bin closes, all that waits is in the snapshots, and then nothing is late."""
    its, messages = divided.settings(2, ("gauge", "presence")), traffic(4, ("gauge", "presence"))
    done = Divided(its, split(messages, TWO, 2))
    while done.read[0] < len(done.logs[0]):
        done.take(0, 100)
        done.tell(1e9)
        done.sum()
        done.save()
    assert done.sent == []
    assert max(stage.waiting("gauge") for stage in done.stages) >= 28
    again = Divided(its, done.logs, done, len(done.journal)).run(100)
    assert sorted(again.sent) == sorted(alone(its, messages))
    assert again.late == 0


def test_a_partition_that_never_has_data_is_not_waited_for() -> None:
    """It says that it has nothing, up to the bin that the clock lets close, once for each; from then on at once."""
    its, messages = divided.settings(2, ("gauge",), idle_after=60.0), traffic(6, ("gauge",))
    done = Divided(its, split(messages, dict.fromkeys(TWO, 1), 2))
    for now in range(0, 100, 10):
        done.take(1, 20)
        done.tell(float(now))
        done.sum()
        assert any(stage.areas.closed for one in done.stages for stage in one.sites.values()) == (now >= 60)
    done.save()
    again = Divided(its, done.logs, done, len(done.journal)).run(10)
    assert sorted(again.sent) == sorted(alone(its, messages))
    empty = [one for sent in again.partials for one in map(decode_partial, sent) if one.weight is None]
    told = Counter((one.areas, one.start) for one in empty)
    assert max(told.values()) == 1
    assert max(start for _, start in told) == START + 28 * HOUR


def test_a_partition_with_something_unread_says_nothing() -> None:
    """What is unread may be of that feed: only what was read to its end is empty."""
    its, messages = divided.settings(2, ("gauge", "count")), traffic(6, ("gauge",))
    other: Values = [message("count", START + hour * HOUR, 99) for hour in range(30)]
    done = Divided(its, [other, *split(messages, dict.fromkeys(TWO, 0), 1)])
    done.take(1, len(messages))
    for _ in range(29):
        done.take(0, 1)
        done.tell(1e9)
        done.sum()
    sites = {site.feed: site for stage in done.stages for site in stage.sites.values()}
    assert (sites["gauge"].areas.closed, sites["count"].areas.closed) == (None, START + 26 * HOUR)
    done.run()
    assert sorted(one for one in done.sent if b'"feed":"gauge"' in one) == sorted(alone(its, messages))


def test_data_where_there_was_none_is_counted_when_it_comes_too_late() -> None:
    """A partition has said that it has nothing, and then has: those bins stand, and a counter says so."""
    its, messages = divided.settings(2, ("gauge",)), traffic(7, ("gauge",))
    logs = split(messages, dict.fromkeys(TWO, 1), 2)
    done = Divided(its, logs).run()
    logs[0] += [message("gauge", START + hour * HOUR, 77, region="IR-12", value=5) for hour in range(20, 40)]
    done.run(1)
    assert done.late == 9 * 2  # bins of hours 20 to 28, in the country and in the region
    assert done.partitions[0].shard.counts["gauge"].late == 0
