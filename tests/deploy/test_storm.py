"""500 networks of one country fall silent: the real Prometheus and Alertmanager make one notification of it."""

from __future__ import annotations

from collections import Counter

import pytest

from tests import prometheus
from tests.deploy import storm
from tests.deploy.storm import Result


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The result of the storm, which runs once for all tests."""
    for name in ("prometheus", "prometheus-alertmanager"):
        prometheus.program(name)
    return storm.run(tmp_path_factory.mktemp("storm"))


def test_one_notification_comes(result: Result) -> None:
    """To the pager, with one alert: the incident, in its own words. The watchdog does not count."""
    ((receiver, notification),) = result.notifications
    assert receiver == "pager"
    (alert,) = notification["alerts"]
    assert (alert["labels"]["alertname"], alert["labels"]["country"]) == ("EbbtideIncidentCritical", "IR")
    assert notification["groupLabels"] == {"country": "IR", "incident_id": alert["labels"]["incident_id"]}
    assert alert["annotations"]["description"].startswith("The Internet is down in Iran: 100 % of normal lost")
    assert "since 2020-01-03 12:00:00" in alert["annotations"]["description"]


def test_the_incident_inhibits_the_alerts_of_its_outages(result: Result) -> None:
    """All 500 were detected; those that the metrics list fire and are inhibited, and so is that some are missing."""
    assert len(result.outages) == storm.NETWORKS
    quiet = Counter(alert["labels"]["alertname"] for alert in result.alerts if alert["status"]["inhibitedBy"])
    assert quiet == {"EbbtideOutage": 200, "EbbtideTruncated": 1}
    loud = {alert["labels"]["alertname"] for alert in result.alerts if not alert["status"]["inhibitedBy"]}
    assert loud == {"EbbtideIncidentCritical", "EbbtideWatchdog"}


def test_the_watchdog_gets_through(result: Result) -> None:
    """Alertmanager sends notifications to other receivers too."""
    assert "watchdog" in {where for where, _ in result.said}


def test_the_delay_leads_to_an_outage(result: Result) -> None:
    """Prometheus has stored the exemplar of the histogram with the outage's id."""
    ids = {exemplar["labels"]["outage_id"] for series in result.exemplars for exemplar in series["exemplars"]}
    assert ids
    assert ids <= result.outages.keys()


def test_a_minute_of_the_files_is_a_second() -> None:
    """Durations are shortened wherever they stand, and nothing else is."""
    given = {"for": "5m", "expr": "rate(x[5m]) > 10", "a": [{"b": "12h", "c": "10s"}], "d": "5 m", "n": 1}
    assert storm.quick(given) == {**given, "for": "5000ms", "a": [{"b": "720000ms", "c": "167ms"}]}
