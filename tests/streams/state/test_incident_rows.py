"""The rows of a grouping: the keys that they are stored under."""

from __future__ import annotations

from dataclasses import fields

from msgspec import structs

from detectors.incidents.model import IncidentRevision, OutageRevision
from schemas.bin_report import BinReport
from schemas.outage import Outage, decode_outage
from schemas.times import parse_time
from streams.state import incident_rows
from streams.state.row_codec import pack, unpack
from tests.schemas.examples import OUTAGE
from tests.streams.finding_helpers import SETTINGS, grouping

END = 1_577_880_000
OUTAGE_KEYS = {
    *("dated_within", "by_feed", "drop", "summed"),
    *("outage_id", "revision", "state", "entity", "country", "region", "facets", "feed", "started_at", "detected_at"),
    *("updated_at", "ended_at", "expected", "max_drop", "drops", "evidence", "held", "suppressed_by", "missing"),
    *("reporter", "bins"),
}
INCIDENT_KEYS = {"root", "opened", "country", "fault", "refuted", "broad", "affected", "falls", "absorbed", "told"}
NEWER_KEYS = {"confirmed_at", "loss"}


def closing(number: int, outages: list[Outage]) -> BinReport:
    """Return the report of a bin of a feed."""
    return BinReport(reporter="shard/0", feed="ping", end=END + number * 3600, outages=outages)


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


def test_an_older_snapshot_has_no_time_of_confirmation() -> None:
    """An incident that was confirmed by then was so when it was detected, as far as the snapshot knows."""
    group = grouping(SETTINGS, 1)
    group.add(closing(0, [decode_outage(OUTAGE)]))
    group.add(closing(1, []))
    group.settle()
    rows = incident_rows.dump(group, {})
    (name,) = (name for name in rows if name.startswith("incident/"))
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
