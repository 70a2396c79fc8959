"""The promises of docs/security.md: each names its check, and the check runs and passes."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Literal

import pytest

from tests.docs.blocks import ROOT
from tests.docs.promises import CHECKS, KEEPER, NAMES, ROWS, judge, names

CHECK = min(NAMES)


def test_each_promise_has_a_check() -> None:
    """No line without one, no line twice, and each check is a test of the repository."""
    assert len(CHECKS) == len(ROWS) >= 20
    for checks in CHECKS.values():
        assert checks
        for check in checks:
            file, _, name = check.partition("::")
            assert re.search(rf"^(?:async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE), check


@pytest.mark.long
def test_all_promises_are_kept(request: pytest.FixtureRequest) -> None:
    """Each check is of this run, where one that fails or is skipped fails the run; the others run here.

    In `make check` all are of the run, and each runs once.
    """
    assert KEEPER in names(request.session), "tests/conftest.py looks for it"
    assert missing_fail(sorted(NAMES - names(request.session))) == ""


def missing_fail(checks: list[str]) -> str:
    """Run checks by themselves; return what pytest says when one does not pass, else nothing."""
    if not checks:
        return ""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-rA", "-q", *checks]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    passed = set(re.findall(r"^PASSED ([^\[\s]+)", done.stdout, re.MULTILINE))
    is_kept = (done.returncode, sorted(passed)) == (0, checks) and "skipped" not in done.stdout.splitlines()[-1]
    return "" if is_kept else done.stdout[-2000:]


def report(name: str, outcome: Literal["passed", "skipped"], **more: str) -> pytest.TestReport:
    """Return the report of a test."""
    found = pytest.TestReport(name, ("", None, ""), {}, outcome, None, "call")
    vars(found).update(more)
    judge(found)
    return found


def test_a_check_that_is_left_out_fails() -> None:
    """Skipped, expected to fail, or passed though expected to fail; what passes or is no check stays as it is."""
    assert report(CHECK, "skipped").failed
    assert report(f"{CHECK}[one]", "skipped", wasxfail="a reason").failed
    assert report(CHECK, "passed", wasxfail="a reason").failed
    assert report(CHECK, "passed").passed
    assert report("tests/test_other.py::test_other", "skipped").skipped
