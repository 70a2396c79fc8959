"""Writes the dashboards as JSON. With `--check` it only compares the files with what it would write."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana.entity import entity
from deploy.grafana.history import history
from deploy.grafana.overview import overview
from deploy.grafana.pipeline import pipeline

FOLDER = Path(__file__).parent
LEAST = "9.3.0"  # of Grafana: tests/deploy/grafana/least.schema.json has what it knows
FILES: dict[str, Callable[[], dashboard.Dashboard]] = {
    "dashboards/overview.json": overview,
    "dashboards/entity.json": entity,
    "dashboards/pipeline.json": pipeline,
    "optional/history.json": history,
}


def text_of(made: dashboard.Dashboard) -> str:
    """Return the content of a dashboard's file. It says which Grafana it needs, as an exported one does."""
    needs = [{"type": "grafana", "id": "grafana", "name": "Grafana", "version": LEAST}]
    content = json.loads(json.dumps(made.build(), cls=JSONEncoder)) | {"__requires": needs}
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def main(arguments: list[str]) -> int:
    """Write the files and return 0. With `--check`, name the files that differ and return 1 if there are any."""
    texts = {FOLDER / name: text_of(make()) for name, make in FILES.items()}
    if "--check" not in arguments:
        for file, text in texts.items():
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return 0
    stale = [file for file, text in texts.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
    for file in stale:
        sys.stderr.write(f"{file.relative_to(FOLDER)}: differs, run `make dashboards`\n")
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
