"""The runbooks: the same four parts, links that lead somewhere, and commands that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from streams.cli.main import parser
from tests import prometheus
from tests.deploy import rules

RUNBOOKS = sorted((rules.ROOT / "docs" / "runbooks").glob("*.md"))
PARTS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]


def commands(page: Path) -> list[list[str]]:
    """Return the commands of a page's code blocks, as words."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def test_there_is_no_runbook_without_an_alert() -> None:
    """What nobody is sent to goes out of date."""
    assert {page.stem for page in RUNBOOKS} == rules.alerts().keys()


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_a_runbook_has_its_parts_and_no_dead_link(page: Path) -> None:
    """Meaning, Impact, Diagnosis, Mitigation, none of them empty; links go to files of the repository."""
    text = page.read_text()
    title, *parts = re.split(r"^##? (.+)$", text, flags=re.MULTILINE)[1:]
    assert title == page.stem
    assert parts[1::2] == PARTS
    assert all(part.strip() for part in parts[2::2])
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert (page.parent / link).resolve().is_relative_to(rules.ROOT)
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_the_commands_of_a_runbook_are_ours_as_they_are(page: Path) -> None:
    """What begins with `ebbtide` is understood by its command line."""
    for words in commands(page):
        if words[0] == "ebbtide":
            assert parser().parse_args(words[1:]).command, words


def test_promtool_reads_the_queries_of_the_runbooks(tmp_path: Path) -> None:
    """Each `promtool query instant` has an expression that a rule may have."""
    all_ = [words for page in RUNBOOKS for words in commands(page)]
    asked = [words[-1] for words in all_ if words[:3] == ["promtool", "query", "instant"]]
    assert asked
    rule = [{"record": f"a:b:c{number}", "expr": query} for number, query in enumerate(asked)]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rule}]}))
    assert f"{len(asked)} rules found" in prometheus.run("promtool", "check", "rules", path)
