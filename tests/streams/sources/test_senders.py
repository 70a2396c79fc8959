"""A batch of which a message fails: its error is raised, and those of messages before it are no surprise."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.config.settings import KafkaSettings
from streams.sources.part_clock import Position
from streams.sources.senders import DeadRecord, KafkaSender, SourceBatch


class Failing:
    """A producer that takes one message, and fails with the second; then the first one's delivery fails, too."""

    def __init__(self) -> None:
        self.taken: list[asyncio.Future[Any]] = []

    async def begin_transaction(self) -> None:
        """Begin."""

    async def abort_transaction(self) -> None:
        """Abort; what was taken fails."""
        for delivery in self.taken:
            delivery.set_exception(KafkaConnectionError("gone"))
        self.taken.clear()

    async def send(self, *_: object, **__: object) -> asyncio.Future[Any]:
        """Take a message."""
        if self.taken:
            raise KafkaConnectionError("closed")
        self.taken.append(asyncio.get_running_loop().create_future())
        return self.taken[0]


async def test_no_error_is_logged_as_never_retrieved() -> None:
    """The second message of a batch fails, and so does the delivery of the first: one error is raised."""
    surprises: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: surprises.append(context))
    batch = SourceBatch([], [DeadRecord("t", "0", 0, b"x", "invalid", "")], {"0": Position(done=1)})
    with pytest.raises(KafkaConnectionError, match="closed"):
        await KafkaSender(KafkaSettings(), "s", Failing(), 1).send(batch)
    await asyncio.sleep(0)
    gc.collect()
    assert surprises == []
