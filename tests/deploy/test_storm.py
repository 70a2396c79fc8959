"""500 networks of one country fall silent: the real Prometheus and Alertmanager make one notification of it."""

from __future__ import annotations

from collections import Counter

import pytest

from tests import prometheus
from tests.deploy import storm
from tests.deploy.storm import Told


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What came of it."""
    for name in ("prometheus", "prometheus-alertmanager"):
        prometheus.program(name)
    return storm.told(tmp_path_factory.mktemp("storm"))


def test_one_notification_comes(told: Told) -> None:
    """To the pager, with one alert: the incident, in its own words. The watchdog does not count."""
    ((receiver, notification),) = told.heard
    assert receiver == "pager"
    (alert,) = notification["alerts"]
    assert (alert["labels"]["alertname"], alert["labels"]["country"]) == ("EbbtideIncidentCritical", "IR")
    assert notification["groupLabels"] == {"country": "IR", "incident_id": alert["labels"]["incident_id"]}
    assert alert["annotations"]["description"].startswith("The Internet is down in Iran: 100 % of normal lost")
    assert "since 2020-01-03 12:00:00" in alert["annotations"]["description"]


def test_the_outages_are_alerts_that_the_incident_speaks_for(told: Told) -> None:
    """All 500 were detected; those that the metrics list fire and are inhibited, and so is that some are missing."""
    assert len(told.outages) == storm.NETWORKS
    quiet = Counter(one["labels"]["alertname"] for one in told.alerts if one["status"]["inhibitedBy"])
    assert quiet == {"EbbtideOutage": 200, "EbbtideTruncated": 1}
    loud = {one["labels"]["alertname"] for one in told.alerts if not one["status"]["inhibitedBy"]}
    assert loud == {"EbbtideIncidentCritical", "EbbtideWatchdog"}


def test_the_watchdog_gets_through(told: Told) -> None:
    """Or one notification would be no better than none."""
    assert "watchdog" in {where for where, _ in told.said}


def test_the_delay_leads_to_an_outage(told: Told) -> None:
    """Prometheus has stored the exemplar of the histogram with the outage's id."""
    ids = {one["labels"]["outage_id"] for series in told.exemplars for one in series["exemplars"]}
    assert ids
    assert ids <= told.outages.keys()


def test_a_minute_of_the_files_is_a_second() -> None:
    """Durations are shortened wherever they stand, and nothing else is."""
    given = {"for": "5m", "expr": "rate(x[5m]) > 10", "a": [{"b": "12h", "c": "10s"}], "d": "5 m", "n": 1}
    assert storm.quick(given) == {**given, "for": "5000ms", "a": [{"b": "720000ms", "c": "167ms"}]}
