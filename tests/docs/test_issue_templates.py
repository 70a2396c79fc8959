"""The forms of new issues: as GitHub reads them, with commands that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.cli.main import COMMANDS

FOLDER = Path(__file__).parents[2] / ".github" / "ISSUE_TEMPLATE"
FORMS = sorted(path for path in FOLDER.glob("*.yml") if path.name != "config.yml")


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_is_as_github_reads_it(path: Path) -> None:
    """A name, a description, fields of known types with labels and ids of their own, and commands that exist."""
    text = path.read_text(encoding="utf-8")
    form: dict[str, Any] = yaml.safe_load(text)
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in fields} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert all(field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields) > 0
    commands = set(re.findall(r"`ebbtide ([a-z]+)", text))
    assert commands <= set(COMMANDS)
    assert "`ebbtide --version`" in text


def test_there_are_forms() -> None:
    """For a fault, and for a wrong outage."""
    assert [path.stem for path in FORMS] == ["fault", "outage"]
