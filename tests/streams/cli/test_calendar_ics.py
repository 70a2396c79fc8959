"""iCalendar files as entries of the calendar."""

from __future__ import annotations

import signal
from datetime import UTC, datetime

import pytest

from schemas.calendar import Only
from streams.cli import calendar_ics
from streams.cli.calendar_ics import ImportDefaults, Imported, read_ics
from streams.cli.ics_recurrence import ImportWindow
from streams.cli.time_limit import TimeLimit
from streams.config.errors import InputError

SPAN = ImportWindow(datetime(2026, 11, 25, tzinfo=UTC), datetime(2027, 11, 25, tzinfo=UTC))
EXAM = """SUMMARY:Exams
DTSTART;TZID=Asia/Baghdad:20261120T050000
DTEND;TZID=Asia/Baghdad:20261120T080000
"""
WHOLE_DAY = "SUMMARY:Works\nDTSTART;VALUE=DATE:20270101\nCATEGORIES:asn/29355\n"


def read(*events: str, head: str = "", given: ImportDefaults = ImportDefaults(), span: ImportWindow = SPAN) -> Imported:  # noqa: B008
    """Read a file of these events."""
    parts = [f"BEGIN:VEVENT\nUID:1\nDTSTAMP:20260101T000000Z\n{event}END:VEVENT\n" for event in events]
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//EN\n{head}{''.join(parts)}END:VCALENDAR\n"
    return read_ics(text.replace("\n", "\r\n").encode(), "x.ics", span, given)


def times(found: Imported) -> list[tuple[str, str]]:
    """When the entries begin and end; nothing was left out."""
    assert found.faults == []
    return [(entry.starts, entry.ends) for entry in found.entries]


def test_an_event_is_an_entry() -> None:
    """Summary and description are the note, categories that are entities or facets say of what."""
    more = (
        "DTSTART:20261201T000000Z\nDURATION:PT90M\nDESCRIPTION:all of\\n it\nCATEGORIES:Exam,country/IQ,access=mobile\n"
    )
    (entry,) = read(f"SUMMARY:Exams\n{more}").entries
    assert (entry.starts, entry.ends) == ("2026-12-01T00:00:00Z", "2026-12-01T01:30:00Z")
    assert (entry.entities, entry.facets, entry.note) == (["country/IQ"], Only(access="mobile"), "Exams: all of it")


def test_a_property_of_ours_and_the_command_line() -> None:
    """X-EBBTIDE-ENTITIES names them; what the command line gives is for events that name none."""
    given = ImportDefaults(["country/KZ"], Only(access="fixed"))
    own, other = read(
        f"{EXAM}RRULE:FREQ=WEEKLY;COUNT=2\nX-EBBTIDE-ENTITIES:asn/1,region/IQ-BG\n", WHOLE_DAY, given=given
    ).entries
    assert (own.entities, other.entities) == (["asn/1", "region/IQ-BG"], ["asn/29355"])
    (plain,) = read(EXAM.replace("1120", "1220"), given=given).entries
    assert (plain.entities, plain.facets) == (["country/KZ"], Only(access="fixed"))


def test_days_that_were_left_out_or_moved() -> None:
    """A daily event from before: what is over is left, one day is excepted, another moved, an extra one added."""
    rule = (
        "RRULE:FREQ=DAILY;COUNT=10\nEXDATE;TZID=Asia/Baghdad:20261127T050000\nRDATE;TZID=Asia/Baghdad:20261224T050000\n"
    )
    moved = EXAM.replace("20261120T05", "20261128T10").replace("20261120T08", "20261128T11")
    instead = f"RECURRENCE-ID;TZID=Asia/Baghdad:20261128T050000\n{moved}"
    found = read(*(f"{event}CATEGORIES:country/IQ\n" for event in (f"{EXAM}{rule}", instead)))
    days = [(start[8:13], end[8:13]) for start, end in times(found)]
    assert days == [("25T02", "25T05"), ("26T02", "26T05"), ("29T02", "29T05"), ("24T02", "24T05"), ("28T07", "28T08")]


@pytest.mark.parametrize(
    ("head", "zone", "starts"),
    [
        ("", None, "2027-01-01T00:00:00Z"),
        ("X-WR-TIMEZONE:Asia/Almaty\n", None, "2026-12-31T19:00:00Z"),
        ("X-WR-TIMEZONE:Asia/Almaty\n", "America/Caracas", "2027-01-01T04:00:00Z"),
    ],
)
def test_whole_days_are_of_a_zone(head: str, zone: str | None, starts: str) -> None:
    """That of the command line, else that of the file, else UTC."""
    (entry,) = read(WHOLE_DAY, head=head, given=ImportDefaults(zone=zone)).entries
    assert entry.starts == starts


def test_noon_stays_noon_when_clocks_change() -> None:
    """A weekly event over the change to summer time."""
    event = (
        "DTSTART;TZID=Europe/Berlin:20270321T120000\nDTEND;TZID=Europe/Berlin:20270321T130000\nCATEGORIES:country/DE\n"
    )
    assert [start for start, _ in times(read(f"{event}RRULE:FREQ=WEEKLY;COUNT=2\n"))] == [
        "2027-03-21T11:00:00Z",
        "2027-03-28T10:00:00Z",
    ]


def test_an_endless_event_is_bounded() -> None:
    """Up to the last instant that is taken; too many before that is a fault, not a flood."""
    event = f"{EXAM}CATEGORIES:country/IQ\nRRULE:FREQ=WEEKLY\n"
    assert len(times(read(event))) == 52
    found = read(event.replace("WEEKLY", "HOURLY"))
    assert (found.entries, found.faults) == (
        [],
        ["x.ics: event 'Exams': repeats more than 1000 times before 2027-11-25: give an earlier --until"],
    )


def test_what_is_cancelled_is_left() -> None:
    """It is no entry, and no fault."""
    assert read(f"{WHOLE_DAY}STATUS:CANCELLED\n") == Imported([], [], [])


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (EXAM.replace("1120", "1220"), "names no entity"),
        ("SUMMARY:Exams\nCATEGORIES:asn/1\n", "has no DTSTART"),
        ("SUMMARY:Exams\nCATEGORIES:asn/1\nDTSTART:20270101T000000Z\n", "has neither DTEND nor DURATION"),
        (f"{EXAM.replace('T08', 'T04')}CATEGORIES:asn/1\n", "ends before it begins"),
        (f"{EXAM}X-EBBTIDE-ENTITIES:KZT\n", "'KZT' is no entity"),
        (f"{EXAM}CATEGORIES:asn/1,access=wifi\n", "Invalid enum value 'wifi'"),
        (f"{EXAM}CATEGORIES:asn/1\nRRULE:FREQ=SECONDLY\n", "repeats every minute or second"),
        (f"{EXAM}CATEGORIES:asn/1\nRECURRENCE-ID:none\n", "RECURRENCE-ID"),
        (f"{EXAM}CATEGORIES:asn/1\n" + 2 * "RECURRENCE-ID:20270101T000000Z\n", "Multiple RECURRENCE-ID defined"),
    ],
)
def test_what_cannot_be_taken_is_named(event: str, reason: str) -> None:
    """The event by its name, the reason in one line; the others are taken."""
    found = read(event, WHOLE_DAY)
    assert len(found.entries) == 1
    (fault,) = found.faults
    assert fault.startswith("x.ics: event 'Exams': ")
    assert reason in fault


@pytest.mark.parametrize("content", [b"", b"root:x:0:0", b"\xff\xfe\x00", b"BEGIN:VCALENDAR\r\n"])
def test_what_is_no_icalendar(content: bytes) -> None:
    """The file is named."""
    with pytest.raises(InputError, match=r"^x\.ics: is not iCalendar"):
        read_ics(content, "x.ics", SPAN, ImportDefaults())


def test_a_zone_that_is_none() -> None:
    """Each event that would need it is named."""
    assert read(WHOLE_DAY, given=ImportDefaults(zone="Mars/Base")).faults == [
        "x.ics: event 'Works': no such time zone: Mars/Base"
    ]


@pytest.mark.parametrize(
    "rule",
    ["FREQ=DAILY;BYMINUTE=0,1,2;BYSECOND=0", "FREQ=YEARLY;BYMONTH=1;BYSECOND=0,1", "FREQ=HOURLY;BYMINUTE=0,30"],
)
def test_several_times_an_hour_is_too_often(rule: str) -> None:
    """Lists of minutes or seconds multiply to thousands of repetitions a day."""
    (fault,) = read(f"{EXAM}RRULE:{rule}\nCATEGORIES:country/IQ\n").faults
    assert fault == "x.ics: event 'Exams': repeats several times an hour"


def test_a_rule_that_never_ends_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The 30 February is looked for in each hour up to the year 9999: given up after some time, and said so."""
    monkeypatch.setattr(calendar_ics, "MAX_SECONDS", 0.2)
    never = f"{EXAM}RRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30\nCATEGORIES:country/IQ\n"
    line = "^x.ics: event 'Exams': its repetition takes longer than 0.2 s, nothing is imported$"
    with pytest.raises(InputError, match=line):
        read(never)


def test_the_limit_is_of_all_events_together() -> None:
    """Each event alone is quick enough; the alarm is off afterwards, and an earlier handler is back."""
    before = signal.getsignal(signal.SIGALRM)
    limit = TimeLimit(0.05)
    with pytest.raises(TimeoutError):
        for _ in range(100):
            with limit:
                sum(range(100_000))
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


SPRING = "DTSTART;TZID=Europe/Amsterdam:20270327T{0}\nCATEGORIES:country/NL\nRRULE:FREQ=DAILY;COUNT=3\n"


def test_days_are_of_the_calendar_and_hours_are_exact() -> None:
    """One day over a change of clocks has 23 hours; 24 hours are 24 hours, and so is what DTEND gives."""
    event = "DTSTART;TZID=Europe/Amsterdam:20270328T010000\nCATEGORIES:country/NL\n"
    ends = [
        times(read(event + length))[0][1][8:16]
        for length in (
            "DURATION:P1D\n",
            "DURATION:PT24H\n",
            "DURATION:P1DT1H\n",
            "DTEND;TZID=Europe/Amsterdam:20270329T010000\n",
        )
    ]
    assert ends == ["28T23:00", "29T00:00", "29T00:00", "28T23:00"]


def test_a_length_by_its_end_is_the_same_each_time() -> None:
    """From 01:00 to 04:00 are three hours, on the day on which the clock goes from two to three as well."""
    event = SPRING.format("010000") + "DTEND;TZID=Europe/Amsterdam:20270327T040000\n"
    assert [(start[8:13], end[8:13]) for start, end in times(read(event))] == [
        ("27T00", "27T03"),
        ("28T00", "28T03"),
        ("28T23", "29T02"),
    ]


def test_a_time_that_clocks_skip_is_no_repetition() -> None:
    """RFC 5545 has it left out and not counted; a remark says so. The first time is read with the old offset."""
    found = read(f"SUMMARY:Works\n{SPRING.format('023000')}DURATION:PT1H\n")
    assert [entry.starts[5:16] for entry in found.entries] == ["03-27T01:30", "03-29T00:30", "03-30T00:30"]
    assert found.remarks == ["x.ics: event 'Works' skips 2027-03-28 02:30, which clocks in Europe/Amsterdam skip"]
    first = read(f"{SPRING.format('023000')}DURATION:PT1H\n".replace("0327", "0328"))
    assert [entry.starts[5:16] for entry in first.entries] == ["03-28T01:30", "03-29T00:30", "03-30T00:30"]


@pytest.mark.parametrize(
    "until", ["20261203", "20261203T010000", "20261202T230000Z", "20261203T005959", "20261203T120000Z"]
)
def test_until_in_every_form(until: str) -> None:
    """A day is meant with all its hours, a time without a zone is of the event's zone."""
    event = "DTSTART;TZID=Europe/Kyiv:20261201T010000\nDURATION:PT2H\nCATEGORIES:country/UA\n"
    event += f"RRULE:FREQ=DAILY;UNTIL={until}\n"
    assert len(times(read(event))) == (2 if until.endswith("5959") else 3)


def test_until_of_whole_days() -> None:
    """Three whole days, whether the last is given as a day or as a time."""
    for until in ("20270103", "20270103T000000Z"):
        assert len(times(read(f"{WHOLE_DAY}RRULE:FREQ=DAILY;UNTIL={until}\n"))) == 3


def test_a_day_that_ends_on_itself_is_one_day() -> None:
    """As many programs write it."""
    ((start, end),) = times(read(f"{WHOLE_DAY}DTEND;VALUE=DATE:20270101\n"))
    assert (start, end) == ("2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z")


def test_exceptions_in_other_zones_and_as_days() -> None:
    """The repeated hour of autumn is left out by its instant, another day as a whole."""
    event = SPRING.format("023000").replace("20270327", "20261024").replace("=3", "=4") + "DURATION:PT1H\n"
    left = "EXDATE:20261025T003000Z\nEXDATE;VALUE=DATE:20261026\n"
    span = ImportWindow(datetime(2026, 10, 1, tzinfo=UTC), SPAN.until)
    assert [start[8:16] for start, _ in times(read(event + left, span=span))] == ["24T00:30", "27T01:30"]
