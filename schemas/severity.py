"""Severities of outages and incidents: their order, and what each is called elsewhere. The only such table."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

Severity: TypeAlias = Literal["partial", "major", "total"]


class SeverityTerms(NamedTuple):
    """One severity: its rank, 0 for the mildest; its predicate in a sentence; its name in alert receivers."""

    rank: int
    predicate: str
    alertmanager: str
    pagerduty: str


#: By severity, mildest first.
SEVERITIES: Final[dict[Severity, SeverityTerms]] = {
    "partial": SeverityTerms(0, "partly down", alertmanager="warning", pagerduty="warning"),
    "major": SeverityTerms(1, "mostly down", alertmanager="critical", pagerduty="error"),
    "total": SeverityTerms(2, "down", alertmanager="critical", pagerduty="critical"),
}
#: What receivers call a suspected incident or outage, whatever its severity.
SUSPECTED_SEVERITY: Final = "info"
