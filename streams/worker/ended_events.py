"""The newest outages and incidents that have ended, for the pages of a worker."""

from __future__ import annotations

from collections import deque

from schemas.incident import OVER, Incident
from schemas.outage import RUNNING, Outage
from streams.pipeline.emitted import Emitted


class EndedEvents:
    """Last revisions, oldest first; `limit`: how many of each are kept."""

    def __init__(self, limit: int) -> None:
        self.outages: deque[Outage] = deque(maxlen=limit)
        self.incidents: deque[Incident] = deque(maxlen=limit)

    def note(self, emitted: Emitted) -> None:
        """Keep what has ended."""
        self.outages.extend(outage for outage in emitted.outages if outage.state not in RUNNING)
        self.incidents.extend(incident for incident in emitted.incidents if incident.state in OVER)
