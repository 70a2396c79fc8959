"""Settings that are refused: each fault is one line, which names the file, the line and the key, or the variable."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from streams.config.errors import SettingsError
from streams.config.loader import load
from tests.streams.config.examples import ALERTS, FEEDS

WORD = "hunter2-geheim"
GOOD = f"""\
{FEEDS}
[[calendar]]
starts = 2017-06-01T00:00:00Z
ends = 2017-06-02T00:00:00Z
entities = ["asn/9198"]

[[calendar]]
starts = 2017-07-01T00:00:00Z
ends = 2017-08-01T00:00:00Z
entities = ["country/KZ"]
facets = {{ access = "mobile" }}

{ALERTS}"""
SECRETS = (WORD, "MfKQ9r8", "0123456789abcdef", "noc.example")
NO_ADDRESS = (
    "environment variable EBBTIDE_WEB_GRAFANA: Expected `str` matching regex "
    "'^https?://[^\\\\s@?#\\\\\"\\'<>]*[^\\\\s@?#\\\\\"\\'<>/]\\\\Z'"
)
LOGIN = {
    "EBBTIDE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "EBBTIDE_KAFKA_SASL_MECHANISM": "PLAIN",
    "EBBTIDE_KAFKA_SASL_USERNAME": "1e5",
    "EBBTIDE_KAFKA_SASL_PASSWORD": WORD,
}


class Wrong(NamedTuple):
    """A fault and the line that names it: in the good file `old` is replaced by `new`, and `environ` is set."""

    line: str
    old: str = ""
    new: str = ""
    environ: Mapping[str, str] = {}


def without(key: str, **more: str) -> dict[str, str]:
    """Return the variables of a login without those of a key, and with more."""
    login = {name: value for name, value in LOGIN.items() if not name.endswith(f"_{key}")}
    return {**login, **{f"EBBTIDE_KAFKA_{name}": value for name, value in more.items()}}


TABLE = [
    # not TOML, no such section, no section
    Wrong("e.toml:2: is not TOML: Invalid value (at line 2, column 14)", "partitions = 2", "partitions = "),
    Wrong("e.toml:1: kafca: no such setting: did you mean `kafka`?", "[kafka]", "[kafca]"),
    Wrong("e.toml:1: kafka: Expected `object`, got `int`", "[kafka]\npartitions = 2", "kafka = 3"),
    # a number: bounds, type, name of the key
    Wrong("e.toml:2: kafka.partitions: Expected `int` >= 1", "partitions = 2", "partitions = 0"),
    Wrong("e.toml:2: kafka.partitions: Expected `int`, got `bool`", "partitions = 2", "partitions = true"),
    Wrong("e.toml:2: kafka.partition: no such setting: did you mean `partitions`?", "partitions = 2", "partition = 2"),
    # feeds
    Wrong(
        "e.toml:6: feeds.atlas.kind: Invalid enum value 'presents': did you mean `presence`?; "
        "valid are count, distinct, gauge, presence, ratio",
        'kind = "presence"',
        'kind = "presents"',
    ),
    Wrong(
        'e.toml:7: feeds.atlas.bin: expected a duration such as "5m" or "1h30m", got \'5 mins\'',
        'bin = "5m"',
        'bin = "5 mins"',
    ),
    Wrong(
        "e.toml:4: feeds.atlas: `bin` is a whole number of seconds, at least 1, got 0.5 s", 'bin = "5m"', "bin = 0.5"
    ),
    Wrong("e.toml:4: feeds.atlas: Object missing required field `bin`", 'bin = "5m"', ""),
    Wrong(
        "e.toml:8: feeds.atlas.lateness: a duration is finite and not negative, got -1",
        'bin = "5m"',
        'bin = "5m"\nlateness = -1',
    ),
    Wrong(
        "e.toml:8: feeds.atlas.lateness: a duration is finite and not negative, got nan",
        'bin = "5m"',
        'bin = "5m"\nlateness = nan',
    ),
    Wrong(
        "e.toml:8: feeds.atlas.lateness: a duration is finite and not negative, got inf",
        'bin = "5m"',
        'bin = "5m"\nlateness = inf',
    ),
    Wrong("e.toml:8: feeds.atlas.late: no such setting", 'bin = "5m"', 'bin = "5m"\nlate = 1'),
    Wrong(
        "e.toml:4: feeds.atlas: an area is one of country, region, asn, "
        "then any of +access, +direction, +service, got 'city'",
        'bin = "5m"',
        'bin = "5m"\nareas = ["city"]',
    ),
    Wrong("e.toml:4: feeds.atlas: `areas` names an area twice", 'bin = "5m"', 'bin = "5m"\nareas = ["asn", "asn"]'),
    Wrong("e.toml:8: feeds.atlas.areas: Expected `array`, got `str`", 'bin = "5m"', 'bin = "5m"\nareas = "asn"'),
    Wrong('e.toml:12: feeds.a.b.bin: expected a duration such as "5m", got []', "bin = 60", "bin = []"),
    # the second entry of the calendar
    Wrong(
        "e.toml:19: calendar.1: `ends` is not after `starts`: 2016-08-01T00:00:00Z, 2017-07-01T00:00:00Z",
        "2017-08",
        "2016-08",
    ),
    Wrong(
        "e.toml:19: calendar.1: `starts` has no offset from UTC: write 2017-07-01T00:00:00Z",
        "07-01T00:00:00Z",
        "07-01T00:00:00",
    ),
    Wrong("e.toml:20: calendar.1.starts: Expected `datetime`, got `date`", "2017-07-01T00:00:00Z", "2017-07-01"),
    Wrong(
        "e.toml:23: calendar.1.facets.access: Invalid enum value 'wifi'; valid are fixed, mobile", '"mobile"', '"wifi"'
    ),
    Wrong("e.toml:23: calendar.1.facets.acess: no such setting: did you mean `access`?", "access", "acess"),
    Wrong(
        "e.toml:19: calendar.1: `entities`: 'KZT' is none, such as asn/43754, region/IR-30 or country/KZ",
        "country/KZ",
        "KZT",
    ),
    Wrong(
        "e.toml:22: calendar.1.entitys: no such setting: did you mean `entities`?",
        'entities = ["country',
        'entitys = ["country',
    ),
    # alerts
    Wrong(
        "e.toml:26: alerts.receivers.noc.type: Invalid value 'mail': did you mean `email`?; "
        "valid are webhook, slack, pagerduty, alertmanager, email, ntfy, telegram, matrix, mattermost, opsgenie",
        'type = "webhook"',
        'type = "mail"',
    ),
    Wrong(
        "e.toml:25: alerts.receivers.noc: Object missing required field `type`: "
        "one of webhook, slack, pagerduty, alertmanager, email, ntfy, telegram, matrix, mattermost, opsgenie",
        'type = "webhook"\n',
        "\n",
    ),
    Wrong(
        "e.toml:25: alerts.receivers.noc: `url` is an http or https address",
        "https://noc.example/hook",
        "ftp://noc.example/hook",
    ),
    Wrong(
        "e.toml:25: alerts.receivers.noc: `url` has no user, no fragment and no character that must be escaped",
        "https://noc.example",
        "https://me:pw@noc.example",
    ),
    Wrong("e.toml:28: alerts.receivers.noc.key: no such setting: did you mean `keys`?", "keys = [", "key = ["),
    Wrong(
        "e.toml:25: alerts.receivers.noc: `keys` and `keys_file`: give one of them",
        "keys = [",
        'keys_file = "x"\nkeys = [',
    ),
    Wrong(
        "e.toml: alerts: a route names the receiver `none`, which is not there",
        'receivers = ["noc"]',
        'receivers = ["none"]',
    ),
    Wrong(
        "e.toml:35: alerts.routes.0.receivers: Expected `array` of length >= 1", 'receivers = ["noc"]', "receivers = []"
    ),
    Wrong(
        "e.toml:40: alerts.routes.1.severities.0: Invalid enum value 'critical'; valid are major, partial, total",
        '["total"]',
        '["critical"]',
    ),
    Wrong(
        'e.toml:38: alerts.routes.1: quiet hours are written as "22:00-07:00" or "sat,sun 00:00-24:00", got "22-07"',
        '["22:00-07:00"]',
        '["22-07"]',
    ),
    Wrong("e.toml:38: alerts.routes.1: no time zone is named `Europe/Olso`", "Europe/Oslo", "Europe/Olso"),
    Wrong("e.toml:40: alerts.routes.1.severity: no such setting: did you mean `severities`?", "severities", "severity"),
    # secrets, which no error shows
    Wrong(
        "e.toml:2: kafka.sasl_password: expected a text that is not empty",
        "partitions = 2",
        'sasl_password = ["hunter2-geheim"]',
    ),
    Wrong("e.toml:2: kafka.sasl_password: expected a text that is not empty", "partitions = 2", 'sasl_password = ""'),
    Wrong(
        "e.toml:2: is not TOML: Invalid value (at line 2, column 17)",
        "partitions = 2",
        "sasl_password = hunter2-geheim",
    ),
    Wrong(
        "e.toml:2: kafka.sasl_pass: no such setting: did you mean `sasl_password`?",
        "partitions = 2",
        'sasl_pass = "hunter2-geheim"',
    ),
    # the environment: the variable is named, not the file
    Wrong(
        "environment variable EBBTIDE_KAFKA_PARTITION: no such setting: did you mean `EBBTIDE_KAFKA_PARTITIONS`?",
        environ={"EBBTIDE_KAFKA_PARTITION": "1"},
    ),
    Wrong(
        "environment variable EBBTIDE_FEEDS_NONE_BIN: no such setting: did you mean `EBBTIDE_FEEDS_A_B_BIN`?",
        environ={"EBBTIDE_FEEDS_NONE_BIN": "1"},
    ),
    Wrong(
        "environment variable EBBTIDE_FEEDS_ATLAS_BINS: no such setting: did you mean `EBBTIDE_FEEDS_ATLAS_BIN`?",
        environ={"EBBTIDE_FEEDS_ATLAS_BINS": "1"},
    ),
    Wrong(
        "environment variable EBBTIDE_ALERTS_RECEIVERS_NOC_KEYZ: no such setting: "
        "did you mean `EBBTIDE_ALERTS_RECEIVERS_NOC_KEYS`?",
        environ={"EBBTIDE_ALERTS_RECEIVERS_NOC_KEYZ": "1"},
    ),
    Wrong(
        "environment variable EBBTIDE_KAFKA_PARTITIONS: Expected `int` >= 1", environ={"EBBTIDE_KAFKA_PARTITIONS": "0"}
    ),
    Wrong(
        'environment variable EBBTIDE_WORKER_IDLE_AFTER: expected a duration such as "5m" or "1h30m", got \'soon\'',
        environ={"EBBTIDE_WORKER_IDLE_AFTER": "soon"},
    ),
    Wrong(
        "environment variable EBBTIDE_FEEDS_ATLAS_KIND: Invalid enum value 'x'; "
        "valid are count, distinct, gauge, presence, ratio",
        environ={"EBBTIDE_FEEDS_ATLAS_KIND": "x"},
    ),
    # a variable of a section that is no table
    Wrong(
        "e.toml:1: kafka: Expected `object`, got `int`",
        "[kafka]\npartitions = 2",
        "kafka = 3",
        {"EBBTIDE_KAFKA_PARTITIONS": "1"},
    ),
    Wrong(
        "e.toml:5: feeds.x: Expected `object`, got `int`",
        "[feeds.atlas]",
        "[feeds]\nx = 3\n[feeds.atlas]",
        {"EBBTIDE_FEEDS_X_BIN": "1"},
    ),
    # addresses that a page must not link to
    Wrong(NO_ADDRESS, environ={"EBBTIDE_WEB_GRAFANA": "javascript:alert(1)"}),
    Wrong(NO_ADDRESS, environ={"EBBTIDE_WEB_GRAFANA": "grafana.example"}),
    Wrong(NO_ADDRESS, environ={"EBBTIDE_WEB_GRAFANA": "https://me:word@grafana.example"}),
    Wrong(NO_ADDRESS, environ={"EBBTIDE_WEB_GRAFANA": "https://a/?b"}),
    Wrong(NO_ADDRESS, environ={"EBBTIDE_WEB_GRAFANA": "https://a/"}),
    # settings of security that would have no effect, and those that are missing
    Wrong(
        "e.toml:1: kafka: `sasl_mechanism` has no effect with `security_protocol` PLAINTEXT",
        environ=without("PROTOCOL"),
    ),
    Wrong("e.toml:1: kafka: SASL_SSL needs `sasl_mechanism` and `sasl_username`", environ=without("MECHANISM")),
    Wrong("e.toml:1: kafka: SASL_SSL needs `sasl_password` or `sasl_password_file`", environ=without("PASSWORD")),
    Wrong(
        "e.toml:1: kafka: `sasl_password` and `sasl_password_file`: give one of them",
        environ=without("", SASL_PASSWORD_FILE="x"),
    ),
    Wrong("e.toml:1: kafka: a key without `ssl_certfile` has no effect", environ=without("", SSL_KEYFILE="x")),
    Wrong(
        "e.toml:1: kafka: `ssl_cafile` has no effect with `security_protocol` SASL_PLAINTEXT",
        environ=without("PROTOCOL", SECURITY_PROTOCOL="SASL_PLAINTEXT", SSL_CAFILE="x"),
    ),
    Wrong(
        "environment variable EBBTIDE_KAFKA_SASL_MECHANISM: Invalid enum value 'GSSAPI'; "
        "valid are PLAIN, SCRAM-SHA-256, SCRAM-SHA-512",
        environ=without("MECHANISM", SASL_MECHANISM="GSSAPI"),
    ),
    Wrong(
        "e.toml:1: kafka: `ssl_check_hostname` has no effect with `security_protocol` PLAINTEXT",
        environ={"EBBTIDE_KAFKA_SSL_CHECK_HOSTNAME": "false"},
    ),
    Wrong(
        "e.toml: web: `token` and `token_file`: give one of them",
        environ={"EBBTIDE_WEB_TOKEN": "a", "EBBTIDE_WEB_TOKEN_FILE": "b"},
    ),
]


def test_the_file_is_good_before_anything_is_replaced(tmp_path: Path) -> None:
    """Only the replacement, or the variable, is at fault; `old` stands in the file."""
    (tmp_path / "e.toml").write_text(GOOD)
    settings = load(tmp_path / "e.toml", LOGIN)
    assert (len(settings.feeds), len(settings.calendar), len(settings.alerts.routes)) == (2, 2, 2)
    assert [wrong.old for wrong in TABLE if wrong.old not in GOOD] == []


@pytest.mark.parametrize("wrong", TABLE, ids=lambda wrong: f"{wrong.new or ' '.join(wrong.environ)}"[:60])
def test_each_error_is_one_line(tmp_path: Path, wrong: Wrong) -> None:
    """The line is exact, the exit code is that of wrong use, and no secret is in the line."""
    path = tmp_path / "e.toml"
    path.write_text(GOOD.replace(wrong.old, wrong.new, 1) if wrong.old else GOOD)
    with pytest.raises(SettingsError) as caught:
        load(path, wrong.environ)
    assert str(caught.value).removeprefix(f"{tmp_path}/") == wrong.line
    assert caught.value.exit_code == 2
    assert [secret for secret in SECRETS if secret in str(caught.value)] == []


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("none.toml", None, "cannot be read: No such file or directory"),
        (".", None, "cannot be read: Is a directory"),
        ("latin.toml", b"# \xe9", "is not UTF-8 text"),
        ("deep.toml", b"a = " + b"[" * 100_000, "is not TOML of settings: it is nested too deeply"),
        ("tables.toml", b"a = " + b"{a = " * 100_000, "is not TOML of settings: it is nested too deeply"),
        ("long.toml", b"#" * (1 << 20) + b"\n", "is larger than 1 MiB"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes | None, fault: str) -> None:
    """Missing, a folder, not UTF-8."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load(path, {})
    assert (str(caught.value), caught.value.exit_code) == (f"{path}: {fault}", 2)


def test_without_a_file_the_section_is_named() -> None:
    """The environment alone is at fault."""
    with pytest.raises(SettingsError) as caught:
        load(None, {"EBBTIDE_WEB_TOKEN": "a", "EBBTIDE_WEB_TOKEN_FILE": "b"})
    assert str(caught.value) == "settings: web: `token` and `token_file`: give one of them"
