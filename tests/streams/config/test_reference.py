"""The reference of all settings: whole, and as it is checked in."""

from __future__ import annotations

from pathlib import Path
from typing import get_type_hints

import pytest

from streams.cli import main
from streams.config.reference import description, sections

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def test_every_setting_is_described() -> None:
    """Each key of each section has a description in its type, and so a text in the last column."""
    described = {
        f"{title} {key}": description(hint)
        for title, kind in sections().items()
        for key, hint in get_type_hints(kind, include_extras=True).items()
        if key in kind.__struct_fields__
    }
    assert len(described) == sum(len(kind.__struct_fields__) for kind in sections().values())
    assert [key for key, text in described.items() if not text] == []


def test_the_page_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever adds a setting runs `ebbtide settings reference > docs/settings.md`."""
    assert main.main(["settings", "reference"]) == 0
    assert PAGE.read_text() == capsys.readouterr().out


def test_defaults_and_types_are_in_words() -> None:
    """As they would stand in the file."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    session = next(row for row in rows if row.startswith("| `session_timeout`"))
    assert '| duration | `"10s"` |' in session
    assert next(row for row in rows if row.startswith("| `bin`")).split(" | ")[1:3] == ["duration", "required"]
    assert all("object at" not in row and "typing" not in row for row in rows)
