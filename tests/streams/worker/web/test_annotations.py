"""Annotations of graphs: what is not confirmed, or was found to be none, says so first."""

from __future__ import annotations

import pytest
from msgspec import structs

from schemas.incident import decode_incident
from schemas.outage import decode_outage
from streams.worker.web.annotations import annotations_of
from tests.schemas.examples import INCIDENT, OUTAGE


@pytest.mark.parametrize("state", ["suspected", "retracted", "recovering"])
def test_a_title_says_what_is_not_confirmed(state: str) -> None:
    """A graph shows the title alone: a suspicion must not read as an outage, nor what was taken back."""
    is_sure = state == "recovering"
    (outage,) = annotations_of([structs.replace(decode_outage(OUTAGE), state=state)])
    (incident,) = annotations_of([structs.replace(decode_incident(INCIDENT), state=state)])
    assert outage.title == ("" if is_sure else f"{state}: ") + "asn/43754: at most 91% lost"
    assert incident.title == ("" if is_sure else f"{state}: ") + "major incident"
