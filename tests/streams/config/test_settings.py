"""Settings: every error in one line that names the file, the line and the key; the environment over the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.config.durations import seconds
from streams.config.errors import SettingsError
from streams.config.loader import load
from streams.config.settings import Duration

GOOD = """\
[kafka]
partitions = 2

[feeds.atlas]
signal = "ripe-atlas"
kind = "presence"
bin = "5m"

[feeds."a.b"]
signal = "bgp"
kind = "gauge"
bin = 60
"""


def line_of(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> str:
    """The one line with which settings are refused, without the folder."""
    path = tmp_path / "e.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(path, environ or {})
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    return str(caught.value).removeprefix(f"{tmp_path}/")


@pytest.mark.parametrize(
    ("old", "new", "start"),
    [
        ("partitions = 2", "partitions = 0", "e.toml:2: kafka.partitions: "),
        ("partitions = 2", "partitions = true", "e.toml:2: kafka.partitions: "),
        ("partitions = 2", "partition = 2", "e.toml:2: kafka.partition: no such setting"),
        ("[kafka]", "[kafca]", "e.toml:1: kafca: no such setting"),
        ('kind = "presence"', 'kind = "presents"', "e.toml:6: feeds.atlas.kind: "),
        ('bin = "5m"', 'bin = "5 mins"', "e.toml:7: feeds.atlas.bin: "),
        ('bin = "5m"', "bin = 0.5", "e.toml:4: feeds.atlas: "),
        ('bin = "5m"', "", "e.toml:4: feeds.atlas: "),
        ('bin = "5m"', 'bin = "5m"\nlateness = -1', "e.toml:8: feeds.atlas.lateness: "),
        ('bin = "5m"', 'bin = "5m"\nlateness = nan', "e.toml:8: feeds.atlas.lateness: "),
        ('bin = "5m"', 'bin = "5m"\nlateness = inf', "e.toml:8: feeds.atlas.lateness: "),
        ('bin = "5m"', 'bin = "5m"\nlate = 1', "e.toml:8: feeds.atlas.late: no such setting"),
        ('bin = "5m"', 'bin = "5m"\nareas = ["city"]', "e.toml:4: feeds.atlas: an area is one of country, region, asn"),
        ('bin = "5m"', 'bin = "5m"\nareas = ["asn", "asn"]', "e.toml:4: feeds.atlas: `areas` names an area twice"),
        ('bin = "5m"', 'bin = "5m"\nareas = "asn"', "e.toml:8: feeds.atlas.areas: "),
        ("bin = 60", "bin = []", "e.toml:12: feeds.a.b.bin: "),
        ("[kafka]\npartitions = 2", "kafka = 3", "e.toml:1: kafka: "),
        ("partitions = 2", "partitions = ", "e.toml:2: is not TOML: "),
    ],
)
def test_errors_name_the_file_the_line_and_the_key(tmp_path: Path, old: str, new: str, start: str) -> None:
    """Wrong type, out of bounds, unknown, missing, not TOML."""
    assert line_of(tmp_path, GOOD.replace(old, new, 1)).startswith(start)


ENTRY = """
[[calendar]]
starts = 2017-07-01T00:00:00Z
ends = 2017-08-01T00:00:00Z
entities = ["country/KZ"]
facets = { access = "mobile" }
"""


@pytest.mark.parametrize(
    ("old", "new", "end"),
    [
        (
            "2017-08",
            "2016-08",
            "3: calendar.1: `ends` is not after `starts`: 2016-08-01T00:00:00Z, 2017-07-01T00:00:00Z",
        ),
        (
            "07-01T00:00:00Z",
            "07-01T00:00:00",
            "3: calendar.1: `starts` has no offset from UTC: write 2017-07-01T00:00:00Z",
        ),
        ("2017-07-01T00:00:00Z", "2017-07-01", "4: calendar.1.starts: Expected `datetime`, got `date`"),
        ('"mobile"', '"wifi"', "7: calendar.1.facets.access: Invalid enum value 'wifi'"),
        ("access", "acess", "7: calendar.1.facets.acess: no such setting"),
        ("country/KZ", "KZ", "3: calendar.1: `entities`: 'KZ' is none, such as asn/43754, region/IR-30 or country/KZ"),
        ("entities", "entitys", "6: calendar.1.entitys: no such setting"),
    ],
)
def test_errors_in_the_calendar_name_the_entry(tmp_path: Path, old: str, new: str, end: str) -> None:
    """The second of two entries is wrong: its line, or that of its key, its number from 0, and what is wrong."""
    line = len((GOOD + ENTRY).splitlines()) + int(end.partition(":")[0]) - 1
    said = line_of(tmp_path, GOOD + ENTRY + ENTRY.replace(old, new, 1))
    assert said == f"e.toml:{line}:{end.partition(':')[2]}"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing, a folder, not UTF-8: the file is named."""
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml", {})
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load(tmp_path, {})
    (tmp_path / "latin.toml").write_bytes(b"# \xe9")
    with pytest.raises(SettingsError, match=r"latin\.toml: is not UTF-8 text"):
        load(tmp_path / "latin.toml", {})


def test_good_settings_and_defaults(tmp_path: Path) -> None:
    """What is not said has the default of the design."""
    (tmp_path / "e.toml").write_text(GOOD, encoding="utf-8")
    settings = load(tmp_path / "e.toml", {})
    assert (settings.kafka.partitions, settings.worker.max_ahead, settings.worker.idle_after) == (
        2,
        Duration(600),
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


@pytest.mark.parametrize("name", ["EBBTIDE_KAFKA_PARTITION", "EBBTIDE_FEEDS_NONE_BIN", "EBBTIDE_FEEDS_ATLAS_BINS"])
def test_unknown_variables_of_a_section_are_errors(tmp_path: Path, name: str) -> None:
    """A slip in a name is not passed over."""
    assert line_of(tmp_path, GOOD, {name: "1"}) == f"environment variable {name}: no such setting"


@pytest.mark.parametrize(
    ("name", "value"),
    [("EBBTIDE_KAFKA_PARTITIONS", "0"), ("EBBTIDE_WORKER_IDLE_AFTER", "soon"), ("EBBTIDE_FEEDS_ATLAS_KIND", "x")],
)
def test_a_wrong_variable_is_named_not_the_file(tmp_path: Path, name: str, value: str) -> None:
    """The line in the file is right; what is over it is not."""
    assert line_of(tmp_path, GOOD, {name: value}).startswith(f"environment variable {name}: ")


def test_a_variable_of_a_section_that_is_no_table(tmp_path: Path) -> None:
    """One line about the section, no failure of ours."""
    assert "kafka" in line_of(tmp_path, "kafka = 3", {"EBBTIDE_KAFKA_PARTITIONS": "1"})
    assert "feeds.x" in line_of(tmp_path, "[feeds]\nx = 3", {"EBBTIDE_FEEDS_X_BIN": "1"})


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


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "grafana.example", "https://me:word@grafana.example", "https://a/?b", "https://a/"],
)
def test_grafana_has_an_address_that_a_page_may_link_to(address: str) -> None:
    """Nothing but the web, and no password in it, which every page would show."""
    good = load(None, {"EBBTIDE_WEB_GRAFANA": "https://grafana.example:3000/x"})
    assert good.web.grafana == "https://grafana.example:3000/x"
    with pytest.raises(SettingsError, match="environment variable EBBTIDE_WEB_GRAFANA: Expected `str` matching regex"):
        load(None, {"EBBTIDE_WEB_GRAFANA": address})
