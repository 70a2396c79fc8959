"""Quiet hours: spans of local time, days, and clocks that are put forward and back."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from streams.config.quiet_hours import is_quiet, span

OSLO = "Europe/Oslo"


def at(text: str, zone: str = "UTC") -> float:
    """Unix seconds of a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("spans", "local", "quiet"),
    [
        (("22:00-07:00",), "2026-11-25T21:59:59", False),
        (("22:00-07:00",), "2026-11-25T22:00:00", True),
        (("22:00-07:00",), "2026-11-26T06:59:59", True),
        (("22:00-07:00",), "2026-11-26T07:00:00", False),
        (("12:00-13:00",), "2026-11-25T12:30:00", True),
        (("sat,sun 00:00-24:00",), "2026-11-28T00:00:00", True),
        (("sat,sun 00:00-24:00",), "2026-11-29T23:59:59", True),
        (("sat,sun 00:00-24:00",), "2026-11-30T00:00:00", False),
        (("fri 22:00-06:00",), "2026-11-28T05:00:00", True),  # a span belongs to the day on which it begins
        (("fri 22:00-06:00",), "2026-11-27T05:00:00", False),
        (("fri-mon 22:00-06:00",), "2026-11-24T05:00:00", True),
        (("mon-fri 09:00-10:00", "sat 09:00-10:00"), "2026-11-28T09:00:00", True),
        ((), "2026-11-28T05:00:00", False),
    ],
)
def test_spans(spans: tuple[str, ...], local: str, quiet: bool) -> None:
    """Their beginning is in, their end is not; they may pass midnight and name days."""
    assert is_quiet(spans, OSLO, at(local, OSLO)) is quiet


def test_the_clock_on_the_wall_decides_when_it_is_put_forward_and_back() -> None:
    """Oslo, 2026: seven in the morning is seven in the morning, an hour earlier in UTC from 29 March to 25 October."""
    night = ("22:00-07:00",)
    for day, hour in (("2026-03-28", 6), ("2026-03-29", 5), ("2026-10-24", 5), ("2026-10-25", 6)):
        assert is_quiet(night, OSLO, at(f"{day}T{hour - 1:02}:59:59"))
        assert not is_quiet(night, OSLO, at(f"{day}T{hour:02}:00:00"))


def test_an_hour_that_comes_twice_is_quiet_twice_and_one_that_does_not_come_is_not_missed() -> None:
    """02:00 to 03:00 local: two hours on 25 October, none on 29 March."""
    quiet = ("02:00-03:00",)
    october, march = at("2026-10-25T00:00:00"), at("2026-03-29T00:00:00")
    assert [is_quiet(quiet, OSLO, october + hour * 3600) for hour in range(3)] == [True, True, False]
    assert [is_quiet(quiet, OSLO, march + hour * 3600) for hour in range(3)] == [False, False, False]


@pytest.mark.parametrize(
    "text", ["", "22-07", "22:00", "24:00-07:00", "22:00-24:01", "10:00-10:00", "xyz 10:00-11:00", "mon- 1:00-2:00"]
)
def test_what_is_no_span(text: str) -> None:
    """Refused in a line that shows what came."""
    with pytest.raises(ValueError, match=r"quiet hours|no day"):
        span(text)
