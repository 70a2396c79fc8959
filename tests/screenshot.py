"""Takes the picture of the page in the README, of a simulated event: `python -m tests.screenshot FILE.png`."""

from __future__ import annotations

import dataclasses
import gzip
import sys
import tempfile
from pathlib import Path

import orjson

from schemas.times import parse_time
from streams.config.loader import load
from streams.evaluation.simulate.situations import SCENARIOS
from streams.evaluation.simulate.writer import write
from tests.chromium import browser, resize
from tests.streams.worker.web.site import read, served

SCENARIO, UNTIL = "iran-mobile-2019", parse_time("2019-12-25T12:20:00Z")
WIDTH, HEIGHT = 1200, 860


def main(target: Path) -> None:
    """Simulate, read up to the time, and take the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(SCENARIOS[SCENARIO], 0, folder)
        lines = gzip.decompress((folder / "measurements.jsonl.gz").read_bytes()).splitlines()
        view = read([line for line in lines if orjson.loads(line)["ts"] < UNTIL], load(folder / "feeds.toml", {}))
        calm = dataclasses.replace(view, health=lambda: view.health()._replace(not_ready=None))  # it has no broker
        with served(calm) as url, browser(folder / "profile") as chrome:
            resize(chrome, WIDTH, HEIGHT)
            chrome.get(url)
            chrome.save_screenshot(str(target))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
