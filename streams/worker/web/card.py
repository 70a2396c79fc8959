"""The card of an incident, to post: an SVG of 1200 by 630, and PNG where resvg is installed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from schemas.incident import OVER, Incident
from schemas.times import format_time
from streams.worker.web.formatting import unbroken
from streams.worker.web.page_models import Item
from streams.worker.web.sparkline import Size
from streams.worker.web.templates import render_card

WIDTH, HEIGHT = 1200, 630
CHART = Size(1104, 210)
HEADLINE_WIDTH = 1104  # units for a line of the headline
SIZES = ((50, 3), (42, 4), (34, 5))  # of the headline's letters, and how many lines of them have room
COLORS = {"total": "#a30e15", "major": "#b3470a", "partial": "#7a5c00"}
NARROW, BROAD = frozenset("iljtfrI.,:;'|!()[] "), frozenset("mwMW%@—…")
FONTS = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
)
# What the style sheet of the pages says of a chart: a card is a file of its own.
STYLES = {
    "band": 'fill="#dbe9ee"', "lost": 'fill="#f4c7c3"', "since": 'stroke="#a30e15" stroke-width="2" fill="none"',
    "expected": 'stroke="#5f6b76" stroke-width="2" stroke-dasharray="6 5" fill="none"',
    "measured": 'stroke="#0b6e7f" stroke-width="4" fill="none"',
}  # fmt: skip


class Headline(NamedTuple):
    """The lines of a headline, and the size of its letters."""

    lines: Sequence[str]
    size: int


def card_svg(item: Item, address: str) -> bytes:
    """Return the card of an incident. `address`: of the pages."""
    incident = item.value
    assert isinstance(incident, Incident)
    return render_card(
        incident=incident,
        item=item,
        headline=wrapped(incident.headline),
        chart=None if item.chart is None else _standing_alone(item.chart.svg),
        color=COLORS[incident.severity],
        is_over=incident.state in OVER,
        as_of=as_of(item, incident),
        site=address.partition("://")[2],
        size=CHART,
    ).encode()


def as_of(item: Item, incident: Incident) -> str:
    """Return the time of what a card says: of the newest revision, or of the newest bin while the incident lasts."""
    newest = "" if item.chart is None or incident.state in OVER else format_time(item.chart.last)
    return max(incident.updated_at, newest)


def card_png(svg: bytes) -> bytes:
    """Return a card as PNG; the same card and font give the same bytes."""
    import resvg_py

    made = resvg_py.svg_to_bytes(svg_string=svg.decode(), font_files=[_font() or ""], skip_system_fonts=True)
    return bytes(made)


@cache
def why_no_png() -> str | None:
    """Return why there are no cards as PNG, with what to do; None when there are."""
    if find_spec("resvg_py") is None:
        return "cards as PNG need resvg: pip install 'ebbtide[card]'; the card as SVG needs nothing"
    if _font() is None:
        return "cards as PNG need the font DejaVu Sans, as of the package fonts-dejavu-core; the card as SVG needs none"
    return None


def _font() -> str | None:
    return next((path for path in FONTS if Path(path).exists()), None)


def wrapped(text: str) -> Headline:
    """Return a headline in lines that fit, in the largest letters that do; what does not fit ends with an ellipsis.

    >>> wrapped("The Internet is down in Iran.")
    Headline(lines=['The Internet is down in Iran.'], size=50)
    """
    for size, most in SIZES:
        lines = list(_lines(text, HEADLINE_WIDTH / size))
        if len(lines) <= most:
            return Headline(lines, size)
    return Headline([*lines[: most - 1], _cut(" ".join(lines[most - 1 :]), HEADLINE_WIDTH / size)], size)


def _lines(text: str, room: float) -> Iterator[str]:
    """Yield lines of whole words; a word that is longer than a line is cut."""
    line = ""
    for word in filter(None, unbroken(text).split(" ")):
        if line and _width(f"{line} {word}") > room:
            yield line
            line = ""
        line = f"{line} {word}" if line else word
        while _width(line) > room:
            part = _cut(line, room)
            yield part
            line = line[len(part) - 1 :]
    if line:
        yield line


def _cut(text: str, room: float) -> str:
    """Return the start of a text that has room, with an ellipsis when it is cut."""
    if _width(text) <= room:
        return text
    used, kept = _width("…"), 0
    for character in text:
        used += _width(character)
        if used > room:
            break
        kept += 1
    return text[: max(1, kept)] + "…"


def _width(text: str) -> float:
    """Return an upper estimate of the width of a text in DejaVu Sans, in heights of its letters."""
    return sum(_advance(character) for character in text)


def _advance(character: str) -> float:
    if character in NARROW:
        return 0.42
    if character in BROAD or unicodedata.east_asian_width(character) in "FW":
        return 1.03
    return 0.72 if character.isupper() else 0.64


def _standing_alone(svg: Markup) -> Markup:
    """Return a chart whose classes are attributes."""
    text = str(svg).replace(' class="chart"', "")
    for name, attributes in STYLES.items():
        text = text.replace(f'class="{name}"', attributes)
    return Markup(text)
