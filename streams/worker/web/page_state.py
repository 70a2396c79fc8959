"""What a worker knew at one moment, for one page: the event loop copies it, then a thread chooses and draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple, TypeVar

from schemas.incident import Incident
from schemas.outage import Outage
from streams.config.settings import Settings
from streams.worker.web.worker_view import Health, WorkerView

E = TypeVar("E", Outage, Incident)


class Copied(NamedTuple):
    """A quick copy. `outages`, `incidents`: with older revisions among them."""

    settings: Settings
    outages: Sequence[Outage]
    incidents: Sequence[Incident]
    health: Health
    unread: str | None
    name_of: Callable[[str], str | None]


def copied(view: WorkerView) -> Copied:
    """Return a copy of what the pages show. Only the event loop may call it."""
    return Copied(view.settings, view.outages(), view.incidents(), view.health(), view.unread(), view.name_of)


class PageState:
    """The newest revisions of a copy. `outages`: by id; `newest`, `silence`: of each feed, as in its health."""

    def __init__(self, copy: Copied) -> None:
        self.settings, self.health, self.unread, self.name_of = copy.settings, copy.health, copy.unread, copy.name_of
        self.outages: Mapping[str, Outage] = newest_revisions(copy.outages, attrgetter("outage_id"))
        self.incidents: Mapping[str, Incident] = newest_revisions(copy.incidents, attrgetter("incident_id"))
        self.newest = {feed.name: feed.newest for feed in copy.health.feeds}
        self.silence = {feed.name: feed.silence or 0.0 for feed in copy.health.feeds}


def newest_revisions(items: Iterable[E], id_of: Callable[[E], str]) -> dict[str, E]:
    """Return the newest revision of each by its id. After a crash a worker may have sent a revision twice."""
    newest: dict[str, E] = {}
    for item in items:
        previous = newest.get(id_of(item))
        if previous is None or previous.revision <= item.revision:
            newest[id_of(item)] = item
    return newest
