"""The documentation site: it builds without a warning, has every page, and its search knows them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.docs.blocks import PAGES, ROOT


def test_the_site_has_every_page(tmp_path: Path) -> None:
    """Built strictly: a link or an anchor that leads nowhere and a page out of the navigation are errors."""
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--config-file",
        "deploy/site/mkdocs.yml",
        "--site-dir",
        str(tmp_path),
    ]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    entries = json.loads((tmp_path / "search" / "search_index.json").read_text())["docs"]
    found = {entry["location"].partition("#")[0] for entry in entries}
    assert {_location(page) for page in PAGES} <= found


def _location(page: Path) -> str:
    place = page.relative_to(ROOT).with_suffix("")
    return "" if place == Path("README") else f"{place}/"
