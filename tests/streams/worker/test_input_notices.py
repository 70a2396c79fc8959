"""Readiness and the page's sentences about what producers send, of workers made by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast
from unittest.mock import patch

import pytest

from detectors.rewound import NEVER
from detectors.watermark import TimeRule
from streams.broker.transport import OpenTransaction
from streams.pipeline.fast_clocks import FastClocks
from streams.pipeline.setback import Setback
from streams.worker import health
from streams.worker.agents import Worker
from streams.worker.health import not_ready, readiness
from streams.worker.input_notices import notices


def worker_with(
    lag: int | None, waiting: OpenTransaction | None, partitions: dict[int, SimpleNamespace] | None = None
) -> Worker:
    """Return a worker of partition 3, which has this lag and waits for this transaction."""
    tables = SimpleNamespace(recovery=SimpleNamespace(completed=SimpleNamespace(is_set=lambda: True)))
    made = SimpleNamespace(
        app=SimpleNamespace(rebalancing=False, in_recovery=False, tables=tables),
        topic_events=SimpleNamespace(trouble=None, is_whole=True),
        guard=SimpleNamespace(reasons=list),
        settings=SimpleNamespace(worker=SimpleNamespace(max_records=100)),
        assigned=lambda: [3],
        partitions=partitions or {},
        clock=lambda: 5000.0,
        lag=lambda number: lag,
        open_transaction=lambda number: waiting,
    )
    return cast("Worker", made)


@pytest.mark.parametrize(
    ("lag", "waiting", "reason"),
    [
        (0, None, None),
        (101, None, "partitions [3] are behind"),
        (None, None, "partitions [3] are behind"),
        (5000, OpenTransaction(4950, 20.0), None),
        (5101, OpenTransaction(5000, 20.0), "partitions [3] are behind"),
        (5000, OpenTransaction(5000, 400.0), "partitions [3] wait for a producer that has not ended its transaction"),
    ],
)
def test_an_open_transaction_is_no_lag_of_the_worker_until_it_lasts(
    lag: int | None, waiting: OpenTransaction | None, reason: str | None
) -> None:
    """What nobody may read yet is not what the worker is behind with; one that never ends makes it unready."""
    assert not_ready(worker_with(lag, waiting)) == reason


def test_a_worker_without_a_partition_is_not_ready() -> None:
    """On standby while others have them all, of which a probe may be content; else nobody has assigned any yet."""
    worker = worker_with(0, None)
    worker.assigned = list  # type: ignore[method-assign]
    with patch.object(health, "is_standby", return_value=True):
        assert not_ready(worker) == health.STANDBY
        assert [readiness(worker, is_standby_fine=fine).status for fine in (False, True)] == [503, 200]
    with patch.object(health, "is_standby", return_value=False):
        assert not_ready(worker) == "no partition is assigned to this worker"
        assert readiness(worker, is_standby_fine=True).status == 503


def test_the_page_names_a_transaction_that_does_not_end() -> None:
    """Partition, messages and minutes; nothing of one that has just begun."""
    assert notices(worker_with(7, OpenTransaction(7, health.TRANSACTION_PATIENCE - 1))) == []
    assert notices(worker_with(1204, OpenTransaction(1204, 420.0))) == [
        "1,204 messages of partition 3 are not read: a producer has not ended its transaction for 7 minutes."
    ]


def test_the_page_names_missing_keys_and_stray_networks_for_a_while() -> None:
    """The partitions without keys, and one network with where it belongs; nothing a quarter of an hour later."""
    keys = [(None, None), (4990.0, None), (4200.0, 4990.0), (4000.0, 4000.0)]
    stages = {
        number: SimpleNamespace(
            keys=SimpleNamespace(no_key_at=no_key, stray_at=stray, stray=f"asn/{number} belongs there"),
            limits=SimpleNamespace(refused_at=None),
            setbacks={},
            shard=SimpleNamespace(feeds={}),
        )
        for number, (no_key, stray) in enumerate(keys)
    }
    assert notices(worker_with(0, None, stages)) == [
        "Messages without a key came in partitions [1, 2]; they are dead letters.",
        "A producer chooses partitions by another hash: asn/2 belongs there.",
    ]


def feed_with(used: dict[str, float]) -> SimpleNamespace:
    """Return a feed that uses these shares of its limits and whose clocks are right."""
    return SimpleNamespace(
        room=SimpleNamespace(used=used.copy),
        admission=SimpleNamespace(fast_clocks=FastClocks()),
        watermark=SimpleNamespace(newest=None),
        rules=SimpleNamespace(time=TimeRule(300, 60.0, 600.0)),
    )


def test_the_page_names_limits_that_are_nearly_reached_and_where_something_was_refused() -> None:
    """A sentence for each limit of a feed, with the partition that uses most; refusals for a quarter of an hour."""
    shares = [{"series": 0.79, "services": 0.1}, {"series": 0.8}, {"series": 0.934}]
    stages = {
        number: SimpleNamespace(
            keys=SimpleNamespace(no_key_at=None, stray_at=None, stray=""),
            limits=SimpleNamespace(refused_at=at),
            setbacks={},
            shard=SimpleNamespace(feeds={"bgp": feed_with(used)}),
        )
        for number, (used, at) in enumerate(zip(shares, (None, 4000.0, 4990.0), strict=True))
    }
    assert notices(worker_with(0, None, stages)) == [
        "Measurements of new series in partitions [2] are dead letters: a feed has reached a limit.",
        "Feed bgp uses 93% of limits.series in partition 2; what is new beyond it is refused.",
    ]


def test_the_page_names_feeds_whose_time_went_back_for_a_while() -> None:
    """For a quarter of an hour: by how much, after how long, and what was dropped."""
    setback = Setback(9000.0, 2000.0, 600.0, 1, 20, 3, NEVER)
    stage = SimpleNamespace(
        keys=SimpleNamespace(no_key_at=None, stray_at=None, stray=""),
        limits=SimpleNamespace(refused_at=None),
        shard=SimpleNamespace(feeds={}),
        setbacks={"bgp": (4200.0, setback), "old": (4000.0, setback)},
    )
    assert notices(worker_with(0, None, {3: stage})) == [
        "The time of feed bgp was 7,000 s ahead of receipt for 600 s and went back: "
        "bins dropped 1, with series 20; outages ended 3."
    ]
