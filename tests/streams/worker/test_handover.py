"""A worker whose partitions are taken away while it groups findings, which takes seconds when thousands fall."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry

from schemas.bin_report import encode
from schemas.incident import Incident
from streams.pipeline.emitted import Emitted
from streams.pipeline.findings import pieces_of
from streams.state.incident_stage import IncidentStage
from streams.worker.agents import Worker
from streams.worker.metrics import Metrics
from tests.streams.finding_helpers import SETTINGS, by_shard, two_feeds
from tests.streams.helpers import records

ONE_PARTITION = msgspec.structs.replace(SETTINGS, kafka=msgspec.structs.replace(SETTINGS.kafka, partitions=1))


class Sent:
    """A publisher that keeps the incidents that it is to send."""

    def __init__(self) -> None:
        self.incidents: list[Incident] = []

    async def publish(self, stage: IncidentStage, emitted: Emitted) -> None:
        """Keep them."""
        self.incidents += emitted.incidents

    async def settle(self, stage: str) -> None:
        """Wait for nothing."""


class Stream:
    """A stream of one batch; counts what is released and acknowledged."""

    def __init__(self, values: Sequence[bytes], is_void: bool = False) -> None:
        run = records(values)
        self.released, self.acknowledged = 0, 0
        self.batch = SimpleNamespace(tp=TP("findings", 0), run=run, release=self._release, is_void=is_void)

    def _release(self) -> None:
        self.released += 1

    def noack(self) -> Stream:
        """Return itself."""
        return self

    async def events(self) -> AsyncIterator[Any]:
        """Yield the batch."""
        yield SimpleNamespace(value=self.batch)

    async def ack(self, event: object) -> None:
        """Count."""
        self.acknowledged += 1


@pytest.mark.parametrize("is_taken_away", [False, True])
def test_a_lost_stage_publishes_nothing(is_taken_away: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker may have sent newer revisions; it reads the batch, which is not acknowledged, and publishes it."""
    (findings,) = by_shard(ONE_PARTITION, two_feeds(), 1)
    stream, sent = Stream([encode(piece) for finding in findings for piece in pieces_of(finding)]), Sent()
    metrics = Metrics(CollectorRegistry(), tuple(ONE_PARTITION.feeds), ())
    worker = Worker(ONE_PARTITION, cast("Any", None), {}, metrics, cast("Any", sent), lambda: 1e6, lambda: None)
    process = IncidentStage.process

    def slowly(stage: IncidentStage, *given: Any) -> Emitted:  # noqa: ANN401
        emitted = process(stage, *given)
        if is_taken_away:
            worker.release()
        return emitted

    monkeypatch.setattr(IncidentStage, "process", slowly)
    asyncio.run(worker.grouping.run(stream))
    assert bool(sent.incidents) is not is_taken_away
    assert (stream.released, stream.acknowledged) == (1, 0)


def test_a_batch_of_before_a_seek_is_not_taken() -> None:
    """It is released, and neither applied nor acknowledged: it comes again, after what lies before it."""
    (findings,) = by_shard(ONE_PARTITION, two_feeds(), 1)
    stream = Stream([encode(piece) for finding in findings for piece in pieces_of(finding)], is_void=True)
    metrics = Metrics(CollectorRegistry(), tuple(ONE_PARTITION.feeds), ())
    worker = Worker(ONE_PARTITION, cast("Any", None), {}, metrics, cast("Any", Sent()), lambda: 1e6, lambda: None)
    asyncio.run(worker.grouping.run(stream))
    assert (stream.released, stream.acknowledged) == (1, 0)
    assert worker.grouping.at(0).applied == -1
