"""Quix Streams: a rolling mean per key in its state store, as its guide shows it.

Run as `python -m tests.benchmarks.rolling_quix ADDRESS TOPIC TURN COUNT`; prints two readings.
"""

from __future__ import annotations

import sys
import tempfile
from typing import Any

from quixstreams import Application, State

from tests.benchmarks.reading import tell

ADDRESS, TOPIC, TURN, COUNT = sys.argv[1:]
seen = 0


def mean(measurement: dict[str, Any], state: State) -> float:
    """Take a measurement into the mean of its key over the last ten or so."""
    global seen
    before = state.get("mean", measurement["value"])
    after = float(before + (measurement["value"] - before) / 10)
    state.set("mean", after)
    seen += 1
    if seen in (1, int(COUNT)):
        tell(seen)
    return after


if __name__ == "__main__":
    app = Application(
        broker_address=ADDRESS,
        consumer_group=f"quix-{TURN}",
        auto_offset_reset="earliest",
        state_dir=tempfile.mkdtemp(dir="."),
        loglevel="ERROR",
    )
    stream = app.dataframe(app.topic(TOPIC, key_deserializer="str", value_deserializer="json"))
    stream.apply(mean, stateful=True)
    app.run()
