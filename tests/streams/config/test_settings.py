"""Settings that are right: defaults, the environment over the file, and durations."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.alerts.revision_source import group_of
from streams.broker import topics
from streams.config.durations import seconds
from streams.config.errors import SettingsError
from streams.config.loader import load
from streams.config.settings import Duration
from tests.streams.config.examples import FEEDS as GOOD


def test_good_settings_and_defaults(tmp_path: Path) -> None:
    """What is not said has the default of the design."""
    (tmp_path / "e.toml").write_text(GOOD, encoding="utf-8")
    settings = load(tmp_path / "e.toml", {})
    assert (settings.kafka.partitions, settings.worker.max_ahead, settings.worker.idle_after) == (
        2,
        None,
        Duration(60),
    )
    assert settings.worker.forget_after == Duration(8 * 7 * 86_400)
    assert list(settings.feeds) == ["atlas", "a.b"]
    assert (settings.feeds["atlas"].bin, settings.feeds["a.b"].bin, settings.feeds["atlas"].silence_is_zero) == (
        Duration(300),
        Duration(60),
        False,
    )
    assert load(None, {}).feeds == {}


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    """Numbers, texts, durations, lists, and keys of feeds, whose names may hold what a variable may not."""
    (tmp_path / "e.toml").write_text(GOOD, encoding="utf-8")
    environ = {
        "EBBTIDE_KAFKA_PARTITIONS": "7",
        "EBBTIDE_KAFKA_APP_ID": "other",
        "EBBTIDE_KAFKA_BOOTSTRAP_SERVERS": "one:9092, two:9092",
        "EBBTIDE_WORKER_IDLE_AFTER": "1m30s",
        "EBBTIDE_FEEDS_A_B_BIN": "2m",
        "EBBTIDE_FEEDS_A_B_AREAS": "country, region+access",
        "EBBTIDE_REQUIRE_KAFKA": "1",
        "HOME": "/",
    }
    settings = load(tmp_path / "e.toml", environ)
    assert (settings.kafka.partitions, settings.kafka.app_id, settings.worker.idle_after) == (7, "other", Duration(90))
    assert settings.kafka.bootstrap_servers == ("one:9092", "two:9092")
    assert (settings.feeds["a.b"].bin, settings.feeds["a.b"].areas) == (Duration(120), ("country", "region+access"))


def test_a_prefix_stands_before_each_name_once(tmp_path: Path) -> None:
    """It stands before named topics too, and before `app_id`, of which groups and the changelog are made."""
    (tmp_path / "e.toml").write_text('[kafka]\nprefix = "staging."\noutages = "out"\n', encoding="utf-8")
    kafka = load(tmp_path / "e.toml", {}).kafka
    assert (kafka.app_id, kafka.outages, kafka.alerts_dead) == ("staging.ebbtide", "staging.out", "staging.alerts.dead")
    assert topics.changelog(kafka) == "staging.ebbtide-snapshots-changelog"
    assert group_of(kafka) == "staging.ebbtide-alerts"
    assert all(topic.name.startswith("staging.") for topic in topics.all_of(kafka))
    other = load(tmp_path / "e.toml", {"EBBTIDE_KAFKA_PREFIX": ""}).kafka
    assert (other.app_id, other.outages) == ("ebbtide", "out")
    shared = load(tmp_path / "e.toml", {"EBBTIDE_KAFKA_SHARED": "measurements, dead"}).kafka
    assert (shared.measurements, shared.dead) == ("measurements", "measurements.dead")
    assert (shared.calendar, shared.outages, shared.app_id) == ("staging.calendar", "staging.out", "staging.ebbtide")
    with pytest.raises(SettingsError, match=r"kafka\.shared\.0: Invalid enum value 'outages'"):
        load(None, {"EBBTIDE_KAFKA_SHARED": "outages"})
    with pytest.raises(SettingsError, match=r"EBBTIDE_KAFKA_PREFIX: Expected `str` matching regex"):
        load(None, {"EBBTIDE_KAFKA_PREFIX": ".x"})


def test_two_topics_have_two_names() -> None:
    """Rejected messages in the topic of measurements would be read and rejected for ever."""
    with pytest.raises(SettingsError, match=r"`measurements` and `dead` are the same topic, measurements"):
        load(None, {"EBBTIDE_KAFKA_DEAD": "measurements"})
    with pytest.raises(SettingsError, match=r"`calendar` and owner of `outages` are the same topic, outages\.owner"):
        load(None, {"EBBTIDE_KAFKA_CALENDAR": "outages.owner"})
    whole = {"EBBTIDE_KAFKA_PREFIX": "a.", "EBBTIDE_KAFKA_MEASUREMENTS": "a.outages"}
    load(None, whole)
    with pytest.raises(SettingsError, match=r"`measurements` and `outages` are the same topic, a\.outages"):
        load(None, {**whole, "EBBTIDE_KAFKA_SHARED": "measurements"})


@pytest.mark.parametrize("name", ["KAFKA_PREFIX", "KAFKA_APP_ID", "KAFKA_OUTAGES", "KAFKA_INSTANCE", "WEB_GRAFANA"])
def test_a_name_ends_without_a_line_break(name: str) -> None:
    """A name is one line to its last character: a line break at the end, as of a file's content, is refused."""
    load(None, {f"EBBTIDE_{name}": "https://a"} if name == "WEB_GRAFANA" else {f"EBBTIDE_{name}": "a"})
    with pytest.raises(SettingsError, match=rf"EBBTIDE_{name}: Expected `str` matching regex"):
        load(None, {f"EBBTIDE_{name}": "https://a\n" if name == "WEB_GRAFANA" else "a\n"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90s", 90), ("5m", 300), ("1h30m", 5400), ("8w", 4_838_400), ("250ms", 0.25), ("1.5h", 5400), (0, 0), (2.5, 2.5)],
)
def test_durations(text: str | float, expected: float) -> None:
    """Texts and numbers in seconds."""
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "5x", "5m3", -1, True, float("nan"), float("inf")])
def test_what_is_no_duration(text: str | float) -> None:
    """Refused in a line that shows what came."""
    with pytest.raises(ValueError, match="duration"):
        seconds(text)


def test_grafana_has_an_address_that_a_page_may_link_to() -> None:
    """A port and a path may be in it."""
    settings = load(None, {"EBBTIDE_WEB_GRAFANA": "https://grafana.example:3000/x"})
    assert settings.web.grafana == "https://grafana.example:3000/x"
