"""Formats numbers, times and names for the HTML pages."""

from __future__ import annotations

from markupsafe import Markup

from schemas.outage import Outage, lost
from schemas.rejections import one_line, printable
from schemas.times import format_time, parse_time
from streams.pipeline.incidents.headline import territory

NO_BREAK = "\xa0"
_HARMLESS = (NO_BREAK, "\u200c", "\u200d")  # the joiners shape letters of Persian and of Indian scripts


def visible(value: object) -> object:
    r"""Return what an expression of a template shows; in a text everything that cannot be seen is escaped.

    Controls, and marks of direction that would reorder the text around them, are shown as codes. What holds such text
    twice, as `Markup`, has passed here already.

    >>> visible("a\u202eb")
    'a\\u202eb'
    """
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "".join(c if c.isprintable() or c in _HARMLESS else printable(c) for c in value)


def number(value: float | None) -> str:
    """Return a number with three significant digits.

    >>> number(None), number(0.98333), number(1312.4), number(0)
    ('unknown', '0.983', '1,312', '0')
    """
    if value is None:
        return "unknown"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def share(value: float | None) -> str:
    r"""Return a share as a percentage that no line breaks.

    >>> share(0.969), share(None)
    ('97\xa0%', 'unknown')
    """
    return "unknown" if value is None else f"{100 * value:.0f}{NO_BREAK}%"


def unbroken(text: str) -> str:
    r"""Return a sentence in which no line breaks between a number and its percent sign.

    >>> unbroken("98 % of normal lost")
    '98\xa0% of normal lost'
    """
    return text.replace(" %", f"{NO_BREAK}%")


def span(seconds: float) -> str:
    """Return a duration in its two largest units; seconds only below a minute.

    >>> [span(time).replace(NO_BREAK, " ") for time in (59, 1798, 3600, 5430, 90_000, 14 * 86_400)]
    ['59 s', '29 min', '1 h', '1 h 30 min', '1 d 1 h', '14 d']
    """
    units = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    left, parts = int(max(seconds, 0)), list[str]()
    left -= left % 60 if left >= 60 else 0
    for size, name in units:
        count, left = divmod(left, size)
        parts += [f"{count} {name}"] if count or parts else []
    shown = " ".join([part for part in parts[:2] if not part.startswith("0 ")]) or "0 s"
    return shown.replace(" ", NO_BREAK)


def when(time: str | float | None) -> Markup:
    """Return a time in UTC as a `time` element, without `:00` seconds. `time`: RFC 3339 or Unix seconds."""
    if time is None:
        return Markup('<span class="unknown">unknown</span>')
    text = time if isinstance(time, str) else format_time(time)
    shown = text[:-1].replace("T", " ").removesuffix(":00")
    return Markup('<time datetime="{}">{}</time>').format(text, shown)


def from_day_before(time: str | None) -> str:
    """Return the parameters of a dashboard that shows all since a day before a time (RFC 3339); nothing without one.

    >>> from_day_before("2019-12-25T00:00:00Z")
    '&from=1577145600000&to=now'
    """
    return f"&from={1000 * round(parse_time(time) - 86_400)}&to=now" if time else ""


def instant(time: str | float | None) -> str:
    """Return a time in UTC as plain text, without `:00` seconds. `time`: RFC 3339 or Unix seconds.

    >>> instant("2019-12-25T05:00:00Z"), instant(None)
    ('2019-12-25 05:00 UTC', 'unknown')
    """
    if time is None:
        return "unknown"
    text = time if isinstance(time, str) else format_time(time)
    return text[:-1].replace("T", " ").removesuffix(":00") + " UTC"


def entity(name: str) -> str:
    """Return the name of an entity.

    >>> entity("asn/43754"), entity("country/IR"), entity("region/IR-30"), entity("country/XX")
    ('AS43754', 'Iran', 'region IR-30', 'country XX')
    """
    kind, _, rest = name.partition("/")
    if kind == "asn":
        return f"AS{rest}"
    country = territory(rest) if kind == "country" else None
    return country if country else one_line(f"{kind} {rest}")


def who(outage: Outage) -> str:
    """Return the entity and facets of an outage."""
    return " ".join([entity(outage.entity), *(one_line(text) for _, text in sorted(outage.facets.items()))])


def plural(count: int, word: str) -> str:
    """Return a count with its noun.

    >>> plural(1, "outage"), plural(1200, "outage")
    ('1 outage', '1,200 outages')
    """
    return f"{count:,} {word}{'' if count == 1 else 's'}"


FILTERS = {
    "lost": lost,
    "number": number,
    "share": share,
    "span": span,
    "unbroken": unbroken,
    "when": when,
    "instant": instant,
    "from_day_before": from_day_before,
    "entity": entity,
    "who": who,
    "plural": plural,
}
