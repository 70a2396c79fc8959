"""`ebbtide init` and `ebbtide check`: the first settings, and all faults of settings at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streams.config.loader import load
from tests.ebbtide import Cluster, ebbtide
from tests.kafka import ApacheKafka

BAD = """\
[kafkaa]
x = 1
[kafka]
bootstrap_server = ["a:1"]
[feeds.reach]
signal = "reach"
kind = "ration"
bin = "5 minuts"
[feeds.other]
kind = "gauge"
bin = "5m"
[[alerts.routes]]
receivers = ["noc"]
severities = ["majr"]
[alerts.receivers.noc]
type = "slack"
url_file = "nowhere"
[sources.flows]
type = "goflow2"
feed = "flow"
[metadata]
file = "none.csv"
"""


def test_the_first_settings_are_right(tmp_path: Path) -> None:
    """`init` writes feeds with comments, `check` finds nothing wrong; a file that is there stays."""
    arguments = ("init", "--feed", "reach:ratio:5m", "--feed", "bgp:gauge:1h", "--broker", "kafka:9092")
    assert ebbtide(*arguments, cwd=tmp_path).returncode == 0
    settings = load(tmp_path / "ebbtide.toml", {})
    assert [(name, str(feed.kind), int(feed.bin)) for name, feed in settings.feeds.items()] == [
        ("reach", "ratio", 300),
        ("bgp", "gauge", 3600),
    ]
    assert settings.kafka.address == "kafka:9092"
    done = ebbtide("check", "--offline", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"feeds: reach (ratio), bgp (gauge)" in done.stdout
    again = ebbtide(*arguments, cwd=tmp_path)
    assert (again.returncode, again.stderr) == (
        2,
        b"ebbtide: ebbtide.toml is there already: --force overwrites it\n",
    )
    assert b"one of gauge, count" in ebbtide("init", "--feed", "a:b:5m", cwd=tmp_path).stderr


def test_what_the_first_settings_have_as_comments_is_right(tmp_path: Path) -> None:
    """Whoever takes the # away has settings that load."""
    ebbtide("init", "--feed", "reach:ratio:5m", cwd=tmp_path)
    file = tmp_path / "ebbtide.toml"
    text = re.sub(r"^# (?=\[|[a-z_]+ = )", "", file.read_text(), flags=re.MULTILINE)
    file.write_text(text)
    settings = load(file, {})
    assert (settings.kafka.prefix, settings.kafka.partitions) == ("staging.", 8)
    assert settings.feeds["reach"].areas
    assert list(settings.alerts.receivers) == ["noc"]
    assert settings.alerts.routes


def test_check_names_all_faults_at_once(tmp_path: Path) -> None:
    """Each with its line, the valid values and what was meant; of the file, the environment, and files it names."""
    (tmp_path / "bad.toml").write_text(BAD)
    done = ebbtide(
        *("check", "--offline", "--settings", "bad.toml"),
        cwd=tmp_path,
        environment={"EBBTIDE_WEB_PRT": "1", "EBBTIDE_KAFKA_PARTITIONER": "murmur3"},
    )
    assert done.returncode == 1
    assert [line.removeprefix("ebbtide: ") for line in done.stderr.decode().splitlines()] == [
        "environment variable EBBTIDE_WEB_PRT: no such setting: did you mean `EBBTIDE_WEB_PORT`?",
        "environment variable EBBTIDE_KAFKA_PARTITIONER: Invalid enum value 'murmur3': did you mean `murmur2`?; "
        "valid are any, crc32, fnv1a, murmur2",
        "bad.toml:1: kafkaa: no such setting: did you mean `kafka`?",
        "bad.toml:4: kafka.bootstrap_server: no such setting: did you mean `bootstrap_servers`?",
        "bad.toml:7: feeds.reach.kind: Invalid enum value 'ration': did you mean `ratio`?; "
        "valid are count, distinct, gauge, presence, ratio",
        'bad.toml:8: feeds.reach.bin: expected a duration such as "5m" or "1h30m", got \'5 minuts\'',
        "bad.toml:9: feeds.other: Object missing required field `signal`",
        "bad.toml:14: alerts.routes.0.severities.0: Invalid enum value 'majr': did you mean `major`?; "
        "valid are major, partial, total",
        "bad.toml:20: sources.flows.feed: 'flow' is not in [feeds]",
        "none.csv: cannot be read: No such file or directory",
        "alerts.receivers.noc.url_file nowhere: cannot be read: No such file or directory",
        "bad.toml: 11 faults",
    ]


def test_a_table_of_prefixes_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    """The source would not start; `check` names the file."""
    fields = '[sources.flows.fields]\nasn = { path = "src", prefixes = "nowhere.txt" }\n'
    feed = '[feeds.flows]\nsignal = "traffic"\nkind = "count"\nbin = "5m"\n'
    (tmp_path / "ebbtide.toml").write_text(f'{feed}[sources.flows]\ntype = "goflow2"\nfeed = "flows"\n{fields}')
    done = ebbtide("check", "--offline", cwd=tmp_path)
    assert done.returncode == 1
    assert b"nowhere.txt: cannot be read: No such file or directory" in done.stderr


AKVORADO = 'type = "akvorado"\n'
PROMETHEUS = 'type = "prometheus"\nurl = "http://127.0.0.1:9"\nquery = "up"\nfields = { asn = "asn" }\n'


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (f'{AKVORADO}schema_file = "nowhere.proto"', "nowhere.proto: cannot be read: No such file"),
        (f'{AKVORADO}schema_file = "ebbtide.toml"', "ebbtide.toml: no schema of flows: line 1"),
        (f'{AKVORADO}schema = "http://127.0.0.1:9/x"', "sources.s.schema: http://127.0.0.1:9/x: cannot connect"),
        ('type = "goflow2"\nformat = "avro"', "sources.s.format: 'avro' is none of "),
        (f'{PROMETHEUS}token_file = "nowhere"', "sources.s.token_file nowhere: cannot be read"),
        (f'{PROMETHEUS}ca_file = "nowhere"', "sources.s.ca_file nowhere: No such file"),
    ],
)
def test_what_a_source_could_not_read_is_a_fault(tmp_path: Path, source: str, fault: str) -> None:
    """A schema, a plug-in, a secret, a certificate: found before the source is started."""
    feed = '[feeds.f]\nsignal = "traffic"\nkind = "count"\nbin = "5m"\n'
    (tmp_path / "ebbtide.toml").write_text(f'{feed}[sources.s]\nfeed = "f"\n{source}\n')
    done = ebbtide("check", "--offline", "--reach", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"ebbtide: {fault}"), done.stderr
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "is not there: `ebbtide init` writes a first one"),
        ("", "is empty: `ebbtide init` writes a first one"),
        ("# nothing\n", "is empty"),
        ("x", "is not TOML"),
    ],
)
def test_no_settings_are_a_fault(tmp_path: Path, content: str | None, fault: str) -> None:
    """A file that is missing, empty or no TOML is an error, not the defaults."""
    if content is not None:
        (tmp_path / "ebbtide.toml").write_text(content)
    done = ebbtide("check", "--offline", cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert fault in done.stderr.decode()


@pytest.mark.kafka
def test_check_reads_the_broker(kafka: ApacheKafka, tmp_path: Path) -> None:
    """All topics are there; of another prefix, each that is missing is named."""
    cluster = Cluster(kafka.address, "check-command", tmp_path)
    done = ebbtide("check", "--settings", cluster.feeds, environment=cluster.environment)
    assert done.returncode == 0, done.stderr
    assert b"all topics are there, 1 partitions of check-command.measurements" in done.stdout
    missing = {**cluster.environment, "EBBTIDE_KAFKA_PREFIX": "nobody."}
    done = ebbtide("check", "--settings", cluster.feeds, environment=missing)
    assert done.returncode == 1
    assert b"topic nobody.check-command.outages does not exist" in done.stderr
    assert done.stderr.count(b"does not exist") > 10
