"""The newest incidents as Atom (RFC 4287) and JSON Feed 1.1, for feed readers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import nlargest
from typing import Final, TypeAlias
from uuid import UUID, uuid5
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from schemas.api import FeedQuery, JsonFeed, JsonFeedItem
from schemas.incident import Incident
from schemas.remark import Remark
from schemas.times import parse_time
from streams.worker.web.formatting import share, visible

MAX_ENTRIES: Final = 50
LENGTH: Final = 400  # characters of a text that may hold names of producers
TITLE: Final = "Ebbtide: incidents of the Internet"
EPOCH: Final = "1970-01-01T00:00:00Z"  # of a feed without entries, which must have a time
RemarksOf: TypeAlias = Callable[[str], Sequence[Remark]]  # by the id of an incident
_NAMES = UUID("6f1d1c0e-6c6a-5f0e-9a56-2f3f0b7c9f10")  # with it an incident has the same UUID at every worker


def newest(incidents: Iterable[Incident], query: FeedQuery) -> list[Incident]:
    """Return the incidents of a feed, what changed last first: confirmed ones, also if withdrawn later."""
    return nlargest(MAX_ENTRIES, (found for found in incidents if _is_asked(found, query)), key=_changed)


def _is_asked(incident: Incident, query: FeedQuery) -> bool:
    is_sure = incident.state not in ("suspected", "retracted") or incident.confirmed_at is not None
    is_there = not query.country or any(code in query.country for code in incident.scope.countries)
    return is_sure and is_there and "feed-fault" not in incident.kinds


def _changed(incident: Incident) -> tuple[float, str]:
    return parse_time(incident.updated_at), incident.incident_id


def entry_id(incident: Incident) -> str:
    """Return the id of an entry, which no revision changes."""
    return uuid5(_NAMES, incident.incident_id).urn


def title(incident: Incident) -> str:
    """Return the headline, which says first of a withdrawn incident that it is."""
    return shown(("Withdrawn: " if incident.state == "retracted" else "") + incident.headline)


def noted(incident: Incident, remarks_of: RemarksOf) -> tuple[list[str], str]:
    """Return the notes of operators on an incident, and when the incident or a note of it changed last."""
    notes = [found for found in remarks_of(incident.incident_id) if found.kind == "note"]
    texts = [" ".join(filter(None, (f"Note by {note.by}: {note.text}", note.link))) for note in notes]
    return texts, max([incident.updated_at, *(note.written_at for note in notes)], key=parse_time)


def summary(incident: Incident, notes: Sequence[str] = ()) -> str:
    """Return what a reader shows below the title, as plain text."""
    lost = incident.affected_share
    parts = [
        f"{incident.severity}, {incident.state}; since {incident.started_at}",
        f"until {incident.ended_at}" if incident.ended_at else "",
        "" if lost is None else f"at most {share(lost)} of what is measured in the countries lost",
        f"shown by {', '.join(incident.confidence.seen_by) or 'no feed by itself'}",
        "part of a larger incident" if incident.merged_into else "",
    ]
    return " ".join([shown("; ".join(filter(None, parts)) + "."), *map(visible_text, notes)])


def shown(text: str) -> str:
    """Return a text of bounded length in which everything that cannot be seen is escaped, so that XML can hold it."""
    return str(visible(text if len(text) <= LENGTH else text[: LENGTH - 1] + "…"))


def visible_text(text: str) -> str:
    """Return a text in which everything that cannot be seen is escaped."""
    return str(visible(text))


def json_feed(incidents: Sequence[Incident], address: str, own: str, remarks_of: RemarksOf = lambda _: ()) -> JsonFeed:
    """Return the JSON Feed. `address`: of the pages; `own`: path and query of the feed."""
    items = [
        JsonFeedItem(
            id=entry_id(incident),
            url=f"{address}/incidents/{incident.incident_id}",
            title=title(incident),
            content_text=summary(incident, notes),
            date_published=incident.confirmed_at or incident.detected_at,
            date_modified=changed_at,
            tags=_tags(incident),
        )
        for incident in incidents
        for notes, changed_at in [noted(incident, remarks_of)]
    ]
    return JsonFeed("https://jsonfeed.org/version/1.1", TITLE, f"{address}/", address + own, items)


def atom_feed(incidents: Sequence[Incident], address: str, own: str, remarks_of: RemarksOf = lambda _: ()) -> bytes:
    """Return the Atom feed. `address`: of the pages; `own`: path and query of the feed."""
    root = Element("feed", xmlns="http://www.w3.org/2005/Atom")
    _add(root, "id", address + own)
    _add(root, "title", TITLE)
    _add(root, "updated", max((noted(incident, remarks_of)[1] for incident in incidents), default=EPOCH))
    _add(SubElement(root, "author"), "name", "Ebbtide")
    SubElement(root, "link", rel="self", type="application/atom+xml", href=address + own)
    SubElement(root, "link", rel="alternate", type="text/html", href=f"{address}/")
    for incident in incidents:
        _add_entry(root, incident, address, *noted(incident, remarks_of))
    body: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return body


def _add_entry(root: Element, incident: Incident, address: str, notes: Sequence[str], changed_at: str) -> None:
    entry = SubElement(root, "entry")
    _add(entry, "id", entry_id(incident))
    _add(entry, "title", title(incident))
    _add(entry, "updated", changed_at)
    _add(entry, "published", incident.confirmed_at or incident.detected_at)
    SubElement(entry, "link", rel="alternate", type="text/html", href=f"{address}/incidents/{incident.incident_id}")
    for tag in _tags(incident):
        SubElement(entry, "category", term=tag)
    _add(entry, "summary", summary(incident, notes))


def _add(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _tags(incident: Incident) -> list[str]:
    return list(dict.fromkeys([incident.severity, *incident.kinds, *incident.scope.countries]))
