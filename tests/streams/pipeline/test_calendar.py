"""The calendar in the pipeline: outages are told as ever, with what suppresses them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import msgspec
import orjson
import pytest

from schemas.bin_report import encode as encode_bin_report
from schemas.calendar import CalendarEntry, Only, Period, entry_of
from schemas.times import format_time
from streams.config.calendar import Calendar
from streams.config.reference_data import ReferenceData, reference_data_of
from streams.config.settings import ExpectedSettings
from streams.pipeline.findings import pieces_of
from streams.pipeline.process import Tally, process
from streams.pipeline.shard import Shard
from streams.state.incident_stage import IncidentStage
from streams.state.shard_restore import restore
from streams.state.shard_rows import dump, heads
from streams.worker import calendar_topic
from tests.streams import area_helpers, finding_helpers, helpers
from tests.streams.helpers import HOUR, START, Run, message

DARK, BACK = 60, 72  # hours of the outage
DARK_HOURS = sorted(finding_helpers.DARK.values())
SETTINGS = helpers.settings(("gauge",))
FACETS = Only()


def entry(
    first: float, last: float, *periods: tuple[float, float | None], entities: Iterable[str] = ("country/KZ",)
) -> CalendarEntry:
    """An entry between hours, known between hours."""
    spans = [Period(at(added), None if removed is None else at(removed)) for added, removed in periods]
    bare = entry_of(START + first * HOUR, START + last * HOUR, entities, FACETS, "works")
    return msgspec.structs.replace(bare, periods=spans)


def at(hour: float) -> str:
    """An hour as a time."""
    return format_time(START + hour * HOUR)


def traffic() -> list[bytes | None]:
    """Six networks of a country, a measurement an hour; one is dark for twelve hours."""
    return [
        message("gauge", START + hour * HOUR, asn, country="KZ", value=1 if asn == 1 and DARK <= hour < BACK else 100)
        for hour in range(96)
        for asn in range(1, 7)
    ]


def revisions(
    *entries: CalendarEntry, values: list[bytes | None] | None = None
) -> list[tuple[int, str, float, str | None]]:
    """What is told of the dark network: revision, state, hour, and what suppresses it."""
    running = Run(Shard(SETTINGS, reference=_reference(entries)))
    running.take(values or traffic())
    return [_short(outage) for outage in running.outages]


def _reference(entries: Iterable[CalendarEntry]) -> ReferenceData:
    found = ReferenceData()
    found.calendar.put(entries)
    return found


def _short(outage: bytes) -> tuple[int, str, float, str | None]:
    it: dict[str, Any] = orjson.loads(outage)
    hour = next(hour for hour in range(200) if at(hour) == it["updated_at"])
    assert (it["suppressed_by"] is None) == ("calendar" not in it["explain"])
    return it["revision"], it["state"], hour, it["suppressed_by"]


PLAIN = revisions()


def test_an_outage_is_told_in_the_same_revisions_when_it_is_expected() -> None:
    """Detection goes on: nothing but what suppresses it differs."""
    plan = entry(DARK - 1, BACK + 1, (0, None))
    assert revisions(plan) == [(revision, state, hour, plan.entry_id) for revision, state, hour, _ in PLAIN]
    assert (PLAIN[0][1], PLAIN[-1][1]) == ("open", "closed")


def test_an_entry_of_others_changes_nothing() -> None:
    """Another network's maintenance leaves the outage as it was."""
    assert revisions(entry(DARK - 1, BACK + 1, (0, None), entities=["asn/2", "country/KG"])) == PLAIN


def test_an_entry_that_ends_while_the_outage_goes_on_is_told() -> None:
    """Two bins after the entry's end a revision has nothing that suppresses it any more, so it pages."""
    plan = entry(DARK - 1, DARK + 5, (0, None))
    found = revisions(plan)
    assert next(hour for _, _, hour, by in found if by is None) == DARK + 5 + 3
    assert [revision for revision, *_ in found] == list(range(1, len(PLAIN) + 2))


@pytest.mark.parametrize("periods", [((62, None),), ((62, 65),), ((62, 65), (67, None))])
def test_a_change_of_the_calendar_is_a_revision(periods: tuple[tuple[float, float | None], ...]) -> None:
    """An entry that is added, removed, or added again while the outage goes on is told with the next bin."""
    plan = entry(DARK - 1, BACK + 1, *periods)
    expected = {
        hour: plan.entry_id if by else None for span in periods for hour, by in zip(span, (1, 0), strict=True) if hour
    }
    turns = [(now[2], now[3]) for before, now in pairwise(revisions(plan)) if before[3] != now[3]]
    assert turns == sorted(expected.items())


def test_it_does_not_matter_when_an_entry_is_read() -> None:
    """An entry that comes late, after bins of the time before it was added, gives the same bytes."""
    plan, values = entry(DARK - 1, BACK + 1, (62, 65)), traffic()
    soon, late = Run(Shard(SETTINGS, reference=_reference([plan]))), Run(Shard(SETTINGS, reference=ReferenceData()))
    soon.take(values)
    late.take(values[: 61 * 6])
    late.shard.reference.calendar.put([plan])
    late.take(values[61 * 6 :])
    assert soon.outages == late.outages
    assert any(b"works" in outage for outage in soon.outages)


def test_what_suppresses_is_in_the_snapshot() -> None:
    """A shard that is restored in the middle goes on to the same bytes."""
    plan, values = entry(DARK - 1, DARK + 5, (0, None)), traffic()
    whole, first = (
        Run(Shard(SETTINGS, reference=_reference([plan]))),
        Run(Shard(SETTINGS, reference=_reference([plan]))),
    )
    whole.take(values)
    first.take(values[: 64 * 6])
    again = Run(Shard(SETTINGS, reference=_reference([plan])), first.offset)
    restore(again.shard, heads(first.shard), dump(first.shard, whole=True))
    again.take(values[64 * 6 :])
    assert first.outages + again.outages == whole.outages


def test_settings_always_count() -> None:
    """An entry of the settings counts whatever the topic says of one with the same content."""
    plan = entry(DARK - 1, BACK + 1, (80, 81))
    calendar = Calendar([plan])
    calendar.put([plan])
    running = Run(Shard(SETTINGS, reference=ReferenceData(calendar)))
    running.take(traffic())
    assert {by for *_, by in map(_short, running.outages)} == {plan.entry_id}


class Counting(Calendar):
    """A calendar that notes how often its list of all entries is made anew."""

    def __init__(self) -> None:
        self.lists = list[int]()
        super().__init__()

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401
        """Note the length of a new list."""
        if name == "entries":
            self.lists.append(len(value))
        super().__setattr__(name, value)


def test_what_was_read_of_the_topic_is_put_in_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is made once for a hundred entries, not once for each; a newer state takes the place of the older."""
    many = {each.entry_id: each for each in (entry(hour, hour + 1, (0, None)) for hour in range(100))}
    monkeypatch.setattr(calendar_topic, "read", lambda _: calendar_topic.Reading(many))
    calendar, first = Counting(), next(iter(many.values()))
    calendar_topic.load(SETTINGS.kafka, calendar)
    assert calendar.lists == [0, 100]
    calendar.put([msgspec.structs.replace(first, periods=[Period(at(0), at(1))])])
    assert calendar.lists == [0, 100, 100]
    assert calendar.topic[first.entry_id].valid == ((START, START + HOUR),)


def test_areas_are_suppressed_too() -> None:
    """What is summed of a country is expected when the country is."""
    settings = area_helpers.settings(("country",), ("gauge",))
    values = area_helpers.gauges({(asn, "KZ-75"): [100.0] * 60 + [1.0] * 8 for asn in range(1, 4)}, country="KZ")
    shard = Shard(settings, reference=_reference([entry(0, 24 * 365, (0, None))]))
    running = Run(shard)
    running.take(values)
    found = [orjson.loads(outage) for outage in running.outages]
    assert "country/KZ" in [incident["entity"] for incident in found]
    assert all(incident["suppressed_by"] for incident in found)


def test_the_calendar_of_the_settings() -> None:
    """So `ebbtide detect` knows the entries of the settings file."""
    setting = ExpectedSettings(starts=_moment(DARK - 1), ends=_moment(BACK + 1), entities=("country/KZ",))
    settings = msgspec.structs.replace(SETTINGS, calendar=(setting,))
    done = Run(Shard(settings, reference=reference_data_of(settings)))
    done.take(traffic())
    assert {by for *_, by in map(_short, done.outages)} == {setting.entry().entry_id}


def _moment(hour: float) -> datetime:
    return datetime.fromtimestamp(START + hour * HOUR, UTC)


def test_an_incident_keeps_what_suppresses_it_over_a_restart() -> None:
    """The stage of incidents, restored in the middle of an outage whose entry ends later, sends the same bytes."""
    first, last = (_hours_of(hour) for hour in (min(DARK_HOURS) - 1, max(DARK_HOURS) + 5))
    plan = entry_of(first, last, ["country/AZ"], FACETS, "works")
    settings, shard, tally = (
        finding_helpers.SETTINGS,
        Shard(finding_helpers.SETTINGS, reference=_reference([_always(plan)])),
        Tally(),
    )
    shard.report_levels()
    values = [value for _, value in finding_helpers.two_feeds()]
    emitted = process(shard, tally, values, range(len(values)), helpers.LATER)
    messages = [encode_bin_report(piece) for report in emitted.bin_reports for piece in pieces_of(report)]
    settings = msgspec.structs.replace(settings, kafka=msgspec.structs.replace(settings.kafka, partitions=1))
    whole = IncidentStage(settings, 0, {}, 0.0).process(helpers.records(messages), 0.0).incidents
    middle = next(n for n, value in enumerate(messages) if b'"end":%d,' % (first + 5 * HOUR) in value)
    table: dict[bytes, bytes] = {}
    stage = IncidentStage(settings, 0, table, 0.0)
    before = stage.process(helpers.records(messages[:middle]), 0.0).incidents
    stage.save(1.0)
    after = IncidentStage(settings, 0, table, 2.0).process(helpers.records(messages[middle:], middle), 2.0).incidents
    assert [*before, *after] == whole
    assert {outage.suppressed_by for outage in before} == {plan.entry_id}
    assert None in {outage.suppressed_by for outage in after}


def _hours_of(hour: float) -> float:
    return finding_helpers.START + hour * HOUR


def _always(plan: CalendarEntry) -> CalendarEntry:
    return msgspec.structs.replace(plan, periods=[Period(format_time(0))])
