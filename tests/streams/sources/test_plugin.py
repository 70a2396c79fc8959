"""The example of a plug-in, installed as its users install it, but without network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.ebbtide import ebbtide, ebbtide_process
from tests.streams.sources.helpers import START

EXAMPLE = Path(__file__).parents[3] / "examples" / "source_plugin"
SETTINGS = """[feeds.f]
signal = "traffic"
kind = "count"
bin = "1m"
[sources.s]
type = "files"
format = "logfmt"
feed = "f"
paths = ["web.log"]
fields = { ts = "time", asn = "asn", value = "hits" }
"""


def test_the_example_is_installed_and_run(tmp_path: Path) -> None:
    """Its format is there once it is installed, and named among those that are when it is not."""
    (tmp_path / "ebbtide.toml").write_text(SETTINGS)
    good = [f'time={START + n} asn=AS3333 hits={n} note="two words"' for n in range(4)]
    (tmp_path / "web.log").write_text("\n".join([*good, f"time={START} asn=1103 hits=7", "no pairs"]))
    assert b"'logfmt' is none of csv, json" in ebbtide("source", "s", "--dry-run", cwd=tmp_path).stderr
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(tmp_path / "plugins"), str(EXAMPLE)]
    subprocess.run(command, check=True, capture_output=True)
    environment = {"PYTHONPATH": str(tmp_path / "plugins")}
    done = ebbtide_process("source", "s", "--dry-run", cwd=tmp_path, environment=environment)
    assert done.stderr.decode().startswith("6 records · 2 measurements · 0 left out · 0 bad networks · 1 rejected")
    assert done.stdout.decode().splitlines() == [
        f'{{"feed":"f","ts":{START},"asn":1103,"value":7}}',
        f'{{"feed":"f","ts":{START},"asn":3333,"value":6}}',
    ]
