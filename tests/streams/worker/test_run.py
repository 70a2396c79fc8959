"""What a worker does to its process before Faust runs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from types import SimpleNamespace
from unittest.mock import AsyncMock, patch

import faust
import pytest
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from streams.broker.faust_fetching import FETCH_WAIT_MS, Thread
from streams.broker.faust_patches import Consumer
from streams.config.settings import KafkaSettings, Settings
from streams.worker.app import build
from streams.worker.run import Runner

PROBE = """
import gc
import streams.worker.run as run_worker
from streams.worker.topic_events import TopicEvents
from streams.config.settings import FeedSettings, Settings
seen = []
class Runner:
    def __init__(self, *_): pass
    def execute_from_commandline(self): seen.append(gc.get_threshold())
run_worker.Runner = Runner
run_worker.topics.check = lambda kafka: 1
run_worker.topics.described = lambda kafka: {}
run_worker.topics.demand_permissions = lambda kafka: None
run_worker.topics.offsets_of_reset = lambda kafka: {}
run_worker.installation.record = lambda settings: ""
run_worker.topic_watch.start = lambda *_: None
run_worker.calendar_topic.load = lambda *_: None
run_worker.calendar_topic.follow = lambda *_: None
TopicEvents.follow = lambda *_: None
run_worker.demand_port = lambda *_: None
feed = FeedSettings(signal="bgp", kind="gauge", bin=300.0)
run_worker.run_worker(Settings(feeds={"bgp": feed}), None)
print(seen, gc.get_freeze_count() > 10_000)
"""


def test_garbage_collection_is_tamed_before_faust_runs(tmp_path: object) -> None:
    """When Faust takes over, the threshold is high and what was loaded is frozen."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, cwd=str(tmp_path), check=False)
    assert done.stdout.strip() == "[(50000, 20, 100)] True", done.stderr


def test_the_table_is_cut_like_the_topic() -> None:
    """The snapshot table has as many partitions as the measurements."""
    assert build(Settings(), 7, "var").tables["snapshots"].partitions == 7


def test_a_worker_has_its_name_in_its_group() -> None:
    """Under `kafka.instance` the broker knows it again; without one it is nobody in particular."""
    named = Settings(kafka=KafkaSettings(instance="one"))
    assert build(named, 1, "var").conf.consumer_group_instance_id == "one"
    assert not build(Settings(), 1, "var").conf.consumer_group_instance_id


@pytest.mark.parametrize(("is_stopping", "ends"), [(True, asyncio.CancelledError), (False, asyncio.InvalidStateError)])
async def test_a_stop_while_it_starts_is_in_order(is_stopping: bool, ends: type[BaseException]) -> None:
    """Faust answers a future twice when it is cancelled while it declares topics; without a signal that is an error."""
    runner = object.__new__(Runner)
    runner._signal_stop_future = asyncio.get_running_loop().create_future() if is_stopping else None
    with patch.object(faust.Worker, "start", AsyncMock(side_effect=asyncio.InvalidStateError)), pytest.raises(ends):
        await runner.start()


def test_a_request_for_records_does_not_wait_long_for_those_it_does_not_ask_for() -> None:
    """Faust's own wait at the broker is not what its consumer gets."""
    app = build(Settings(), 1, "var")
    assert app.transport.Consumer is Consumer
    made = SimpleNamespace(_fetch_max_wait_ms=1500)
    with patch.object(AIOKafkaConsumerThread, "_create_worker_consumer", lambda *_: made):
        assert Thread._create_worker_consumer(object.__new__(Thread), app.transport)._fetch_max_wait_ms == FETCH_WAIT_MS


async def test_a_thread_that_has_crashed_is_stopped_without_an_error() -> None:
    """Its loop is closed by then: mode would log a traceback under the line that says why it crashed."""
    thread = object.__new__(Thread)
    thread.thread_loop, thread._stopped = asyncio.new_event_loop(), asyncio.Event()
    thread.thread_loop.close()
    thread._stopped_set()
    assert thread._stopped.is_set()
