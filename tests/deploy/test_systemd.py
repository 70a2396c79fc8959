"""The units for systemd, as systemd itself reads them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.commands import commands

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNITS = sorted(file.name for file in FOLDER.glob("*.service"))
MOST_EXPOSED = 20  # tenths; what systemd calls OK begins at 50
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def setting(unit: str, key: str) -> str:
    """The value of the only line of a unit that sets this key."""
    (line,) = [line for line in (FOLDER / unit).read_text().splitlines() if line.startswith(f"{key}=")]
    return line.partition("=")[2]


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, Path]:
    """The units with a program that is there, an instance of those that are templates."""
    files = {}
    for unit in UNITS:
        files[unit] = tmp_path / unit.replace("@.", "@1.")
        files[unit].write_text((FOLDER / unit).read_text().replace("/opt/ebbtide/bin/ebbtide", "/bin/true"))
    return files


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_understands_the_unit(unit: str, installed: dict[str, Path]) -> None:
    """`systemd-analyze verify` has nothing to say of it."""
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", installed[unit]], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_the_unit_is_exposed_to_little(unit: str, installed: dict[str, Path]) -> None:
    """By systemd's own measure, which fails above the threshold."""
    measure = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(installed[unit])]
    done = subprocess.run(measure, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-300:]


@pytest.mark.parametrize("unit", UNITS)
def test_the_unit_runs_a_command_that_there_is(unit: str) -> None:
    """With the settings file, and with more time to stop than the program takes."""
    program, command, *options = setting(unit, "ExecStart").split()
    name = ["%i"] if "source" in unit else []
    assert (program, options) == ("/opt/ebbtide/bin/ebbtide", ["--settings", "/etc/ebbtide/ebbtide.toml", *name])
    assert command in commands()
    assert int(setting(unit, "TimeoutStopSec")) > 10
