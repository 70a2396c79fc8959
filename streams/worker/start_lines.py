"""The lines that say what a worker starts with, and since when it is ready, or on standby."""

from __future__ import annotations

import logging
from importlib.metadata import version
from pathlib import Path

from streams.config.settings import Settings
from streams.worker.agents import Worker
from streams.worker.health import STANDBY, not_ready

LOG = logging.getLogger("ebbtide.worker")
SHOWN = 20  # feeds in a line of text


def say_start(settings: Settings, file: Path | None) -> None:
    """Log what starts, once all is checked: a worker that cannot start says its error only."""
    number, path = version("ebbtide"), str(file.resolve()) if file else None
    extra = {"fields": {"version": number, "settings": path}}
    LOG.info("Ebbtide %s, settings: %s", number, path or "none but the environment", extra=extra)
    LOG.info("feeds: %s", _feeds(settings), extra={"fields": {"feeds": list(settings.feeds)}})
    address = settings.web.address
    LOG.info("page: %s", address, extra={"fields": {"url": address}})


def _feeds(settings: Settings) -> str:
    """Return the first feeds with their kinds, and how many more there are."""
    shown = [f"{name} ({feed.kind})" for name, feed in settings.feeds.items()]
    return ", ".join([*shown[:SHOWN], *([f"{len(shown) - SHOWN} more"] if len(shown) > SHOWN else [])])


class StartLine:
    """Looks whether a worker is ready, until it is."""

    def __init__(self, worker: Worker) -> None:
        self._worker, self._is_ready, self._is_standby = worker, False, False

    def look(self) -> None:
        """Log one line when the worker is ready for the first time, and one when it is on standby before."""
        if self._is_ready:
            return
        reason = not_ready(self._worker)
        if reason is None:
            self._is_ready = True
            numbers = sorted(self._worker.assigned())
            LOG.info("ready: %d partitions", len(numbers), extra={"fields": {"partitions": numbers}})
        elif reason == STANDBY and not self._is_standby:
            self._is_standby = True
            LOG.info("%s", STANDBY)
