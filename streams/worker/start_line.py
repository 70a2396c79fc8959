"""The line of the log that says since when a worker is ready, or on standby."""

from __future__ import annotations

import logging

from streams.worker.agents import Worker
from streams.worker.health import STANDBY, not_ready

LOG = logging.getLogger("ebbtide.worker")


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
            LOG.info("ready: %d partitions", len(self._worker.assigned()))
        elif reason == STANDBY and not self._is_standby:
            self._is_standby = True
            LOG.info("%s", STANDBY)
