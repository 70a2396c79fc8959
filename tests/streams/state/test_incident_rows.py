"""The rows of a grouping: the keys that they are stored under."""

from __future__ import annotations

from dataclasses import fields

from msgspec import structs

from detectors.incidents.doubt_rates import DoubtRates
from detectors.incidents.fusion import Doubt, DoubtRun
from detectors.incidents.model import IncidentRevision, OutageRevision
from schemas.bin_report import BinReport
from schemas.outage import Outage, decode_outage
from schemas.times import parse_time
from streams.pipeline.incidents.grouping import Grouping
from streams.state import incident_rows
from streams.state.row_codec import pack, unpack
from tests.schemas.examples import OUTAGE
from tests.streams.finding_helpers import SETTINGS, grouping

END = 1_577_880_000
OUTAGE_KEYS = {
    *("dated_within", "by_feed", "drop", "summed"),
    *("outage_id", "revision", "state", "entity", "country", "region", "facets", "feed", "started_at", "detected_at"),
    *("updated_at", "ended_at", "expected", "max_drop", "drops", "evidence", "held", "suppressed_by", "missing"),
    *("reporter", "bins", "is_young"),
}
INCIDENT_KEYS = {"root", "opened", "country", "fault", "refuted", "broad", "affected", "falls", "absorbed", "told"}
NEWER_KEYS = {"confirmed_at", "loss"}


def closing(number: int, outages: list[Outage]) -> BinReport:
    """Return the report of a bin of a feed."""
    return BinReport(reporter="shard/0", feed="ping", end=END + number * 3600, outages=outages)


def stored() -> tuple[Grouping, dict[str, bytes], str]:
    """Return a grouping with an incident, its rows, and the name of the incident's row."""
    group = grouping(SETTINGS, 1)
    group.add(closing(0, [decode_outage(OUTAGE)]))
    group.add(closing(1, []))
    group.settle()
    rows = incident_rows.dump(group, {})
    (name,) = (name for name in rows if name.startswith("incident/"))
    return group, rows, name


def test_stored_keys_do_not_follow_the_names_of_attributes() -> None:
    """Snapshots of every version have the same keys; a row that was read is written the same."""
    group = grouping(SETTINGS, 1)
    group.add(closing(0, [decode_outage(OUTAGE)]))
    group.add(closing(1, []))
    waiting = unpack(incident_rows.dump(group, {})["book"]).values["waiting"]
    assert [outage.keys() for _, _, outages in waiting for outage in outages] == [OUTAGE_KEYS]
    group.settle()
    rows = incident_rows.dump(group, {})
    (name,) = (name for name in rows if name.startswith("incident/"))
    values = unpack(rows[name]).values
    assert values["incident"].keys() == INCIDENT_KEYS | NEWER_KEYS
    assert [outage.keys() for outage in values["falls"]] == [OUTAGE_KEYS]
    assert values["incident"]["told"].keys() == {field.name for field in fields(IncidentRevision)}
    again = grouping(SETTINGS, 1)
    incident_rows.restore(again, incident_rows.head(group), rows)
    assert incident_rows.dump(again, {})[name] == rows[name]
    assert len(OUTAGE_KEYS) == len(fields(OutageRevision))


def test_an_older_snapshot_has_the_feeds_of_an_incident_twice_and_no_young_series() -> None:
    """It is read as one of today."""
    group, rows, name = stored()
    values = unpack(rows[name]).values
    values["incident"]["told"]["feeds"] = values["incident"]["told"]["seen_by"]
    for outage in values["falls"]:
        del outage["is_young"]
    again = grouping(SETTINGS, 1)
    incident_rows.restore(again, incident_rows.head(group), rows | {name: pack(values, {})})
    assert incident_rows.dump(again, {})[name] == rows[name]


def test_an_older_snapshot_has_no_time_of_confirmation() -> None:
    """An incident that was confirmed by then was so when it was detected, as far as the snapshot knows."""
    group, rows, name = stored()
    values = unpack(rows[name]).values
    for record in (values["incident"], values["incident"]["told"]):
        del record["confirmed_at"]
    again = grouping(SETTINGS, 1)
    incident_rows.restore(again, incident_rows.head(group), {**rows, name: pack(values, {})})
    (incident,) = again.state.incidents.values()
    assert incident.confirmed_at == parse_time(decode_outage(OUTAGE).detected_at)


def test_a_feed_that_begins_anew_is_reported_again() -> None:
    """State that was saved without a feed, as `state reset --feed` does, takes no report of it for one repeated."""
    group = grouping(SETTINGS, 1)
    group.add(closing(5, []))
    without = structs.replace(SETTINGS, feeds={"routes": SETTINGS.feeds["routes"]})
    for rules in (without, SETTINGS):
        values, rows = incident_rows.head(group), incident_rows.dump(group, {})
        group = grouping(rules, 1)
        incident_rows.restore(group, values, rows)
    group.add(closing(3, [decode_outage(OUTAGE)]))
    assert [outage.outage_id for instant in group.waiting.values() for outage in instant.outages]


def test_what_feeds_do_is_kept_and_an_older_snapshot_keeps_their_doubts() -> None:
    """Rates and ties come back as stored; versions that counted runs alone taught others, which begin anew."""
    group, doubt = grouping(SETTINGS, 1), Doubt("ping", "asn/1", "KZ", (), 4.0, 0.15, float(END))
    group.doubts.doubts["asn/1"] = {("shard/0", "ping"): [doubt]}
    group.doubts.runs["asn/1"] = {"ping": DoubtRun("KZ", 2, 1.5, {"dns": 1}, mute={"bgp": 2})}
    group.doubts.closed.update({"ping": 7})
    group.doubts.habits.learn([("ping", 24.0)])
    group.doubts.habits.learn_tie("ping", "dns", 2, 1)
    group.doubts.day = END // 86_400
    rows, again, older = incident_rows.dump(group, {}), grouping(SETTINGS, 1), grouping(SETTINGS, 1)
    incident_rows.restore(again, incident_rows.head(group), rows)
    assert again.doubts == group.doubts
    book = unpack(rows["book"]).values
    stored = {name: book["together"][name] for name in ("doubts", "day", "opened")}
    book["together"] = stored | {"runs": [["asn/1", "ping", "KZ", ["dns"], False]], "ended": [], "ties": []}
    incident_rows.restore(older, incident_rows.head(group), {"book": pack(book, {})})
    assert older.doubts.doubts == group.doubts.doubts
    assert (older.doubts.runs, older.doubts.day, older.doubts.habits) == ({}, 0, DoubtRates())
