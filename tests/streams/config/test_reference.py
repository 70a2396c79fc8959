"""The reference of all settings: whole, and as it is checked in."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.cli import main
from streams.config.reference import undescribed

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def test_every_setting_is_described() -> None:
    """No key without a text, and no text of a key that is gone."""
    assert undescribed() == set()


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
