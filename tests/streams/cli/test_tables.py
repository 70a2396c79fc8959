"""Outages as lines of a table."""

from __future__ import annotations

import msgspec

from schemas.outage import Outage
from streams.cli.tables import HEADER, line, summary
from tests.schemas.examples import OUTAGE


def test_a_line_tells_what_happened_to_whom() -> None:
    """When, state, severity, entity, share, value, expected, since; under the header."""
    outage = msgspec.json.decode(OUTAGE, type=Outage)
    when = ["2016-06-16", "15:15"]
    cells = ["open", "total", "asn/43754", "91%", "1", "11"]
    assert line(outage).split() == [*when, *cells, "2016-06-16", "15:05"]
    assert line(outage).index("asn/43754") == HEADER.index("entity")


def test_an_unknown_value_is_a_dash_and_an_end_is_told() -> None:
    """None is not 0."""
    outage = msgspec.json.decode(OUTAGE, type=Outage)
    closed = msgspec.structs.replace(outage, value=None, ended_at="2016-06-16T16:45:00Z", facets={"access": "mobile"})
    assert " - " in line(closed)
    assert line(closed).endswith("2016-06-16 15:05 until 2016-06-16 16:45")
    assert "asn/43754 mobile" in line(closed)


def test_a_summary_is_one_line() -> None:
    """Counts with their names."""
    assert summary({"in": 10550, "late": 0}) == "10,550 in · 0 late"
