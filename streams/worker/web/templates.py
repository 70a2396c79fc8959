"""Renders the HTML templates, which escape every value, and reads the static files."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from schemas.outage import RUNNING
from streams.worker.web.formatting import FILTERS, visible
from streams.worker.web.overview import feed_state

FOLDER = Path(__file__).parent
EVERY = 15  # seconds between two updates of an open page


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=visible,
    )
    environment.filters.update(FILTERS)
    environment.globals.update(every=EVERY, feed_state=feed_state, running=RUNNING)
    return environment


ENVIRONMENT = _environment()


def render(template: str, path: str, **values: object) -> str:
    """Return a page. Its links are relative to its `path`, so that a proxy may serve the site under a prefix."""
    root = "/".join([".."] * (path.count("/") - 1)) or "."
    return ENVIRONMENT.get_template(f"{template}.html").render(root=root, **values)


def render_card(**values: object) -> str:
    """Return the card of an incident, an SVG that needs no other file."""
    return ENVIRONMENT.get_template("card.svg").render(**values)


def static(name: str) -> bytes:
    """Return the content of a static file."""
    return (FOLDER / "static" / name).read_bytes()
