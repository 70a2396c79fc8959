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
from schemas.times import format_time
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


@example(max_examples=8)
@given(st.integers(0, 10_000), HOMES, st.sampled_from([1, 2, 4]), st.sampled_from([170, 600, 100_000]))
def test_any_split_finds_what_one_finds(seed: int, homes: list[int], partitions: int, every: int) -> None:
    """Networks of every kind of feed spread at random, partitions without any among them: byte by byte the same."""
    settings, messages = divided.settings(partitions, KINDS), traffic(seed, KINDS)
    logs = split(messages, {asn: home % partitions for asn, home in enumerate(homes, 1)}, partitions)
    done = Divided(settings, logs).run(every)
    assert sorted(done.sent) == sorted(alone(settings, messages))
    assert (done.late, [stage.waiting(kind) for stage in done.stages for kind in KINDS]) == (0, [0] * 5 * partitions)


def test_what_is_compared_is_something() -> None:
    """Each kind of feed has outages, nearly all of them some that end; and the sums are not whole numbers."""
    settings, messages = divided.settings(2, KINDS), traffic(3, KINDS)
    done = Divided(settings, split(messages, TWO, 2)).run()
    states = Counter((outage["feed"], outage["state"]) for outage in map(orjson.loads, done.sent))
    assert {kind for kind in KINDS if states[kind, "open"] and states[kind, "closed"]} == set(KINDS) - {"ratio"}
    assert states["ratio", "suspected"] > 1
    assert any(
        name.endswith(".low") for sent in done.partials for message in sent for name in decode_partial(message).sums
    )
    assert all(done.partials)


@pytest.mark.parametrize("every", [170, 100_000])
def test_a_network_that_returns_after_a_day_is_the_same_in_partitions(every: int) -> None:
    """The largest of eight returns with a third: its country falls then, whoever sums it, from a snapshot or not."""
    settings, messages = divided.settings(2, ("gauge",)), list[tuple[int, bytes]]()
    for asn, value in traffic(8, ("gauge",), 100, range(0)):
        fields = orjson.loads(value)
        hour = (fields["ts"] - START) // HOUR
        left = 1 / 3 if asn == NETWORKS and hour >= 86 else 1
        if asn != NETWORKS or hour < 60 or hour >= 86:
            messages.append((asn, orjson.dumps({**fields, "value": fields["value"] * left})))
    found = alone(settings, messages)
    assert {outage["entity"] for outage in map(orjson.loads, found)} >= {"country/KZ"}
    assert min(orjson.loads(outage)["started_at"] for outage in found) == format_time(START + 86 * HOUR)
    assert sorted(Divided(settings, split(messages, TWO, 2)).run(every).sent) == sorted(found)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_crash_after_any_write_or_sending_loses_and_doubles_nothing(seed: int) -> None:
    """Tables and topics as they were then; all is read again, and every revision is there, with the same bytes."""
    settings, messages = divided.settings(2, ("gauge", "count")), traffic(seed, ("gauge", "count"), 26, range(14, 18))
    logs = split(messages, TWO, 2)
    whole = Divided(settings, logs).run(60)
    expected = newest(whole.sent)
    assert len(expected) > 5
    assert sorted(expected.values()) == sorted(alone(settings, messages))
    for point in range(seed, len(whole.journal), len(whole.journal) // 25):
        again = Divided(settings, logs, whole, point).run(170)
        assert newest(again.sent) == expected
        assert again.late == 0


def test_crash_upon_crash(seed: int = 5) -> None:
    """Each run begins where the one before was cut off, after a few writes or sendings each time."""
    settings, messages = divided.settings(2, ("ratio",)), traffic(seed, ("ratio",), 26, range(14, 18))
    logs, chance = split(messages, TWO, 2), random.Random(seed)
    running, point = Divided(settings, logs).run(60), 0
    for _ in range(15):
        point = min(point + chance.randrange(20, 200), len(running.journal))
        running = Divided(settings, logs, running, point).run(60)
    assert sorted(newest(running.sent).values()) == sorted(alone(settings, messages))


def test_areas_wait_for_a_partition_that_is_behind() -> None:
    """One has read nothing for long: no bin closes, all that waits is in the snapshots, and then nothing is late."""
    settings, messages = divided.settings(2, ("gauge", "presence")), traffic(4, ("gauge", "presence"))
    done = Divided(settings, split(messages, TWO, 2))
    while done.read[0] < len(done.logs[0]):
        done.take(0, 100)
        done.tell(1e9)
        done.sum()
        done.save()
    assert done.sent == []
    assert max(stage.waiting("gauge") for stage in done.stages) >= 28
    again = Divided(settings, done.logs, done, len(done.journal)).run(100)
    assert sorted(again.sent) == sorted(alone(settings, messages))
    assert again.late == 0


def test_a_partition_that_never_has_data_is_not_waited_for() -> None:
    """It says that it has nothing, up to the bin that the clock lets close, once for each; from then on at once."""
    settings, messages = divided.settings(2, ("gauge",), idle_after=60.0), traffic(6, ("gauge",))
    done = Divided(settings, split(messages, dict.fromkeys(TWO, 1), 2))
    for now in range(0, 100, 10):
        done.take(1, 20)
        done.tell(float(now))
        done.sum()
        assert any(stage.areas.closed for run in done.stages for stage in run.sites.values()) == (now >= 60)
    done.save()
    again = Divided(settings, done.logs, done, len(done.journal)).run(10)
    assert sorted(again.sent) == sorted(alone(settings, messages))
    empty = [part for sent in again.partials for part in map(decode_partial, sent) if part.weight is None]
    reported = Counter((part.areas, part.start) for part in empty)
    assert max(reported.values()) == 1
    assert max(start for _, start in reported) == START + 28 * HOUR


def test_a_partition_with_something_unread_says_nothing() -> None:
    """What is unread may be of that feed: only what was read to its end is empty."""
    settings, messages = divided.settings(2, ("gauge", "count")), traffic(6, ("gauge",))
    other: Values = [message("count", START + hour * HOUR, 99) for hour in range(30)]
    done = Divided(settings, [other, *split(messages, dict.fromkeys(TWO, 0), 1)])
    done.take(1, len(messages))
    for _ in range(29):
        done.take(0, 1)
        done.tell(1e9)
        done.sum()
    sites = {site.feed: site for stage in done.stages for site in stage.sites.values()}
    assert (sites["gauge"].areas.closed, sites["count"].areas.closed) == (None, START + 26 * HOUR)
    done.run()
    assert sorted(outage for outage in done.sent if b'"feed":"gauge"' in outage) == sorted(alone(settings, messages))


def test_data_where_there_was_none_is_counted_when_it_comes_too_late() -> None:
    """A partition has said that it has nothing, and then has: those bins stand, and a counter says so."""
    settings, messages = divided.settings(2, ("gauge",)), traffic(7, ("gauge",))
    logs = split(messages, dict.fromkeys(TWO, 1), 2)
    done = Divided(settings, logs).run()
    logs[0] += [message("gauge", START + hour * HOUR, 77, region="IR-12", value=5) for hour in range(20, 40)]
    done.run(1)
    assert done.late == 9 * 2  # bins of hours 20 to 28, in the country and in the region
    assert done.partitions[0].shard.counts["gauge"].late == 0
