"""What the worker knows, as JSON."""

from __future__ import annotations

from typing import Any

from msgspec import to_builtins

from schemas.outage import Outage
from streams.worker import Worker


def outages(worker: Worker) -> list[dict[str, Any]]:
    """Return what is going on and the newest of what has ended, newest first."""
    known: list[Outage] = [o for _, p in sorted(worker.partitions.items()) for o in p.running.values()]
    known += worker.ended
    known.sort(key=lambda outage: (outage.updated_at, outage.outage_id), reverse=True)
    return [to_builtins(outage) for outage in known]
