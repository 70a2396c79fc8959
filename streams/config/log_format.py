"""The log of commands that run for long: how much of it, and text or JSON lines, on standard error."""

from __future__ import annotations

import logging
import logging.config
import sys
from typing import Any, NamedTuple

import orjson

from schemas.times import format_time

TEXT = {
    "()": "mode.utils.logging.ExtensionFormatter",
    "format": "[%(asctime)s] [%(process)s] [%(levelname)s] %(log_color)s%(message)s %(extra)s",
    "stream": "ext://sys.stderr",
}
CLIENTS = ("kafka",)
PLAIN = {"format": "%(message)s"}


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object: time, level, logger, message, and the traceback as `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        trace = {"exception": self.formatException(record.exc_info)} if record.exc_info else {}
        return _json_line(record.created, record.levelname.lower(), record.name, record.getMessage(), **trace)


class StandardError(logging.Handler):
    """Writes to standard error, whatever that is at the time: all records of ours, of others those of a level."""

    def __init__(self, others: str) -> None:
        super().__init__()
        self._others = logging.getLevelName(others)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        if not f"{record.name}.".startswith("ebbtide.") and record.levelno < self._others:
            return
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001
            self.handleError(record)


class LogOptions(NamedTuple):
    """What is logged. `level`: of our loggers; `others`: of all other loggers; `text`: how text is formatted."""

    level: str
    others: str
    is_json: bool
    text: dict[str, Any]

    def configuration(self, has_clients: bool) -> dict[str, Any]:
        """Return the configuration for `logging.config.dictConfig`; `has_clients`: kafka-python is logged, too."""
        lines = {"()": JsonLines} if self.is_json else dict(self.text)
        return {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"lines": lines},
            "handlers": {"lines": {"()": StandardError, "others": self.others, "formatter": "lines"}},
            "root": {"level": self.others, "handlers": ["lines"]},
            "loggers": {"ebbtide": {"level": self.level}, **{name: {"propagate": has_clients} for name in CLIENTS}},
        }

    def install(self) -> None:
        """Make it the configuration of this process. kafka-python stays silent: our errors say what they mean."""
        logging.config.dictConfig(self.configuration(has_clients=False))


def line_of(text: str, now: float) -> str:
    """Return the last words of a process in the format of its log: `ebbtide: TEXT`, or a JSON object."""
    is_json = any(isinstance(handler.formatter, JsonLines) for handler in logging.getLogger().handlers)
    return f"{_json_line(now, 'error', 'ebbtide', text)}\n" if is_json else f"ebbtide: {text}\n"


def _json_line(time: float, level: str, logger: str, message: str, **more: str) -> str:
    fields = {"time": format_time(time), "level": level, "logger": logger, "message": message, **more}
    return orjson.dumps({name: value.encode(errors="replace").decode() for name, value in fields.items()}).decode()
