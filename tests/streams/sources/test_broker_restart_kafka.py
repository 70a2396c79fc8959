"""A source whose broker goes away and comes back."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.ebbtide import wait_for
from tests.kafka import ApacheKafka
from tests.streams.sources.helpers import START
from tests.streams.sources.test_kafka import OWN, SourceCluster, measured_sums


@pytest.mark.kafka
@pytest.mark.long
def test_a_broker_that_is_killed_costs_nothing(own_kafka: ApacheKafka, tmp_path: Path) -> None:
    """The source connects again by itself and goes on: every record is counted once."""
    made = SourceCluster(own_kafka.address, "source-restart", tmp_path, OWN, 1)

    def send(*minutes: int) -> None:
        records = ({"at": (START + minute * 60) * 1000, "net": {"as": 3333}, "hits": minute + 1} for minute in minutes)
        made.send(*((0, json.dumps(record).encode()) for record in records))

    try:
        process = made.start()
        send(0, 1, 2, 3)
        wait_for("measurements", lambda: len(measured_sums(made.measurements())) == 2)
        own_kafka.restart(kill=True)
        send(4, 5)
        wait_for("measurements after the restart", lambda: len(measured_sums(made.measurements())) == 4)
        assert measured_sums(made.measurements()) == {(START + minute * 60, 3333): minute + 1 for minute in range(4)}
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert b"Traceback" not in errors
    finally:
        made.close()
