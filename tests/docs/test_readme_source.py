"""The README's third command, as it stands there, where RIPE Atlas cannot be reached."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from streams.config.loader import load
from streams.config.network_sources import AtlasSource
from tests.docs.blocks import ROOT, blocks
from tests.ebbtide import env

NOWHERE = {
    "EBBTIDE_SOURCES_ATLAS_STREAM": "ws://127.0.0.1:9/stream/",
    "EBBTIDE_SOURCES_ATLAS_API": "http://127.0.0.1:9",
    "PYTHONPATH": str(ROOT),
}


def test_the_third_command_says_in_one_line_that_it_needs_the_internet(tmp_path: Path) -> None:
    """In an empty folder its settings are those shipped; the line is that of the README, but for address and reason."""
    (text,) = [block.text for block in blocks("sh") if block.page == "README.md" and "source atlas" in block.text]
    command = text[text.index(".venv-demo/bin/ebbtide") :]
    command = command.replace(".venv-demo/bin/ebbtide", f"{shlex.quote(sys.executable)} -m streams.cli")
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, env=env(NOWHERE), capture_output=True, check=True, timeout=60
    )
    (shown,) = [block.text for block in blocks("") if block.page == "README.md" and "cannot connect" in block.text]
    (said,) = re.findall(r"^ebbtide: .*", done.stderr.decode(), re.MULTILINE)
    source = load(ROOT / "examples" / "atlas.toml", {}).sources["atlas"]
    assert isinstance(source, AtlasSource)
    assert shown.startswith(f"ebbtide: {source.stream.partition('?')[0]}: cannot connect: ")
    assert said.startswith("ebbtide: ws://127.0.0.1:9/stream/: cannot connect: ")
    assert done.stdout == b""
    assert done.stderr.count(b"there is no ebbtide.toml: the settings are those of the example of RIPE Atlas") == 2
