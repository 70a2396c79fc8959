"""The calendar through Kafka: its command writes the topic, a worker that runs hears of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaProducer

from schemas.calendar import Only, Period, encode, entry_of
from schemas.times import format_time
from streams.broker.security import client_options
from tests.ebbtide import Cluster, wait_for
from tests.kafka import ApacheKafka

pytestmark = pytest.mark.kafka

SETTINGS = """
[feeds.level]
signal = "traffic"
kind = "gauge"
bin = "1m"
lateness = "0s"

[[calendar]]
starts = 2017-07-01T00:00:00Z
ends = 2117-08-01T00:00:00Z
entities = ["country/KZ"]
note = "of the settings"
"""
DAY = 86_400


@pytest.fixture(scope="module")
def cluster(kafka: ApacheKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Topics with settings that have a calendar of their own."""
    directory = tmp_path_factory.mktemp("calendar")
    (directory / "ebbtide.toml").write_text(SETTINGS)
    cluster = Cluster(kafka.address, "calendar", directory, directory / "ebbtide.toml")
    yield cluster
    cluster.close()


def calendar(cluster: Cluster, *arguments: object) -> tuple[int, str, str]:
    """Run `ebbtide calendar`: exit code, standard output and error."""
    done = cluster.run("calendar", *arguments)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def add(cluster: Cluster, now: float, entity: str, note: str) -> str:
    """Add an entry of a day around now and return its id."""
    times = ("--starts", format_time(int(now) - DAY / 2), "--ends", format_time(int(now) + DAY / 2))
    code, said, error = calendar(cluster, "add", *times, "--entity", entity, "--note", note)
    assert (code, error) == (0, "")
    return said.split()[1]


def listed(cluster: Cluster, *more: str) -> dict[str, str]:
    """Where each entry comes from, by its id."""
    _, said, _ = calendar(cluster, "list", *more)
    return {line.split()[0]: line.split()[3] for line in said.splitlines()[1:]}


def levels(first: float, last: float, asn: int, value: float) -> list[tuple[int, bytes | None, bytes | None]]:
    """A measurement a minute."""
    measurements = [
        {"feed": "level", "ts": at, "asn": asn, "country": "KG", "value": value}
        for at in range(int(first), int(last), 60)
    ]
    return [(0, f"asn/{asn}".encode(), json.dumps(measurement).encode()) for measurement in measurements]


def outages_of(cluster: Cluster, asn: int) -> list[dict[str, Any]]:
    """All revisions of a network's outages."""
    found = [json.loads(record.value) for record in cluster.all_records(cluster.kafka.outages) if record.value]
    return [outage for outage in found if outage["entity"] == f"asn/{asn}"]


def test_entries_are_added_listed_and_removed(cluster: Cluster) -> None:
    """Entries of the settings are listed too; an entry is added once; a removed entry stays in the topic."""
    now = time.time()
    entry = add(cluster, now, "asn/77", "works")
    assert calendar(cluster, "add", *_same(cluster, entry))[1] == f"{entry} is there already\n"
    (fixed,) = [key for key, source in listed(cluster).items() if source == "settings"]
    assert listed(cluster) == {fixed: "settings", entry: "topic"}
    code, _, error = calendar(cluster, "remove", fixed)
    assert (code, error) == (2, f"ebbtide: calendar entry {fixed}: stands in the settings: remove it there\n")
    assert calendar(cluster, "remove", entry)[0] == 0
    assert calendar(cluster, "remove", entry)[2] == f"ebbtide: calendar entry {entry}: there is none\n"
    assert (listed(cluster), listed(cluster, "--all")[entry]) == ({fixed: "settings"}, "removed")
    assert add(cluster, now, "asn/77", "works") == entry
    last = json.loads(cluster.records(cluster.kafka.calendar)[-1].value)
    assert [period["removed_at"] is None for period in last["known"]] == [False, True]


def _same(cluster: Cluster, entry_id: str) -> list[str]:
    records = [json.loads(record.value) for record in cluster.records(cluster.kafka.calendar)]
    found = next(candidate for candidate in records if candidate["entry_id"] == entry_id)
    times = ["--starts", found["starts"], "--ends", found["ends"]]
    return [*times, "--entity", *found["entities"], "--note", found["note"]]


def test_a_worker_reads_the_calendar_before_it_starts_and_follows_it(cluster: Cluster) -> None:
    """An entry from before and one added later both count; a message that is no entry is one line in the log."""
    now = time.time()
    before = written(cluster, now, "asn/1", "from before")
    worker = cluster.worker()
    worker.wait_ready()
    _send(cluster, b"{}")
    later = written(cluster, now, "asn/2", "added later")
    wait_for("a line about what is no entry", lambda: "not a calendar entry" in worker.errors())
    first, fell = int(now) - 30_000, int(time.time()) // 60 * 60 - 420
    calm = [record for asn in range(1, 12) for record in levels(first, fell if asn <= 3 else fell + 360, asn, 100.0)]
    down = [record for asn in (1, 2, 3) for record in levels(fell, fell + 360, asn, 1.0)]
    everything = sorted([*calm, *down], key=lambda record: json.loads(record[2] or b"")["ts"])
    worker.wait_applied({0: cluster.send(*everything)[-1]})
    wait_for("three outages", lambda: all(outages_of(cluster, asn) for asn in (1, 2, 3)))
    found = {asn: outages_of(cluster, asn)[-1] for asn in (1, 2, 3)}
    assert {asn: record["suppressed_by"] for asn, record in found.items()} == {1: before, 2: later, 3: None}
    assert found[2]["explain"]["calendar"] == "added later"
    assert worker.errors().count("not a calendar entry") == 1


def written(cluster: Cluster, now: float, entity: str, note: str) -> str:
    """Write an entry of a day around now, added an hour ago, and return its id."""
    entry = entry_of(int(now) - DAY / 2, int(now) + DAY / 2, [entity], Only(), note)
    entry = msgspec.structs.replace(entry, periods=[Period(format_time(int(now) - 3600))])
    _send(cluster, encode(entry), entry.entry_id.encode())
    return entry.entry_id


def _send(cluster: Cluster, value: bytes, key: bytes = b"0") -> None:
    producer = KafkaProducer(**client_options(cluster.kafka))
    try:
        producer.send(cluster.kafka.calendar, key=key, value=value).get(30)
    finally:
        producer.close()


def test_a_file_is_imported(cluster: Cluster, tmp_path: Path) -> None:
    """What can be taken is in the topic, the rest is named, and the exit code tells that something is left."""
    day = time.strftime("%Y%m%d", time.gmtime(time.time() + 5 * DAY))
    event = f"BEGIN:VEVENT\r\nUID:%d\r\nSUMMARY:Works\r\nDTSTART;VALUE=DATE:{day}\r\n%sEND:VEVENT\r\n"
    events = event % (1, "CATEGORIES:asn/5\r\n") + event % (2, "")
    (tmp_path / "x.ics").write_text(f"BEGIN:VCALENDAR\r\n{events}END:VCALENDAR\r\n", newline="")
    code, said, error = calendar(cluster, "import", tmp_path / "x.ics")
    assert code == 1
    assert "asn/5: Works" in said
    assert error.endswith("x.ics: 1 events could not be imported\n")
    assert said.split()[1] in listed(cluster)
