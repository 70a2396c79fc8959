"""A source that sends to Kafka, in a process of its own with the clock of its test: to be killed.

`python -m tests.streams.sources.virtual_source SETTINGS NAME UNTIL CLOCK`
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry

from streams.config.loader import load
from streams.sources.metrics import SourceMetrics
from streams.sources.run import SourceRun
from streams.sources.until import until_named
from tests.streams.sources.virtual_clock import SharedClock


def main(file: str, name: str, until: str, clock: str) -> None:
    """Run to the end."""
    settings = load(Path(file), os.environ)
    metrics = SourceMetrics(CollectorRegistry(), {name: settings.sources[name].feed}, {})
    ports = SharedClock(Path(clock)).ports(os.getpid())
    asyncio.run(SourceRun(settings, name, False, until_named(until), ports, metrics).run())


if __name__ == "__main__":
    main(*sys.argv[1:])
