"""What stands in fences in the documentation, and the commands in it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ROOMS = ("schemas", "detectors", "streams", "deploy", "tests", "docs")
_FILE = re.compile(rf"`((?:{'|'.join(_ROOMS)})/[\w./*-]+|\w+\.py)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_NOT_A_COMMAND = {"|", "||", "&&", ";", "&"}
_VARIABLE = re.compile(r"[A-Z_]+=.*")


class Block(NamedTuple):
    """A fenced text: the page, the line on which it begins, its language, and itself."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


class Command(NamedTuple):
    """A command of a block, in words, without comments and redirections."""

    block: Block
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.block}: {' '.join(self.words)}"


def blocks(language: str) -> list[Block]:
    """Return all blocks of a language."""
    return [block for page in PAGES for block in _blocks(page) if block.language == language]


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 2
        yield Block(str(page.relative_to(ROOT)), line, found[1], found[2])


def commands() -> list[Command]:
    """Return all commands of all shell blocks."""
    return [command for block in blocks("sh") for line in _lines(block.text) for command in _commands(block, line)]


def _lines(text: str) -> list[str]:
    return text.replace("\\\n", " ").splitlines()


def _commands(block: Block, line: str) -> Iterator[Command]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&<>")
    lexer.commenters, lexer.whitespace_split = "#", True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word in _NOT_A_COMMAND:
            bare = _bare(words)
            if bare:
                yield Command(block, bare)
            words = []
        else:
            words.append(word)


def _bare(words: list[str]) -> tuple[str, ...]:
    """Leave out variables in front and redirections behind."""
    while words and _VARIABLE.fullmatch(words[0]):
        words = words[1:]
    end = next((at for at, word in enumerate(words) if set(word) <= set("<>") and word), len(words))
    return tuple(words[:end])


def links(page: Path) -> list[str]:
    """Return the links of a page to files of the project, without what they name in them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return [link.partition("#")[0] for link in _LINK.findall(text) if not re.match(r"[a-z]+:|#", link)]


def missing_files(page: Path) -> list[str]:
    """Return the files of the project that a page names and that are not there; without a folder, anywhere."""
    named = _FILE.findall(page.read_text(encoding="utf-8"))
    return [name for name in named if not any(ROOT.glob(name) if "/" in name else _anywhere(name))]


def _anywhere(name: str) -> Iterator[Path]:
    return (found for room in _ROOMS for found in (ROOT / room).rglob(name))
