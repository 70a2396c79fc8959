"""`ebbtide metadata update`."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.cli.main import main
from tests.streams.sources.test_as_tables import APNIC_JSON, CAIDA_TEXT


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Return a table of operators and one of users."""
    (tmp_path / "as2org.txt").write_text(CAIDA_TEXT)
    (tmp_path / "aspop.json").write_text(APNIC_JSON)
    return str(tmp_path / "as2org.txt"), str(tmp_path / "aspop.json")


def test_the_file_of_the_settings_is_replaced(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What came from where is on standard error; nothing but the result is left beside it."""
    (tmp_path / "ebbtide.toml").write_text(f'[metadata]\nfile = "{tmp_path}/metadata.csv"\n')
    (tmp_path / "metadata.csv").write_text("asn,name\n1,old\n")
    assert main(["metadata", "update", *files, "--settings", str(tmp_path / "ebbtide.toml")]) == 0
    lines = (tmp_path / "metadata.csv").read_text().splitlines()
    assert 'asn/9198,KAZTELECOM-AS,KZ,"JSC ""Kazakh"" Telecom",3000000' in lines
    assert capsys.readouterr().err.splitlines() == [
        f"{files[0]}: CAIDA AS organizations, 4 rows, 1 left out: a number that no network has",
        f"{files[1]}: APNIC users, 2 rows, 1 left out: a number that no network has, 1 left out: no number of users",
        f"{tmp_path}/metadata.csv: 4 entities, 2 operators, 2 countries, 2 weights",
    ]
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ([], "the settings name no metadata.file: give --output FILE"),
        (["--output", "/dev/null/x"], "/dev/null/x: cannot be written"),
    ],
)
def test_nowhere_to_write_is_one_line(
    files: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    fault: str,
) -> None:
    """Without a file of the settings, or with one that cannot be."""
    monkeypatch.chdir(tmp_path)
    assert main(["metadata", "update", *files, *arguments]) in (1, 2)
    assert fault in capsys.readouterr().err


def test_a_table_that_is_broken_leaves_the_old_one(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written before all tables are read."""
    (tmp_path / "broken").write_text("{")
    output = tmp_path / "metadata.csv"
    output.write_text("old")
    assert main(["metadata", "update", *files, str(tmp_path / "broken"), "--output", str(output)]) == 1
    assert output.read_text() == "old"
    assert f"{tmp_path}/broken: is not what it looks like" in capsys.readouterr().err
