"""The Alertmanager of Debian accepts the messages: an alert fires, gets a new severity, and ends."""

from __future__ import annotations

from pathlib import Path

from streams.alerts.delivery_types import Job, MessageItem
from streams.alerts.endpoint import load_endpoint
from streams.alerts.sender import MessageSender
from streams.config.receivers import Alertmanager
from streams.config.secret import Secret
from tests.prometheus import alertmanager
from tests.streams.alerts.helpers import incident

FIRST, WORSE = incident(1, severity="partial"), incident(2, severity="total")
ENDED = incident(3, "ended", severity="total", ended_at="2019-12-25T12:00:00Z")


def test_an_incident_fires_and_is_over(tmp_path: Path) -> None:
    """An open incident is one alert with its newest labels, repeated or not. After its end there is none."""
    config = tmp_path / "alertmanager.yml"
    config.write_text("route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n")
    with alertmanager(tmp_path, config) as running:
        receiver = Alertmanager(url=Secret(running.url), allow_private=True)
        send = MessageSender(load_endpoint("am", receiver), "https://grafana.example/d/x?id={id}")
        seen = []
        for job in (
            Job([MessageItem("a", FIRST, "opened", "confirmed", None)], [], []),
            Job([MessageItem("b", WORSE, "changed", "severity rose", FIRST)], [], []),
            Job([], [WORSE], []),
            Job([MessageItem("c", ENDED, "ended", "over", WORSE)], [], []),
        ):
            assert send(job).result == "delivered"
            alerts = running.get("/api/v2/alerts")
            seen.append([(alert["labels"]["severity"], alert["labels"]["country"]) for alert in alerts])
    assert seen == [[("warning", "IR")], [("critical", "IR")], [("critical", "IR")], []]
