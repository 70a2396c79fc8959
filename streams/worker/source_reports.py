"""What sources say of themselves, and what can be said of a source now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schemas.source_report import MARK, SourceReport, decode_report
from streams.worker.web.formatting import span
from streams.worker.web.worker_view import SourceHealth

NEVER = "unknown: no report of it can be read"


class SourceReports:
    """The newest report of each source by its name. A thread writes it, another reads it."""

    def __init__(self) -> None:
        self._by_name: dict[str, SourceReport] = {}

    def put(self, key: bytes, value: bytes | None) -> None:
        """Put the value of a record; what is no report is left out. Raises DecodeError."""
        name = key.removesuffix(MARK).decode(errors="replace")
        if value is None:
            self._by_name.pop(name, None)
        elif key.endswith(MARK):
            self._by_name[name] = decode_report(value)

    def all(self) -> dict[str, SourceReport]:
        """Return a copy."""
        return dict(self._by_name)


def source_health(names: Iterable[str], reports: Mapping[str, SourceReport], now: float) -> list[SourceHealth]:
    """Return the state of the sources of the settings, and of others that have reported. `now`: Unix seconds."""
    return [_health(name, reports.get(name), now) for name in sorted({*names, *reports})]


def _health(name: str, report: SourceReport | None, now: float) -> SourceHealth:
    if report is None:
        return SourceHealth(name, NEVER)
    return SourceHealth(
        name,
        state_of(report, now),
        report.feed,
        report.newest,
        report.reported_at,
        report.since,
        report.records,
        report.rejected,
        report.gap,
    )


def state_of(report: SourceReport, now: float) -> str:
    """Return the state of a source in words.

    A source reports when it sends. One that is silent, has lost its connection or has stopped thus looks the same.
    """
    silence, patience = now - report.reported_at, report.patience
    if patience is None:
        return f"sent last {span(silence)} ago; may have ended"
    if silence > patience:
        return f"unknown: silent or stopped for {span(silence)}"
    if report.newest is None:
        return "connected, no data yet"
    behind = now - report.newest
    return f"behind by {span(behind)}" if behind > patience else "sending"
