"""The promises of docs/security.md: each names its check, and the check runs and passes."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.docs.blocks import ROOT

TABLE = (ROOT / "docs" / "security.md").read_text().partition("## Promises")[2].partition("\n## ")[0]
ROWS = [row.strip("| ").split(" | ") for row in TABLE.splitlines() if row.startswith("|")][2:]
CHECKS = {promise: re.findall(r"`([^`]+)`", checks) for promise, checks in ROWS}


def test_each_promise_has_a_check() -> None:
    """No line without one, no line twice, and each check is a test of the repository."""
    assert len(CHECKS) == len(ROWS) >= 20
    for checks in CHECKS.values():
        assert checks
        for check in checks:
            file, _, name = check.partition("::")
            assert re.search(rf"^(?:async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE), check


@pytest.mark.long
def test_all_promises_are_kept() -> None:
    """The checks run by themselves: none is skipped, none expects to fail."""
    names = sorted({check for checks in CHECKS.values() for check in checks})
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-rA", "-q", *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    passed = set(re.findall(r"^PASSED ([^\[\s]+)", done.stdout, re.MULTILINE))
    assert (done.returncode, sorted(passed)) == (0, names), done.stdout[-2000:]
    assert "skipped" not in done.stdout.splitlines()[-1]
