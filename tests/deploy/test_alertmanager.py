"""Alertmanager's example: valid, and every alert goes where it should; amtool says so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests import prometheus
from tests.deploy import rules

ROUTES = {
    "EbbtideIncidentCritical": "pager",
    "EbbtideIncidentWarning": "tickets",
    "EbbtideOutage": "log",
    "EbbtideWatchdog": "watchdog",
    "EbbtideDown": "pager",
    "EbbtideAbsent": "pager",
    "EbbtideRefusal": "pager",
    "EbbtideMessagesLost": "pager",
    "EbbtideDeliveryFailing": "pager",
}
CONFIG: dict[str, Any] = rules.read(rules.ALERTMANAGER)


def test_amtool_finds_the_configuration_valid(tmp_path: Path) -> None:
    """As it is, and with the time zone that the example shows in a comment."""
    prometheus.run("amtool", "check-config", rules.ALERTMANAGER)
    zoned = tmp_path / "alertmanager.yml"
    zoned.write_text(re.sub(r"# .*(location: \S+)$", r"\1", rules.ALERTMANAGER.read_text(), flags=re.MULTILINE))
    assert "location" in str(rules.read(zoned)["time_intervals"])
    prometheus.run("amtool", "check-config", zoned)


@pytest.mark.parametrize("name", rules.alerts())
def test_an_alert_goes_to_its_receiver(name: str) -> None:
    """By severity, incidents and outages by their own routes; what is not listed above is a ticket."""
    severity = rules.alerts()[name]["labels"]["severity"]
    labels = [f"alertname={name}", f"severity={severity}", "country=IR", "incident_id=00000000000000a1"]
    receiver = ROUTES.get(name, "tickets")
    where = ["--config.file", rules.ALERTMANAGER, f"--verify.receivers={receiver}"]
    assert prometheus.run("amtool", "config", "routes", "test", *where, *labels).splitlines()[0] == receiver


def test_incidents_are_grouped_by_country_and_incident() -> None:
    """One notification for each, whatever else goes on."""
    routes = {route["matchers"][0]: route for route in CONFIG["route"]["routes"]}
    for severity in ("Critical", "Warning"):
        assert routes[f'alertname="EbbtideIncident{severity}"']["group_by"] == ["country", "incident_id"]


def test_nothing_is_repeated_later_than_alertmanager_remembers() -> None:
    """It forgets a notification after its data retention, 120 hours unless told otherwise, and warns at its start."""
    hours = {"m": 1 / 60, "h": 1, "d": 24}
    spans = [
        route["repeat_interval"]
        for route in (CONFIG["route"], *CONFIG["route"]["routes"])
        if "repeat_interval" in route
    ]
    assert len(spans) > 3
    assert max(int(span[:-1]) * hours[span[-1]] for span in spans) <= 120


def test_what_is_critical_is_never_muted() -> None:
    """Mute times are for tickets, and all of them are defined and used."""
    muted = [route for route in CONFIG["route"]["routes"] if "mute_time_intervals" in route]
    assert {route["receiver"] for route in muted} == {"tickets"}
    defined = {interval["name"] for interval in CONFIG["time_intervals"]}
    assert {name for route in muted for name in route["mute_time_intervals"]} == defined


def test_inhibition_names_alerts_that_are_there() -> None:
    """A name that is misspelt would inhibit nothing."""
    matchers = [
        matcher.split("=", 1)[1].lstrip("~").strip('"')
        for rule in CONFIG["inhibit_rules"]
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
        if matcher.startswith("alertname")
    ]
    assert {name for matcher in matchers for name in matcher.split("|")} <= rules.alerts().keys()
