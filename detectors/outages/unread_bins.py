"""Marks outages that last while measurements are deleted unread: what happened in those bins is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from detectors.types import Change, ClosedBin

from . import decide
from .detector_state import DetectorState, ScoredBin
from .outage_lifecycle import plural


def apply(state: DetectorState, seen: ClosedBin, scored: ScoredBin, changes: Sequence[Change]) -> list[Change]:
    """Count an unread bin in all outages that go on; return the changes, with what is missing.

    An outage gets a revision of its own with its first such bin, and with the first bin that was read again.
    """
    if seen.unread:
        for row, outage in state.ongoing.items():
            state.ongoing[row] = replace(outage, missing=outage.missing + 1)
    changed = [_with_missing(state, change) for change in changes]
    due = sorted(row for row, outage in state.ongoing.items() if _is_due(outage.missing, outage.missing_reported, seen))
    return changed + [_marked(state, row, seen, scored) for row in due]


def _is_due(missing: int, reported: int, seen: ClosedBin) -> bool:
    return missing != reported and (reported == 0 or not seen.unread)


def _with_missing(state: DetectorState, change: Change) -> Change:
    """Return a change with the bins that its outage misses, and note that they are reported."""
    now = state.ongoing.get(change.row)
    if now is None:
        return change
    state.ongoing[change.row] = replace(now, missing_reported=now.missing)
    return replace(change, missing=now.missing)


def _marked(state: DetectorState, row: int, seen: ClosedBin, scored: ScoredBin) -> Change:
    """Return the next revision of an outage of which only the bins that are missing have changed."""
    old = state.ongoing[row]
    reason = f"measurements of {plural(old.missing)} were deleted unread: what happened in them is unknown"
    state.ongoing[row] = replace(old, revision=old.revision + 1, missing_reported=old.missing, reason=reason)
    return decide.repeat(state, row, seen, scored)
