"""A Faust app for the transport's tests: writes down what reaches its agents, one line an event.

Run as `python -m tests.streams.broker.transport_app BROKER APP_ID DIRECTORY LOG [key=value ...]`. It reads
APP_ID-batches in batches and APP_ID-words record by record.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import faust
from aiokafka.cluster import ClusterMetadata
from faust import EventT, StreamT
from faust.types import TP

from streams.broker.faust_group import Assignor
from streams.broker.transport import BatchSchema, RecordBatch, batch_topic, lag

OPTIONS = {"pause": "0", "ack_every": "1", "max_records": "100", "buffer": "4", "table": "yes"}
OPTIONS |= {"session": "30", "unknown": "0"}  # only a member that dies needs a short session


class Journal:
    """Appends lines that survive a kill -9 of the process: each is one write to a file that is never buffered."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, *fields: object) -> None:
        """Append one line of space-separated fields."""
        os.write(self._file, (" ".join(map(str, fields)) + "\n").encode())


def new_app(broker: str, app_id: str, directory: Path, session: float) -> faust.App:
    """Return the app with Faust's settings as the worker has them, and short times."""
    return faust.App(
        app_id,
        broker=f"batchkafka://{broker}",
        store="memory://",
        datadir=str(directory),
        topic_partitions=3,
        topic_replication_factor=1,
        stream_wait_empty=False,
        web_enabled=False,
        broker_commit_interval=0.5,
        broker_session_timeout=session,
        broker_heartbeat_interval=0.5,
        PartitionAssignor=Assignor,
    )


def hide_changelog(answers: int) -> None:
    """Make that many answers with a changelog be as those of a broker that does not know it yet, for each client."""
    seen: defaultdict[int, int] = defaultdict(int)
    update, find = ClusterMetadata.update_metadata, ClusterMetadata.partitions_for_topic

    def updated(cluster: ClusterMetadata, metadata: Any) -> None:  # noqa: ANN401
        update(cluster, metadata)
        seen[id(cluster)] += any(name.endswith("-changelog") for name in cluster.topics())

    def partitions_now(cluster: ClusterMetadata, topic: str) -> Any:  # noqa: ANN401
        return None if topic.endswith("-changelog") and seen[id(cluster)] <= answers else find(cluster, topic)

    if answers:
        ClusterMetadata.update_metadata, ClusterMetadata.partitions_for_topic = updated, partitions_now


def add_batch_agent(app: faust.App, journal: Journal, options: dict[str, str]) -> None:
    """Write a line `batch partition first last size` for each batch, and acknowledge some batches later."""
    name = f"{app.conf.id}-batches"
    topic = batch_topic(app, name, max_records=int(options["max_records"]), buffer=int(options["buffer"]))
    pause, ack_every = float(options["pause"]), int(options["ack_every"])

    @app.agent(topic)  # type: ignore[untyped-decorator]
    async def batches(stream: StreamT[RecordBatch]) -> None:
        pending: list[EventT[RecordBatch]] = []
        async for event in stream.noack().events():
            batch = event.value
            journal.write("batch", batch.tp.partition, batch.first_offset, batch.offset, len(batch))
            batch.release()
            pending.append(event)
            await asyncio.sleep(pause)
            if len(pending) >= ack_every:
                for done in pending:
                    done.ack()
                pending.clear()


def add_ordinary_agent(app: faust.App, journal: Journal) -> None:
    """Read words record by record, count each in a table and write `word partition offset word count`."""
    counts = app.Table("counts", default=int, partitions=3)
    topic = app.topic(f"{app.conf.id}-words", key_type=str, value_serializer="raw")

    @app.agent(topic)  # type: ignore[untyped-decorator]
    async def words(stream: StreamT[Any]) -> AsyncIterator[None]:
        async for event in stream.events():
            counts[event.key] += 1
            journal.write("word", event.message.partition, event.message.offset, event.key, counts[event.key])
            yield


def add_watch(app: faust.App, journal: Journal) -> None:
    """Write a line for each assignment; four times a second `waiting batches` and `lag partition number` for each."""

    @app.timer(0.25)  # type: ignore[untyped-decorator]
    async def watch() -> None:
        waiting = [channel.queue.qsize() for channel in app.topics if isinstance(channel.schema, BatchSchema)]
        journal.write("waiting", sum(waiting))
        for tp in sorted(app.consumer.assignment()):
            if tp.topic.endswith("-batches"):
                journal.write("lag", tp.partition, lag(app, tp))

    @app.on_partitions_assigned.connect  # type: ignore[untyped-decorator]
    async def assigned(_: object, partitions: set[TP], **__: object) -> None:
        journal.write("assigned", *sorted(tp.partition for tp in partitions if tp.topic.endswith("-batches")))


def main(broker: str, app_id: str, directory: str, log: str, *pairs: str) -> None:
    """Run the worker until SIGTERM."""
    options = OPTIONS | dict(pair.split("=", 1) for pair in pairs)
    hide_changelog(int(options["unknown"]))
    app = new_app(broker, app_id, Path(directory), float(options["session"]))
    journal = Journal(Path(log))
    add_batch_agent(app, journal, options)
    if options["table"] == "yes":
        add_ordinary_agent(app, journal)
    add_watch(app, journal)
    faust.Worker(app, loglevel="WARNING").execute_from_commandline()


if __name__ == "__main__":
    main(*sys.argv[1:])
