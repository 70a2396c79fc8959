"""The rooms: what may import what, no cycle between them, and that the names of the packages are ours alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("schemas", "detectors", "streams")
MOST_LEVELS = 8
COMMON = {"schemas", "detectors", "streams/config"}  # what every room may import
# Each module gets an import that its room must not have.
OFFENCES = [
    ("schemas/times.py", "time"),
    ("schemas/decode.py", "numpy"),
    ("schemas/outage.py", "detectors"),
    ("detectors/bins.py", "logging"),
    ("detectors/watermark.py", "asyncio"),
    ("detectors/types.py", "streams.pipeline"),
    ("deploy/grafana/parts.py", "streams.worker.metrics"),
    ("streams/ingest/batch.py", "streams.config.errors"),
    ("streams/ingest/columns.py", "asyncio"),
    ("streams/config/secret.py", "streams.broker.topics"),
    ("streams/config/errors.py", "streams.pipeline.shard"),
    ("streams/pipeline/shard.py", "time"),
    ("streams/pipeline/feed.py", "streams.broker.topics"),
    ("streams/broker/topics.py", "streams.pipeline.shard"),
    ("streams/pipeline/process.py", "streams.state.stage"),
    ("streams/state/stage.py", "faust"),
    ("streams/state/row_codec.py", "streams.worker.metrics"),
    ("streams/alerts/routing.py", "streams.pipeline.shard"),
    ("streams/alerts/message.py", "streams.worker.metrics"),
    ("streams/sources/gather.py", "streams.pipeline.shard"),
    ("streams/sources/stage.py", "streams.worker.metrics"),
    ("streams/evaluation/plot.py", "streams.alerts.metrics"),
    ("streams/worker/metrics.py", "streams.cli.main"),
]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of a checkout; `lint-imports` looks at the packages of the folder it runs in."""
    script = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([script, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Return the imports between all modules of the three packages."""
    return grimp.build_graph(*PACKAGES, cache_dir=None)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what the linter prints of a copy in which every offence is committed."""
    folder = tmp_path_factory.mktemp("rooms")
    for package in (*PACKAGES, "deploy"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "target"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for module, imported in OFFENCES:
        with (folder / module).open("a") as file:
            file.write(f"\n\nimport {imported}\n")
    done = lint(folder)
    assert done.returncode == 1, done.stderr
    return done.stdout


def test_the_contracts_are_kept() -> None:
    """All of them, as the project stands."""
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("module", "imported"), OFFENCES)
def test_a_contract_that_is_broken_is_reported(report: str, module: str, imported: str) -> None:
    """An import that climbs, or that a room must not have, is named with the module that has it."""
    name = module.removesuffix(".py").replace("/", ".")
    assert f"{name} -> {imported}" in report


def grouped_imports(graph: grimp.ImportGraph, group_of: Callable[[str], str | None]) -> dict[str, set[str]]:
    """Return for each group of modules the other groups that it imports; a module without a group is left out."""
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        if (group := group_of(module)) is not None:
            imported = {group_of(name) for name in graph.find_modules_directly_imported_by(module)}
            found.setdefault(group, set()).update(name for name in imported if name not in (None, group))
    return found


def room_of(module: str) -> str | None:
    """Return the room of a module of streams: `streams.worker.web.api` is in `worker`."""
    parts = module.split(".")
    return parts[1] if parts[0] == "streams" and len(parts) > 1 else None


def folder_of(module: str) -> str:
    """Return the deepest folder that holds a module: `streams.worker.web.api` is in `streams/worker/web`."""
    path = module.replace(".", "/")
    return next(folder for folder in folders() if path == folder or path.startswith(f"{folder}/"))


@cache
def folders() -> list[str]:
    """Return the path of every folder with code, the deepest first."""
    found = {path.parent.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("__init__.py")}
    return sorted(map(str, found), key=len, reverse=True)


def test_no_cycle_between_rooms(graph: grimp.ImportGraph) -> None:
    """Rooms have an order; `graphlib` raises CycleError where they have none. It has few levels."""
    rooms = grouped_imports(graph, room_of)
    level: dict[str, int] = {}
    for room in TopologicalSorter(rooms).static_order():
        level[room] = 1 + max((level[other] for other in rooms[room]), default=0)
    assert max(level.values()) <= MOST_LEVELS


def test_streams_holds_rooms_and_the_http_client() -> None:
    """Ten rooms; beside them only the HTTP client that several rooms share, and the addresses that it may reach."""
    modules = sorted(path.name for path in (ROOT / "streams").glob("*.py"))
    assert modules == ["__init__.py", "address_policy.py", "http_client.py"]


def table() -> dict[str, set[str]]:
    """Return the rooms of the table in ARCHITECTURE.md, each with what its last column says that it imports."""
    rows = re.findall(r"^\| `([a-z/]+)/` \|.*\|([^|]*)\|$", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)
    rooms = set(folders())
    named = {room: re.findall(r"`([a-z/]+)`", cell) for room, cell in rows}
    assert len(named) == len(rows), "a room stands twice in the table"
    return {room: {name if name in rooms else f"streams/{name}" for name in cell} for room, cell in named.items()}


def test_the_table_of_rooms_is_true(graph: grimp.ImportGraph) -> None:
    """ARCHITECTURE.md names every folder with code, no other, and what each imports."""
    rooms = {room: imported - COMMON for room, imported in grouped_imports(graph, folder_of).items()}
    written = table()
    assert sorted(written) == sorted({*rooms, "deploy", "deploy/grafana", "tests"})
    assert {room: written[room] for room in rooms} == rooms


def test_no_cycle_between_folders(graph: grimp.ImportGraph) -> None:
    """Folders within rooms have an order too; `graphlib` raises CycleError where they have none."""
    order = TopologicalSorter(grouped_imports(graph, folder_of)).static_order()
    assert sorted(order) == sorted(folders())


def test_test_folders_mirror_the_rooms() -> None:
    """A folder of tests for a room has its path, and every one is a package."""
    for package in PACKAGES:
        for folder in (ROOT / "tests" / package).rglob("*/"):
            if any(folder.glob("*.py")):
                assert (folder / "__init__.py").exists(), folder
                assert (ROOT / folder.relative_to(ROOT / "tests")).is_dir(), folder


def test_no_other_distribution_owns_our_names() -> None:
    """Packages of other projects with these names would hide ours or be hidden."""
    owners = packages_distributions()
    assert {name for package in PACKAGES for name in owners.get(package, ["ebbtide"])} == {"ebbtide"}
