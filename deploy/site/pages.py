"""The pages of the documentation site: those of the repository, and the files that they link to, in their places."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
_PLACES = ("*.md", "docs/**/*.md", "tests/*.md", "examples/**/*.md")
_LINK = re.compile(r"\]\(([^)#\s:]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Put the pages of the repository in the place of those of `docs_dir`; links between them hold unchanged."""
    theme = [file for file in files if file.abs_src_path and not _of_repository(Path(file.abs_src_path))]
    pages = sorted(page for place in _PLACES for page in ROOT.glob(place))
    paths = sorted({*pages, *(target for page in pages for target in _linked_files(page))})
    return Files([*theme, *(_file(path, config) for path in paths)])


def _of_repository(path: Path) -> bool:
    return path.is_relative_to(ROOT / "docs")


def _linked_files(page: Path) -> list[Path]:
    targets = [(page.parent / link).resolve() for link in _LINK.findall(page.read_text(encoding="utf-8"))]
    return [target for target in targets if target.is_file() and target.is_relative_to(ROOT)]


def _file(path: Path, config: MkDocsConfig) -> File:
    return File.generated(config, str(path.relative_to(ROOT)), abs_src_path=str(path))
