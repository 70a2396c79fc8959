"""Pages for people: templates with everything escaped, and the files that they need."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from schemas.outage import RUNNING
from streams.worker.web.formatting import FILTERS
from streams.worker.web.page_models import feed_state

FOLDER = Path(__file__).parent
EVERY = 15  # seconds after which a page asks for news


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(FILTERS)
    made.globals.update(every=EVERY, feed_state=feed_state, going=RUNNING)
    return made


ENVIRONMENT = _environment()


def render(template: str, path: str, **values: object) -> str:
    """Return a page; links in it are relative to its `path`, so that a proxy may put the whole site elsewhere."""
    root = "/".join([".."] * (path.count("/") - 1)) or "."
    return ENVIRONMENT.get_template(f"{template}.html").render(root=root, **values)


def static(name: str) -> bytes:
    """Return a file that pages need."""
    return (FOLDER / "static" / name).read_bytes()
