"""Outages and counts as lines of text."""

from __future__ import annotations

from schemas.outage import Outage, lost
from schemas.rejections import one_line

COLUMNS = f"{'when (UTC)':16}  {'state':11}  {'severity':8}  {'entity':24}"
HEADER = f"{COLUMNS}  {'lost':>5}  {'value':>9}  {'expected':>9}  since"


def line(outage: Outage) -> str:
    """Return one revision as one line of a table, under `HEADER`."""
    value = "-" if outage.value is None else f"{outage.value:g}"
    until = f" until {minute(outage.ended_at)}" if outage.ended_at else ""
    who = one_line(" ".join([outage.entity, *outage.facets.values()]))  # names may hold a terminal's control codes
    return (
        f"{minute(outage.updated_at):16}  {outage.state:11}  {outage.severity:8}  {who:24}  {lost(outage):5.0%}  "
        f"{value:>9}  {outage.expected:9.6g}  {minute(outage.started_at)}{until}"
    )


def minute(time: str) -> str:
    """Return an RFC 3339 time without seconds and zone.

    >>> minute("2016-06-16T15:05:00Z")
    '2016-06-16 15:05'
    """
    return time[:16].replace("T", " ")


def summary(counts: dict[str, int]) -> str:
    """Return counts as one line.

    >>> summary({"in": 10550, "late": 0})
    '10,550 in · 0 late'
    """
    return " · ".join(f"{number:,} {name}" for name, number in counts.items())
