"""Which incidents count as reported when they are compared with the truth."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from schemas.incident import decode_incident
from streams.evaluation.score_incidents import last_episodes
from tests.schemas.examples import INCIDENT

TIME = "2019-12-25T10:00:00Z"


@pytest.mark.parametrize(
    ("revisions", "counts"),
    [
        ([{"state": "ended", "ended_at": TIME}], True),
        ([{"state": "ended", "ended_at": TIME, "confirmed_at": None}], False),
        (
            [{"state": "ongoing", "confirmed_at": None}, {"state": "ended", "ended_at": TIME, "confirmed_at": None}],
            True,
        ),
        ([{"state": "ongoing"}, {"state": "retracted", "ended_at": TIME, "confirmed_at": None}], False),
        ([{"state": "suspected", "confirmed_at": None}], False),
    ],
)
def test_an_incident_counts_once_it_was_confirmed(revisions: list[dict[str, Any]], counts: bool) -> None:
    """By `confirmed_at`, as a compacted topic keeps the last revision alone; by its states where that is missing."""
    incident = decode_incident(INCIDENT)
    assert len(last_episodes(structs.replace(incident, **fields) for fields in revisions)) == counts
