"""CPU quotas are written as each version of the kernel's interface wants them; rates compare equal quotas."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.cpu_quota import QuotaUnavailableError, interface, quota
from tests.benchmarks.scaling import Rate, report


def _version_2(root: Path) -> Path:
    (root / "cgroup.controllers").write_text("cpu memory\n")
    return root


def test_version_2_has_one_file_with_quota_and_period(tmp_path: Path) -> None:
    """Half a core is 50,000 µs of each 100,000."""
    found = interface(_version_2(tmp_path))
    found.write(tmp_path, 0.5)
    assert (tmp_path / "cpu.max").read_text() == "50000 100000"


def test_version_1_has_two_files(tmp_path: Path) -> None:
    """A quarter of a core is 25,000 µs of each 100,000."""
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cgroup.procs").touch()
    found = interface(tmp_path)
    found.write(found.directory, 0.25)
    assert (tmp_path / "cpu" / "cpu.cfs_quota_us").read_text() == "25000"
    assert (tmp_path / "cpu" / "cpu.cfs_period_us").read_text() == "100000"


def test_no_controller_is_one_line(tmp_path: Path) -> None:
    """Control groups without the controller `cpu`, or none at all, are said with their place."""
    (tmp_path / "unified").mkdir()
    (tmp_path / "unified" / "cgroup.controllers").write_text("hugetlb\n")
    with pytest.raises(QuotaUnavailableError, match=f"{tmp_path} has no controller `cpu`"):
        interface(tmp_path)


def test_a_group_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    """A parent directory that takes no groups is named."""
    (_version_2(tmp_path) / "cgroup.subtree_control").mkdir()
    with pytest.raises(QuotaUnavailableError, match="no control group"), quota("worker", 0.5, tmp_path):
        pass


def test_report_compares_with_one_worker_of_the_same_quota() -> None:
    """Two workers of half a core are compared with one of half a core, not with one of a quarter."""
    rates = {(1, 0.5): Rate(400.0, 900.0), (2, 0.5): Rate(840.0, 910.0), (1, 0.25): Rate(200.0, 900.0)}
    assert [line.rpartition(", ")[2] for line in report(rates).splitlines()] == [
        "1.00 × one",
        "2.10 × one",
        "1.00 × one",
    ]
