"""The log on standard error: how much of it, as lines of text or as JSON objects.

It never calls `logging.config`, which would take the handlers of other loggers away, and whose lock another thread may
wait for with the lock of a handler in hand.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from schemas.rejections import json_line

#: What runs says of itself. Loggers named after modules are Faust's as well: its services are our base classes.
LOG = logging.getLogger("ebbtide")
#: kafka-python stays silent unless all libraries talk: our errors say what its lines mean.
CLIENT = logging.getLogger("kafka")
PLAIN = "%(message)s"
TIMED = "[%(asctime)s] [%(process)d] [%(levelname)s] %(message)s"


class LogLevels(NamedTuple):
    """The lowest levels that are logged. `ours`: by `ebbtide` and below; `others`: by all other loggers."""

    ours: int
    others: int


USUAL = LogLevels(logging.INFO, logging.WARNING)
VERBOSE = LogLevels(logging.DEBUG, logging.INFO)
QUIET = LogLevels(logging.ERROR, logging.ERROR)


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object: time, level, logger, message, its `fields`, and a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object of a record on one line."""
        trace = (record.exc_text or self.formatException(record.exc_info)) if record.exc_info else None
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
            **({"exception": trace} if trace else {}),
        }
        text = json.dumps(line, ensure_ascii=False, default=str)
        return json_line(text.encode(errors="replace")).decode()


class StandardError(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes the log. `is_json`: as JSON objects, else as text of the format `text`.

    It looks at the level once more: clients have loggers with levels of their own.
    """

    def __init__(self, levels: LogLevels, is_json: bool, text: str) -> None:
        super().__init__(sys.stderr)
        self.is_json = is_json
        self.addFilter(lambda record: record.levelno >= (levels.ours if _is_ours(record.name) else levels.others))
        self.setFormatter(JsonLines() if is_json else logging.Formatter(text))


def _is_ours(logger: str) -> bool:
    return logger.partition(".")[0] == LOG.name


@contextmanager
def logging_to_stderr(levels: LogLevels, is_json: bool, text: str) -> Iterator[None]:
    """In `with`: log to standard error. Afterwards loggers are as before."""
    root, handler = logging.getLogger(), StandardError(levels, is_json, text)
    root_level, our_level, propagates = root.level, LOG.level, CLIENT.propagate
    root.addHandler(handler)
    root.setLevel(levels.others)
    LOG.setLevel(levels.ours)
    CLIENT.propagate = levels.others < logging.WARNING
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(root_level)
        LOG.setLevel(our_level)
        CLIENT.propagate = propagates


def say(
    text: str,
    level: int = logging.WARNING,
    prefix: str = "ebbtide: ",
    fields: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write a line that is no result: as text with a prefix, or with `fields` where the log is JSON."""
    handler = next((found for found in logging.getLogger().handlers if isinstance(found, StandardError)), None)
    if handler is not None and handler.is_json:
        LOG.log(level, "%s", text, extra={"fields": fields})
    elif handler is None or LOG.isEnabledFor(level):
        sys.stderr.write(f"{prefix}{text}\n")
        sys.stderr.flush()
