"""Debian's Alertmanager takes what is sent: it fires, is another alert with another severity, and is over."""

from __future__ import annotations

from pathlib import Path

from streams.alerts.delivery_types import Job, MessageItem
from streams.alerts.endpoint import load_endpoint
from streams.alerts.sender import HttpSender
from streams.config.alerts import Alertmanager
from streams.config.secret import Secret
from tests.prometheus import alertmanager
from tests.streams.alerts.helpers import incident

FIRST, WORSE = incident(1, severity="partial"), incident(2, severity="total")
ENDED = incident(3, "ended", severity="total", ended_at="2019-12-25T12:00:00Z")


def test_an_incident_fires_and_is_over(tmp_path: Path) -> None:
    """What goes on is there under its newest labels alone, told again or not; after its end there is nothing."""
    config = tmp_path / "alertmanager.yml"
    config.write_text("route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n")
    with alertmanager(tmp_path, config) as running:
        its = Alertmanager(url=Secret(running.url), allow_private=True)
        send = HttpSender(load_endpoint("am", its), "https://grafana.example/d/x?id={id}")
        seen = []
        for job in (
            Job([MessageItem("a", FIRST, "opened", "confirmed", None)], [], []),
            Job([MessageItem("b", WORSE, "changed", "severity rose", FIRST)], [], []),
            Job([], [WORSE], []),
            Job([MessageItem("c", ENDED, "ended", "over", WORSE)], [], []),
        ):
            assert send(job).result == "delivered"
            alerts = running.get("/api/v2/alerts")
            seen.append([(one["labels"]["severity"], one["labels"]["country"]) for one in alerts])
    assert seen == [[("warning", "IR")], [("critical", "IR")], [("critical", "IR")], []]
