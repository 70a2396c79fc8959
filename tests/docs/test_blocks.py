"""What the documentation shows is right: settings, messages, commands, code, links."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.decode import decode
from streams.cli.main import parser
from streams.config.settings import Settings, from_builtins
from tests.docs.blocks import PAGES, ROOT, Block, Command, blocks, commands, links, missing_files

LANGUAGES = {"", "sh", "toml", "json", "python", "yaml", "promql", "ini"}
OTHERS = {
    *[
        "amtool",
        "awk",
        "curl",
        "docker",
        "echo",
        "install",
        "journalctl",
        "kill",
        "kafka-acls.sh",
        "kafka-configs.sh",
        "kcat",
        "kubectl",
        "pip",
        "promtool",
        "python3",
        "sed",
        "systemctl",
    ],
    "tail",
    "{",
    "}",
}
_TARGETS = re.findall(r"^([a-z_ -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
TARGETS = {target for line in _TARGETS for target in line.split()}


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_settings_are_right(block: Block) -> None:
    """Each example of a settings file is one."""
    assert from_builtins(tomllib.loads(block.text)) != Settings()


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_json_is_json(block: Block) -> None:
    """Each example of a message can be read; one with the fields of a measurement is a measurement."""
    for message in _messages(block.text):
        if "ts" in message:
            assert decode([json.dumps(message).encode()]).dead == []


def _messages(text: str) -> list[dict[str, Any]]:
    """One message, or one a line."""
    lines = text.splitlines()
    return [json.loads(line) for line in lines] if all(line[:1] == "{" for line in lines) else [json.loads(text)]


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_is_yaml(block: Block) -> None:
    """Each can be read."""
    assert yaml.safe_load(block.text)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_compiles(block: Block) -> None:
    """Each piece of code is one that Python takes."""
    assert compile(block.text, str(block), "exec")


@pytest.mark.parametrize("command", commands(), ids=str)
def test_commands_are_what_there_is(command: Command) -> None:
    """Ours with arguments that they take, targets of the Makefile, programs that we know of."""
    first, *arguments = command.words
    program = Path(first).name
    if program == "ebbtide":
        assert parser().parse_args(arguments)
    elif program == "make":
        assert {word for word in arguments if "=" not in word} <= TARGETS
    else:
        assert program in OTHERS or (ROOT / first).is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """To files that are there, as are those that it names, and every fence says what is in it."""
    assert [link for link in links(page) if not (page.parent / link).exists()] == []
    assert missing_files(page) == []
    fences = re.findall(r"^```(\w*)$", page.read_text(), re.MULTILINE)
    assert set(fences) <= LANGUAGES


def test_no_page_is_out_of_sight() -> None:
    """The README leads to every page of the documentation."""
    shown = {(ROOT / link).resolve() for link in links(ROOT / "README.md")}
    assert {page for page in PAGES if page.parent == ROOT / "docs"} <= shown
