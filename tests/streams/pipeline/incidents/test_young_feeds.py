"""A feed that is measured for the first day beside an older one: what it shows of an outage's end."""

from __future__ import annotations

import math

import numpy as np
import orjson

from schemas.incident import Incident, decode_incident
from schemas.times import format_time, parse_time
from streams.config.settings import from_builtins
from tests.streams.finding_helpers import by_shard, incidents

START, HOUR, BIN, DAYS = 1_600_041_600, 3600, 600, 9  # a Monday, midnight
SETTINGS = from_builtins(
    {
        "feeds": {
            "old": {"signal": "traffic", "kind": "gauge", "bin": "10m", "lateness": "0s"},
            "young": {"signal": "traffic", "kind": "count", "bin": "10m", "lateness": "0s"},
        }
    }
)
FALL, BACK = (START + (8 * 24 + hour) * HOUR for hour in (9, 17))  # young begins at midnight


def measured(left: float, back: float) -> list[tuple[int, bytes]]:
    """Return messages of a network that is down; `left` of it in the young feed, which sees it `back` (Unix s)."""
    rng, found = np.random.default_rng(1), list[tuple[int, bytes]]()
    for ts in range(START + 5, START + DAYS * 24 * HOUR, BIN):
        season = 1 - 0.35 * math.cos(2 * math.pi * (ts % 86_400 / HOUR - 4) / 24)
        for feed, size, end, part in (("old", 1000, BACK, 0.2), ("young", 500, back, left)):
            value = round(size * season * (part if FALL <= ts < end else 1) * rng.normal(1, 0.03))
            if feed == "old" or ts >= START + 8 * 24 * HOUR:
                found.append(
                    (1, orjson.dumps({"feed": feed, "ts": ts, "asn": 64_601, "country": "KZ", "value": value}))
                )
    return found


def course(left: float, back: float) -> tuple[dict[str, list[str]], Incident]:
    """Return the states of the outages of each feed, and the last revision of the only incident."""
    (reports,) = by_shard(SETTINGS, measured(left, back), 1)
    found = [decode_incident(line) for line in incidents(SETTINGS, 1, reports)]
    assert len({incident.incident_id for incident in found}) == 1
    outages = [outage for report in reports for outage in report.outages]
    return {name: [outage.state for outage in outages if outage.feed == name] for name in ("old", "young")}, found[-1]


def test_a_suspicion_of_the_first_day_does_not_hold_an_incident_open() -> None:
    """The older feed is back; the young one is in doubt for an hour more, or for hours where it stays low."""
    for later in (0, 3 * HOUR):
        states, incident = course(0.2, BACK + later)
        assert states == {"old": ["open", "recovering", "closed"], "young": ["suspected", "retracted"]}
        assert (incident.state, incident.ended_at) == ("ended", format_time(BACK))
        assert parse_time(incident.updated_at) < BACK + HOUR


def test_a_feed_on_its_first_day_that_is_plainly_dark_holds_an_incident_open() -> None:
    """Nothing is left in it, for three hours after the older one is back."""
    states, incident = course(0.0, BACK + 3 * HOUR)
    assert states["young"][0] == "open"
    assert (incident.state, incident.ended_at) == ("ended", format_time(BACK + 3 * HOUR))
