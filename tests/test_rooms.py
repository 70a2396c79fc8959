"""The rooms: what may import what, and that the names of the packages are ours alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("schemas", "detectors", "streams")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of a checkout; `lint-imports` looks at the packages of the folder it runs in."""
    script = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([script, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The rooms and their contracts in a folder of their own."""
    for room in (*ROOMS, "deploy"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "target"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_are_kept() -> None:
    """All of them, as the project stands."""
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("schemas/x.py", "time"),
        ("schemas/x.py", "numpy"),
        ("schemas/x.py", "detectors"),
        ("detectors/x.py", "logging"),
        ("detectors/x.py", "asyncio"),
        ("detectors/x.py", "streams.pipeline.shard"),
        ("streams/pipeline/shard.py", "time"),
        ("streams/state/measurement_stage.py", "faust"),
        ("streams/alerts/dispatcher.py", "streams.pipeline.shard"),
        ("deploy/grafana/parts.py", "streams.worker.metrics"),
    ],
)
def test_a_contract_that_is_broken_is_reported(copy: Path, module: str, imported: str) -> None:
    """Also for modules of the standard library: an import of one breaks the contract of its room."""
    with (copy / module).open("a") as file:
        file.write(f"\n\nimport {imported}\n")
    done = lint(copy)
    assert done.returncode == 1
    name = module.removesuffix(".py").replace("/", ".")
    assert f"{name} -> {imported}" in done.stdout


def test_no_other_distribution_owns_our_names() -> None:
    """Packages of other projects with these names would hide ours or be hidden."""
    owners = packages_distributions()
    assert {name for room in ROOMS for name in owners.get(room, ["ebbtide"])} == {"ebbtide"}
