"""The lock files lock what pyproject.toml asks for, each file with hashes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME: list[str] = PROJECT["project"]["dependencies"]
EXTRAS = [requirement for extra in PROJECT["project"]["optional-dependencies"].values() for requirement in extra]
DEV: list[str] = PROJECT["dependency-groups"]["dev"]
BUILD: list[str] = PROJECT["build-system"]["requires"]
FILES = {
    "requirements.lock": RUNTIME,
    "requirements-build.lock": BUILD,
    "requirements-dev.lock": [*RUNTIME, *EXTRAS, *DEV],
}


def locked(name: str) -> dict[str, list[str]]:
    """Return the versions of each package in a lock file; several where platforms differ."""
    found: dict[str, list[str]] = {}
    for package, version in re.findall(r"^([a-z0-9-]+)==([^ ;]+)", (ROOT / name).read_text(), re.MULTILINE):
        found.setdefault(package, []).append(version)
    return found


@pytest.mark.parametrize(("name", "wanted"), FILES.items())
def test_what_is_asked_for_is_locked(name: str, wanted: list[str]) -> None:
    """Every requirement has a version in the lock that it allows; `make lock` after a change."""
    versions = locked(name)
    for text in wanted:
        requirement = Requirement(text)
        found = versions.get(requirement.name.lower().replace("_", "-"), [])
        assert any(requirement.specifier.contains(version) for version in found), text


def test_the_group_that_is_locked_builds() -> None:
    """`make lock` reads a group, `pip` the table of the build system: both ask for the same."""
    assert PROJECT["dependency-groups"]["build"] == BUILD


@pytest.mark.parametrize("name", FILES)
def test_every_version_has_a_hash(name: str) -> None:
    """Nothing else than what was locked can be installed, and nothing in the file names a machine."""
    text = (ROOT / name).read_text()
    entries = re.split(r"^(?=[a-z0-9-]+(?:\[[a-z,-]+\])?==)", text, flags=re.MULTILINE)[1:]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
    assert "index-url" not in text
