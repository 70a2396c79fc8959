"""Keeps what the Kafka clients say about lost connections out of the log: thousands of lines a minute."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from threading import Lock

LIBRARIES = ("aiokafka", "kafka", "mode.timers")
CONNECTION = re.compile(
    r"NodeNotReady|KafkaConnectionError|KafkaTimeoutError|RequestTimedOut|Connect call failed|connect to node|"
    r"update metadata|No node available|disconnected|[Cc]oordinator dead|not started or not valid|"
    r"Bootstrap |Request timed out|Connection (?:lost|failed)|Abort \(|is overlapping|"
    r"Connection reset|Broken pipe|Metadata refresh|member_id was not recognized|UnknownMemberIdError|"
    r"not found in cluster metadata|UnknownTopicOrPartition|NotLeaderForPartition|No broker metadata found"
)
REPORT_SECONDS, MANY = 60.0, 20  # a few lines a minute are the usual reconnects
log = logging.getLogger(__name__)


class ClientLines(logging.Handler):
    """Takes the lines of the client libraries, counts those about connections, and passes on all others."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock, self._count, self._example, self._since = clock, 0, "", clock()
        self._counting = Lock()

    def createLock(self) -> None:  # noqa: N802 - as in logging.Handler
        """Have no lock: with it in hand, the log of another thread could not be passed on."""
        self.lock = None

    def install(self) -> None:
        """Take the lines of the libraries in place of the root logger."""
        for name in LIBRARIES:
            logger = logging.getLogger(name)
            logger.propagate = False
            logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Count a line about a connection; pass on any other."""
        text = record.getMessage()
        cause = record.exc_info[1] if record.exc_info else None
        if record.levelno < logging.WARNING or not (isinstance(cause, OSError) or CONNECTION.search(text)):
            logging.getLogger().handle(record)
            return
        with self._counting:
            self._count, self._example = self._count + 1, text

    def take(self) -> int:
        """Return the number of lines left out since the last call."""
        with self._counting:
            taken, self._count, self._since = self._count, 0, self._clock()
        return taken

    def report(self) -> None:
        """Log one line a minute when many lines were left out although a broker answers: others may not."""
        if self._clock() - self._since > REPORT_SECONDS:
            example, count = self._example, self.take()
            if count >= MANY:
                log.warning("%d errors of connections to Kafka in %.0f s, such as: %s", count, REPORT_SECONDS, example)
