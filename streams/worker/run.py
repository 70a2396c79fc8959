"""`ebbtide worker`: checks everything that can be checked, then lets Faust run."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import faust
import msgspec
from aiohttp.http_exceptions import HttpProcessingError
from aiokafka.errors import GroupCoordinatorNotAvailableError

from streams.broker import topics
from streams.broker.faust_check import check_faust
from streams.config.errors import EbbtideError, SettingsError, UsageError
from streams.config.ports import demand_port
from streams.config.reference_data import reference_data_of
from streams.config.settings import Settings
from streams.worker import calendar_topic
from streams.worker.app import build
from streams.worker.web.access import exposed

STOP_SECONDS = 9.0
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt
KEPT = 1 << 25  # bytes; an answer of a broker has a few million


class Runner(faust.Worker):  # type: ignore[misc]
    """Faust's worker without a spinner on standard output, which lets ours finish before anything is taken down."""

    def __init__(self, app: faust.App, log_level: str) -> None:
        super().__init__(app, loglevel=log_level, quiet=True, redirect_stdouts=False)
        # The spinner writes control codes, and has every debugging message of every library formatted.
        self.spinner = None

    async def start(self) -> None:
        """Start; told to stop meanwhile, what Faust makes of being cancelled while it declares topics is no error."""
        try:
            await super().start()
        except asyncio.InvalidStateError:
            if self._signal_stop_future is None:
                raise
            raise asyncio.CancelledError from None

    async def stop(self) -> None:
        """Save and acknowledge what was taken, then stop; whatever hangs, the process ends in time."""
        _end_anyway()
        app = self.app
        if not (self.should_stop or app.should_stop or app.rebalancing or app.in_recovery):
            await app.ebbtide.finish()
        await super().stop()


def _end_anyway() -> None:
    """End the process once the time for it is up: a broker that hangs must not hold it, and nothing is lost by it."""

    def give_up() -> None:
        sys.stderr.write(f"ebbtide: not ended after {STOP_SECONDS:g} s: what was not saved will be read again\n")
        sys.stderr.flush()
        os._exit(1)

    timer = threading.Timer(STOP_SECONDS, give_up)
    timer.daemon = True
    timer.start()


def run_worker(settings: Settings, log_level: str) -> None:
    """Run a worker until it is told to stop. Raises an EbbtideError when it cannot start; ends with SystemExit."""
    if not settings.feeds:
        raise UsageError("the settings name no feeds: a worker has nothing to watch")
    check_faust()
    if warning := exposed(settings.web):
        sys.stderr.write(f"ebbtide: {warning}\n")
    demand_port(settings.web.bind, settings.web.port, "web.bind, web.port")
    partitions = topics.check(settings.kafka)
    # The topic knows better than the settings how it is cut.
    settings = msgspec.structs.replace(settings, kafka=msgspec.structs.replace(settings.kafka, partitions=partitions))
    data_dir, reference = _directory(settings.worker.data_dir), reference_data_of(settings)
    found = calendar_topic.load(settings.kafka, reference.calendar)
    app = build(settings, partitions, data_dir, reference)
    logging.getLogger("aiokafka.consumer.group_coordinator").addFilter(_not_a_retry)
    logging.setLogRecordFactory(_without_trace(logging.getLogRecordFactory()))
    settle_memory()
    app.watchdog.start()
    calendar_topic.follow(settings.kafka, reference.calendar, found)
    Runner(app, log_level).execute_from_commandline()


def settle_memory() -> None:
    """Keep what was loaded so far out of garbage collection, a third of a busy worker's time otherwise."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    _keep_pages()


def _keep_pages() -> None:
    """Have the C library keep memory that is freed: else each answer of a broker is mapped anew, page by page."""
    with suppress(OSError, AttributeError):  # no library of that name, or one without the function
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_THRESHOLD, KEPT // 2)
        library.mallopt(M_TRIM_THRESHOLD, KEPT)


def _directory(name: str) -> str:
    try:
        Path(name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"worker.data_dir {name}: cannot be made: {error.strerror}") from None
    return name


def _without_trace(make: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    """Return a maker of records without a traceback where one line says it: for errors of ours, and for strangers who
    send our pages what is no HTTP.
    """

    def record(*arguments: Any, **more: Any) -> logging.LogRecord:  # noqa: ANN401
        made = make(*arguments, **more)
        if made.exc_info and isinstance(made.exc_info[1], EbbtideError | HttpProcessingError):
            made.exc_info = None
        return made

    return record


def _not_a_retry(record: logging.LogRecord) -> bool:
    """Leave out what a broker says that is new: it has no group coordinator yet, and aiokafka tries again."""
    arguments = record.args if isinstance(record.args, tuple) else ()
    return not any(isinstance(one, GroupCoordinatorNotAvailableError) for one in arguments)
