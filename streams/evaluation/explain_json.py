"""`ebbtide explain --json`: a JSON object a line, `type` bin, incident or holiday."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from detectors.types import Change
from schemas.incident import Incident
from schemas.times import format_time
from streams.config.holidays import Holiday
from streams.evaluation.bin_history import HistoryBin
from streams.evaluation.explain import ExplainAnswer, Question, View
from streams.evaluation.explain_causes import causes_json


def json_lines(answer: ExplainAnswer, question: Question) -> Iterator[bytes]:
    """Yield the bins of each series in order, then the incidents, then the public holidays."""
    for view in answer.views:
        for closed in view.bins:
            yield orjson.dumps({"type": "bin", **_series(view, question.entity), **_bin(closed, view)})
    yield from map(incident_json, answer.incidents)
    yield from map(holiday_json, answer.holidays)


def incident_json(incident: Incident) -> bytes:
    """Return an incident as in its topic, with its type."""
    return orjson.dumps({"type": "incident", **msgspec.to_builtins(incident)})


def holiday_json(holiday: Holiday) -> bytes:
    """Return a public holiday, with its type."""
    day = holiday.day.isoformat()
    return orjson.dumps({"type": "holiday", "country": holiday.country, "day": day, "name": holiday.name})


def _series(view: View, entity: str) -> dict[str, Any]:
    return {"entity": entity, "facets": dict(view.history.facets), "feed": view.history.feed}


def _bin(closed: HistoryBin, view: View) -> dict[str, Any]:
    threshold = view.history.threshold
    return {
        "start": format_time(closed.start),
        "value": closed.value,
        "expected": closed.expected,
        "spread": closed.spread,
        "evidence": closed.evidence,
        "threshold": threshold,
        "state": closed.state,
        "why": closed.why,
        **causes_json(closed, threshold),
        "revisions": [_revision(change) for change in closed.changes],
    }


def _revision(change: Change) -> dict[str, Any]:
    return {"revision": change.revision, "state": change.state, "reason": change.explain["reason"]}
