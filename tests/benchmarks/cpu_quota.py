"""A CPU quota for one process: a control group of its own, by version 2 or version 1 of the kernel's interface."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path("/sys/fs/cgroup")
PERIOD: Final = 100_000  # µs, the kernel's default and that of Kubernetes


class QuotaUnavailableError(RuntimeError):
    """No control group with a CPU quota can be made here; the message says why."""


class Interface(NamedTuple):
    """Where control groups are made, and the files that hold a quota with what each gets for `quota` µs a period."""

    directory: Path
    files: dict[str, str]

    def write(self, group: Path, cores: float) -> None:
        """Set the quota of a group, in cores. Raises OSError."""
        for name, text in self.files.items():
            (group / name).write_text(text.format(quota=round(cores * PERIOD)))


VERSION_2: Final = {"cpu.max": f"{{quota}} {PERIOD}"}
VERSION_1: Final = {"cpu.cfs_period_us": f"{PERIOD}", "cpu.cfs_quota_us": "{quota}"}


def interface(root: Path = ROOT) -> Interface:
    """Return the interface of this machine. Raises QuotaUnavailableError when none has the controller `cpu`."""
    if (root / "cpu" / "cgroup.procs").exists():
        return Interface(root / "cpu", VERSION_1)
    for directory in (root, root / "unified"):
        controllers = directory / "cgroup.controllers"
        if controllers.exists() and "cpu" in controllers.read_text().split():
            return Interface(directory, VERSION_2)
    raise QuotaUnavailableError(f"no control groups with CPU quotas: {root} has no controller `cpu`")


@contextmanager
def quota(name: str, cores: float, root: Path = ROOT) -> Iterator[Path]:
    """Make a control group that may use `cores` CPU seconds a second, and remove it at the end, when it must be empty.

    A process joins it when its id is written to `cgroup.procs`. Raises QuotaUnavailableError.
    """
    found = interface(root)
    group = found.directory / f"ebbtide-{os.getpid()}-{name}"
    try:
        if found.files is VERSION_2:
            (found.directory / "cgroup.subtree_control").write_text("+cpu")
        group.mkdir()
        found.write(group, cores)
    except OSError as error:
        raise QuotaUnavailableError(f"no control group {group} with a quota of {cores:g} cores: {error}") from error
    try:
        yield group
    finally:
        group.rmdir()


def join(group: Path, pid: int) -> None:
    """Move a process with all its threads to a group."""
    (group / "cgroup.procs").write_text(str(pid))
