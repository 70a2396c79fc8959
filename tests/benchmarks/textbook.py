"""The agent that every Faust tutorial shows: JSON in, one counter per key in a table with a changelog.

Run as `python -m tests.benchmarks.textbook ADDRESS TOPIC PARTITIONS COUNT DIRECTORY`; prints two readings.
"""

from __future__ import annotations

import sys
from typing import Any

import faust

from tests.benchmarks.reading import tell

ADDRESS, TOPIC, PARTITIONS, COUNT, DIRECTORY = sys.argv[1:]
app = faust.App(
    "textbook",
    broker=f"kafka://{ADDRESS}",
    store="memory://",
    value_serializer="json",
    topic_partitions=int(PARTITIONS),
    datadir=DIRECTORY,
    web_enabled=False,
)
counts = app.Table("counts", default=int)
seen = 0


@app.agent(app.topic(TOPIC))  # type: ignore[untyped-decorator]
async def count(stream: Any) -> None:  # noqa: ANN401
    """Count the measurements of each ASN."""
    global seen
    async for measurement in stream:
        counts[measurement["asn"]] += 1
        seen += 1
        if seen in (1, int(COUNT)):
            tell(seen)


if __name__ == "__main__":
    faust.Worker(app, loglevel="ERROR", quiet=True, redirect_stdouts=False).execute_from_commandline()
