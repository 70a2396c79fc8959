"""Builds outage messages from changes of a detector."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from detectors.outages.suppression import RECURRING
from detectors.types import Change, Suppression
from schemas.outage import Drop, Outage, outage_id, rounded
from schemas.times import format_time
from streams.ingest.series_index import Series


def outage_of(feed: str, signal: str, series: Series, change: Change, again: int = 0) -> Outage:
    """Return a revision of an outage as a message; the same change gives the same bytes. `again`: see `outage_id`."""
    return Outage(
        outage_id=outage_id(feed, series.entity, dict(series.facets), change.opened, again),
        revision=change.revision,
        state=change.state,
        entity=series.entity,
        country=series.country,
        region=series.region,
        facets=dict(series.facets),
        feed=feed,
        signal=signal,
        started_at=format_time(change.started_at),
        started_between=(format_time(change.started_between[0]), format_time(change.started_between[1])),
        detected_at=format_time(change.detected_at),
        updated_at=format_time(change.updated_at),
        ended_at=None if change.ended_at is None else format_time(change.ended_at),
        value=None if change.value is None else rounded(change.value),
        expected=rounded(change.expected),
        drop=rounded(change.drop),
        max_drop=rounded(change.max_drop),
        severity=change.severity,
        shape=change.shape,
        drops=[Drop(at=format_time(drop.at), drop=rounded(drop.drop)) for drop in change.drops],
        evidence=rounded(change.evidence),
        suppressed_by=change.suppressed_by.entry_id if change.suppressed_by else None,
        missing_bins=change.missing or UNSET,
        explain=_explain(change),
    )


def suppression_of(outage: Outage) -> Suppression | None:
    """Return the suppression that a message names."""
    entry_id = outage.suppressed_by
    return None if entry_id is None else Suppression(entry_id, str(outage.explain.get(_noted(entry_id), "")))


def _explain(change: Change) -> dict[str, Any]:
    explain = {key: rounded(value) if isinstance(value, float) else value for key, value in change.explain.items()}
    by = change.suppressed_by
    return explain | ({_noted(by.entry_id): by.note} if by else {})


def _noted(entry_id: str) -> str:
    """Return under which name `explain` has why an outage is expected."""
    return RECURRING if entry_id == RECURRING else "calendar"
