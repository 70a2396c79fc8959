"""What a worker does to its process before Faust runs."""

from __future__ import annotations

import subprocess
import sys

from streams.app import build
from streams.settings import Settings

PROBE = """
import gc
import streams.run_worker as run_worker
from streams.settings import Feed, Settings
seen = []
class Runner:
    def __init__(self, *_): pass
    def execute_from_commandline(self): seen.append(gc.get_threshold())
run_worker.Runner = Runner
run_worker.topics.check = lambda kafka: 1
run_worker.demand_port = lambda *_: None
feed = Feed(signal="bgp", kind="gauge", bin=300.0)
run_worker.run_worker(Settings(feeds={"bgp": feed}), "WARNING")
print(seen, gc.get_freeze_count() > 10_000)
"""


def test_garbage_collection_is_tamed_before_faust_runs(tmp_path: object) -> None:
    """When Faust takes over, the threshold is high and what was loaded is frozen."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, cwd=str(tmp_path), check=False)
    assert done.stdout.strip() == "[(50000, 20, 100)] True", done.stderr


def test_the_table_is_cut_like_the_topic() -> None:
    """The snapshot table has as many partitions as the measurements."""
    assert build(Settings(), 7, "var").tables["snapshots"].partitions == 7
