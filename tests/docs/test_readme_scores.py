"""The README's table of recordings has the figures of the scoreboard."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES = {
    "RIPE Atlas, 16 June 2016": "atlas-2016-06-16",
    "RIPE Atlas, 13 July 2016": "atlas-2016-07-13",
    "Hurricane Laura, 2020": "hurricane-laura-2020",
    "Venezuela, blackout of 2019": "venezuela-2019-blackout",
    "Zhytomyr, 2022": "zhytomyr-2022",
}


def rows(page: str) -> list[list[str]]:
    """Return the cells of each row of the tables of a page."""
    lines = (ROOT / page).read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]


@pytest.mark.parametrize(("recording", "case"), CASES.items())
def test_a_recording_has_the_figures_of_the_scoreboard(recording: str, case: str) -> None:
    """Labels found and false alarms, of ours and of the fixed fraction."""
    of_rule = {cells[1]: cells[2:6] for cells in rows("tests/scoreboard.md") if cells[0] == case}
    labels, hits, _, false = of_rule["ebbtide"]
    _, others, _, wrong = of_rule["fixed fraction"]
    found = f"{hits} of {labels}" if labels != "0" else "none to find"
    expected = [found, false, f"{others if labels != '0' else '–'}, {int(wrong):,}"]
    (shown,) = [cells[1:] for cells in rows("README.md") if cells[0] == recording]
    assert shown == expected
