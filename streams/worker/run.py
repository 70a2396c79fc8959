"""`ebbtide worker`: checks the settings and the broker, then runs Faust."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import threading
from contextlib import suppress
from pathlib import Path

import faust
import msgspec
from aiokafka.errors import GroupCoordinatorNotAvailableError
from faust.types import TP

from streams.broker import installation, topics
from streams.broker.faust_check import check_faust
from streams.broker.faust_patches import StoppableWorker
from streams.broker.security import kafka_secrets
from streams.config.errors import NO_FEEDS, SettingsError, UsageError
from streams.config.logs import say
from streams.config.ports import demand_port, free_port
from streams.config.reference_data import reference_data_of
from streams.config.settings import Settings, token_of
from streams.worker import calendar_topic, topic_watch
from streams.worker.app import build
from streams.worker.file_limit import raise_file_limit
from streams.worker.line_limit import LineLimit
from streams.worker.log_records import without_secrets, without_trace
from streams.worker.start_lines import LOG, say_start
from streams.worker.web.access import exposed

STOP_SECONDS = 9.0
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt
KEPT = 1 << 25  # bytes of freed memory that the C library keeps; a fetch has a few million


class Runner(StoppableWorker):
    """Faust's worker without its own log and its spinner. It saves and acknowledges before it stops."""

    def __init__(self, app: faust.App) -> None:
        super().__init__(app, quiet=True, override_logging=False)
        # The spinner writes control codes, and formats every debug message of every library.
        self.spinner = None

    async def stop(self) -> None:
        """Save and acknowledge all processed batches, then stop; the process ends in time even if something hangs."""
        _end_anyway()
        app = self.app
        if not (self.should_stop or app.should_stop or app.rebalancing or app.in_recovery):
            await app.ebbtide.finish()
        is_first = not self.should_stop
        await super().stop()
        if is_first:
            LOG.info("stopped")


def _end_anyway() -> None:
    """End the process after `STOP_SECONDS`: a broker that hangs must not delay it, and nothing is lost."""

    def give_up() -> None:
        say(f"not ended after {STOP_SECONDS:g} s: what was not saved will be read again", logging.ERROR)
        os._exit(1)

    timer = threading.Timer(STOP_SECONDS, give_up)
    timer.daemon = True
    timer.start()


def run_worker(settings: Settings, file: Path | None) -> None:
    """Run a worker with the settings of a file until a signal stops it; ends with SystemExit.

    Raises an EbbtideError when it cannot start.
    """
    if not settings.feeds:
        raise UsageError(NO_FEEDS)
    check_faust()
    _settle_log(settings)
    raise_file_limit()
    if warning := exposed(settings.web):
        say(warning)
    settings = _listening(settings)
    partitions, started = topics.check(settings.kafka), topics.described(settings.kafka)
    topics.demand_permissions(settings.kafka)
    if warning := installation.record(installation.of_workers(settings)):
        say(warning)
    # The topic decides how many partitions there are, not the settings.
    settings = msgspec.structs.replace(settings, kafka=msgspec.structs.replace(settings.kafka, partitions=partitions))
    data_dir, reference = _directory(settings.worker.data_dir), reference_data_of(settings)
    found = calendar_topic.load(settings.kafka, reference.calendar)
    app = build(settings, partitions, data_dir, reference)
    logging.getLogger("aiokafka.consumer.group_coordinator").addFilter(_not_a_retry)
    logging.getLogger("asyncio").addFilter(_not_logged_before)
    settle_memory()
    app.log_guard.resets = {TP(*part): offset for part, offset in topics.offsets_of_reset(settings.kafka).items()}
    app.log_guard.topic_ids = {name: topic.topic_id for name, topic in started.items()}
    topic_watch.start(settings.kafka, started, app.log_guard.refuse_all)
    app.watchdog.start()
    calendar_topic.follow(settings.kafka, reference.calendar, found)
    app.ebbtide.topic_events.follow()
    say_start(settings, file)
    Runner(app).execute_from_commandline()


def _listening(settings: Settings) -> Settings:
    """Return the settings with a port to listen on: a free one for `web.port = 0`. Raises AddressInUseError."""
    web = settings.web
    demand_port(web.bind, web.port, "web.bind, web.port")
    if web.port:
        return settings
    return msgspec.structs.replace(settings, web=msgspec.structs.replace(web, port=free_port(web.bind)))


def settle_memory() -> None:
    """Exclude all objects so far from garbage collection, which otherwise takes a third of a busy worker's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    _keep_pages()


def _keep_pages() -> None:
    """Make the C library keep freed memory; otherwise it maps the memory for each fetch anew, page by page."""
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


def _settle_log(settings: Settings) -> None:
    secrets = (*kafka_secrets(settings.kafka), token_of(settings.web))
    LineLimit().install()
    logging.setLogRecordFactory(without_secrets(without_trace(logging.getLogRecordFactory()), secrets))


def _not_logged_before(record: logging.LogRecord) -> bool:
    """Return False for a delivery that failed: Faust has logged it, and whoever sent it waits for another future."""
    return not record.getMessage().startswith("FutureMessage exception was never retrieved")


def _not_a_retry(record: logging.LogRecord) -> bool:
    """Return False for the error of a new broker that has no group coordinator yet: aiokafka tries again."""
    arguments = record.args if isinstance(record.args, tuple) else ()
    return not any(isinstance(argument, GroupCoordinatorNotAvailableError) for argument in arguments)
