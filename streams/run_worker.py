"""`ebbtide worker`: checks everything that can be checked, then lets Faust run."""

from __future__ import annotations

from pathlib import Path

import faust

from streams import topics
from streams.app import build
from streams.errors import UsageError
from streams.faust_check import check_faust
from streams.processes import demand_port
from streams.settings import Settings


def run_worker(settings: Settings, log_level: str) -> None:
    """Run a worker until it is told to stop. Raises an EbbtideError when it cannot start; ends with SystemExit."""
    if not settings.feeds:
        raise UsageError("the settings name no feeds: a worker has nothing to watch")
    check_faust()
    demand_port(settings.web.bind, settings.web.port, "web.bind, web.port")
    partitions = topics.check(settings.kafka)
    data_dir = Path(settings.worker.data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    app = build(settings, partitions, str(data_dir))
    faust.Worker(app, loglevel=log_level, quiet=True, redirect_stdouts=False).execute_from_commandline()
