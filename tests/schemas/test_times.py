"""Times on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.times import END_OF_TIME, event_time, format_time, parse_time, time_named


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2016-06-16T15:05:00Z", 1466089500.0),
        ("2016-06-16t15:05:00z", 1466089500.0),
        ("2016-06-16T18:35:00+03:30", 1466089500.0),
        ("2016-06-16T11:05:00-04:00", 1466089500.0),
        ("2016-06-16T15:05:00-00:00", 1466089500.0),
        ("2016-06-16T15:05:00.25Z", 1466089500.25),
        ("2016-06-16T15:05:00.2500000000000Z", 1466089500.25),
        ("2016-12-31T23:59:60Z", 1483228800.0),
        ("1969-12-31T23:59:59Z", -1.0),
        ("0001-01-01T00:00:00Z", -62135596800.0),
        ("9999-12-31T23:59:59Z", END_OF_TIME - 1.0),
    ],
)
def test_parse(text: str, seconds: float) -> None:
    """RFC 3339 in any offset, either case, with any fraction and a leap second is read as Unix seconds."""
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "1466089500", "2016-06-16", "2016-06-16T15:05:00", "2016-06-16 15:05:00Z"),
        *("2016-06-16T15:05Z", "20160616T150500Z", "2016-06-16T15:05:00,5Z", "2016-06-16T15:05:00.Z"),
        *("2016-13-01T00:00:00Z", "2015-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "2016-06-16T24:00:00Z"),
        *("2016-06-16T15:60:00Z", "2016-06-16T15:05:61Z", "2016-06-16T15:05:00+24:00", "2016-06-16T15:05:00+0330"),
        *("2016-06-16T15:05:00Z\n", " 2016-06-16T15:05:00Z", "٢٠١٦-06-16T15:05:00Z"),
    ],
)
def test_no_time(text: str) -> None:
    """Anything else is a ValueError with one clear line."""
    with pytest.raises(ValueError, match="time") as caught:
        parse_time(text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1466089500, "2016-06-16T15:05:00Z"),
        (1466089500.0, "2016-06-16T15:05:00Z"),
        (1466089500.25, "2016-06-16T15:05:00.25Z"),
        (1466089500.000001, "2016-06-16T15:05:00.000001Z"),
        (1466089500.0000001, "2016-06-16T15:05:00Z"),
        (1466089499.9999999, "2016-06-16T15:05:00Z"),
        (-0.5, "1969-12-31T23:59:59.5Z"),
        (-62135596800, "0001-01-01T00:00:00Z"),
        (END_OF_TIME - 1, "9999-12-31T23:59:59Z"),
    ],
)
def test_format(seconds: float, text: str) -> None:
    """Times are written in UTC, with a fraction only when there is one, of at most six decimals."""
    assert format_time(seconds) == text


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), float("-inf"), END_OF_TIME, 1e300, -62135596801])
def test_not_to_be_written(seconds: float) -> None:
    """What is no time, or has no year of four digits, is a ValueError."""
    with pytest.raises(ValueError, match=r"not a time|outside the years"):
        format_time(seconds)


@given(st.integers(min_value=0, max_value=END_OF_TIME - 2), st.integers(min_value=0, max_value=999_999))
def test_written_times_are_read_back(second: int, microsecond: int) -> None:
    """Reading undoes writing, and the text is the same for the time read back."""
    seconds = second + microsecond / 1_000_000
    text = format_time(seconds)
    assert abs(parse_time(text) - seconds) <= 1e-4
    assert format_time(parse_time(text)) == text


@given(st.datetimes(), st.integers(min_value=-1439, max_value=1439))
def test_parse_agrees_with_datetime(local: datetime, offset: int) -> None:
    """The standard library gives the same second for a local time in any offset."""
    moment = local.replace(tzinfo=timezone(timedelta(minutes=offset)))
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    assert abs(parse_time(moment.isoformat()) - expected) <= 1e-4


@pytest.mark.parametrize("text", ["2016-06-16T15:05:00Z", "2016-06-16 15:05", "2016-06-16T17:05+02:00", "1466089500"])
def test_times_are_understood(text: str) -> None:
    """RFC 3339 with or without an offset or seconds, and Unix seconds, name the same instant."""
    assert time_named(text) == 1_466_089_500


@pytest.mark.parametrize(
    "text", ["2016-06-16 15:05:00+0000", "2016-06-16T15:05:00 UTC", "2016-06-16T17:05+02", "1466089500000"]
)
def test_measurements_may_write_times_otherwise(text: str) -> None:
    """A blank, an offset without colon or minutes, and milliseconds name the same instant for people and programs."""
    assert time_named(text) == event_time(text) == 1_466_089_500


@pytest.mark.parametrize("text", ["2016-06-16 15:05", "2016-06-16", "yesterday", "1466089500000000"])
def test_measurements_say_their_offset(text: str) -> None:
    """A time without one could be any local time; a number of 16 digits is no second and no millisecond."""
    with pytest.raises(ValueError, match=r"add Z if it is UTC|time|divide it"):
        event_time(text)


def test_what_is_no_time_is_answered_with_one_that_is() -> None:
    """The example in the error is itself a time; the error asked for an offset, which may be left out."""
    with pytest.raises(ValueError, match=r"^not a time: 'yesterday': give one such as ") as error:
        time_named("yesterday")
    assert time_named(str(error.value).partition("such as ")[2].partition(",")[0]) == 1_466_089_500
