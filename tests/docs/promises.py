"""The promises of docs/security.md and their checks; a run of all tests may leave out none of these."""

from __future__ import annotations

import re

import pytest

from tests.docs.blocks import ROOT

TABLE = (ROOT / "docs" / "security.md").read_text().partition("## Promises")[2].partition("\n## ")[0]
ROWS = [row.strip("| ").split(" | ") for row in TABLE.splitlines() if row.startswith("|")][2:]
CHECKS = {promise: re.findall(r"`([^`]+)`", checks) for promise, checks in ROWS}
NAMES = frozenset(check for checks in CHECKS.values() for check in checks)
KEEPER = "tests/docs/test_promises.py::test_all_promises_are_kept"


def name_of(node: str) -> str:
    """Return the name of a test without its parameters."""
    return node.partition("[")[0]


def names(session: pytest.Session) -> set[str]:
    """Return the names of all tests of a run; with several processes, each has all of them."""
    return {name_of(item.nodeid) for item in session.items}


def is_left_out(report: pytest.TestReport) -> bool:
    """Return whether a test was skipped, or was expected to fail."""
    return report.skipped or hasattr(report, "wasxfail")


def judge(report: pytest.TestReport) -> None:
    """Make a check that was left out one that has failed."""
    if name_of(report.nodeid) in NAMES and is_left_out(report):
        report.outcome, report.longrepr = "failed", f"a promise of docs/security.md was not checked: {report.longrepr}"
