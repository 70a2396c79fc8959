"""`ebbtide state` on Apache Kafka: state that went through a file gives what it would have given, byte for byte."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from schemas.incident import decode_incident
from schemas.incident import encode as encode_incident
from schemas.outage import decode_outage, encode
from streams.broker.changelog import read, writing
from streams.broker.clients import sending
from streams.broker.topics import MAX_MESSAGE, changelog
from streams.cli.main import main
from streams.cli.state_expiry import WHY, expire_outages_of
from streams.config.errors import BrokerError, StateInUseError
from tests.drill.snapshot_log import SnapshotLog
from tests.ebbtide import FEEDS, MEASUREMENTS, Cluster, ebbtide, env, wait_for
from tests.halves import halves
from tests.kafka import ApacheKafka
from tests.schemas.examples import INCIDENT, OUTAGE

pytestmark = pytest.mark.kafka


@pytest.fixture
def cluster(kafka: ApacheKafka, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Make topics for the test."""
    made = Cluster(kafka.address, f"state-{str(request.node.name)[5:15].strip('_')}", tmp_path)
    yield made
    made.close()


def run(cluster: Cluster, *arguments: object) -> tuple[int, str, str]:
    """Run `ebbtide state` and return its exit code and what it says."""
    out, errors = io.StringIO(), io.StringIO()
    with patch.dict(os.environ, env(cluster.environment), clear=True), redirect_stdout(out), redirect_stderr(errors):
        code = main(["state", "--settings", str(FEEDS), *map(str, arguments)])
    return code, out.getvalue(), errors.getvalue()


def state(cluster: Cluster, *arguments: object) -> str:
    """Run `ebbtide state` and return what it says."""
    code, out, errors = run(cluster, *arguments)
    assert (code, errors) == (0, "")
    return out


def refused(cluster: Cluster, *arguments: object) -> str:
    """Run `ebbtide state` in vain and return the one line that says why."""
    code, out, errors = run(cluster, *arguments)
    (line,) = errors.splitlines()
    assert (code, out) == (1, "")
    return line


def refused_under_a_worker(cluster: Cluster, *arguments: object) -> str:
    """Run `ebbtide state` while a worker starts, after the first look at the group; return why it was in vain."""
    late = StateInUseError("a worker has started")
    with patch("streams.cli.state_transfer.topics.demand_idle", side_effect=[None, late]):
        return refused(cluster, *arguments)


def exported(cluster: Cluster) -> tuple[bytes, dict[int, int]]:
    """Return the state that an export writes now, and what the group has committed."""
    file = cluster.directory / "again.state"
    state(cluster, "export", file)
    return file.read_bytes(), cluster.committed()


def import_behind_another(cluster: Cluster, file: Path) -> None:
    """Import while another import is cut off, and a worker has added a row to the changelog since."""
    topic = changelog(cluster.kafka)
    end = cluster.end_of(topic, 0)
    with writing(cluster.kafka, lambda: {0: {}}) as cut_off:
        cut_off[0][b"0/a/A"] = b"of the other import"
        wait_for("an open transaction", lambda: cluster.end_of(topic, 0) > end)
        with sending(cluster.kafka, topic) as send:
            send(b"0/b/A", b"of a worker", 0)
        state(cluster, "import", "--force", file)


@contextmanager
def limited(cluster: Cluster, size: int) -> Iterator[None]:
    """Have the broker refuse longer batches of the changelog meanwhile; it may need a moment to know that."""
    log, probe = SnapshotLog(cluster), b"x" * (size + 100)

    def takes(value: bytes | None) -> bool:
        try:
            with sending(cluster.kafka, log.topic) as send:
                send(b"of nobody", value, 0)
        except BrokerError:
            return False
        return True

    log.limit(size)
    wait_for("a broker that refuses", lambda: not takes(probe))
    yield
    log.limit(MAX_MESSAGE)
    wait_for("a broker that takes", lambda: takes(probe))
    assert takes(None)


def test_export_reset_import_is_as_if_it_never_stopped(cluster: Cluster) -> None:
    """Half the recording, stop, export, reset, import, the other half: the bytes of `detect`; nothing is read twice."""
    detected = ebbtide("detect", "--settings", FEEDS, MEASUREMENTS).stdout.splitlines()
    head, tail = halves(cluster.directory)
    file, last = cluster.directory / "first.state", len(head.read_bytes().splitlines()) - 1
    none = f"group {cluster.kafka.app_id} has no state"
    assert none in refused(cluster, "export", file)
    worker = cluster.worker()
    assert cluster.run("replay", head).returncode == 0
    worker.wait_applied({0: last})
    assert "has workers (Stable): stop them first" in refused(cluster, "reset", "--yes")
    wait_for("an export from under a worker", lambda: run(cluster, "export", file)[0] == 0)
    assert worker.stop() == 0

    assert f"partition 0 to offset {last}\n" in state(cluster, "export", file)
    whole = exported(cluster)
    assert whole == (file.read_bytes(), {0: last + 1})
    assert "--force replaces it" in refused(cluster, "import", file)
    assert state(cluster, "reset", "--yes").startswith("deleted ")
    assert cluster.committed() == {}
    assert none in refused(cluster, "export", file)
    state(cluster, "import", file)
    assert exported(cluster) == whole

    second = cluster.worker()
    assert cluster.run("replay", tail).returncode == 0
    counts = second.wait_applied({0: 10_549})[0]
    assert (counts["received"], counts["skipped"], counts["binned"]) == (10_550, 0, 10_550)
    assert "has workers (Stable)" in refused(cluster, "import", file, "--force")
    assert second.stop() == 0
    assert [record.value for record in cluster.records(cluster.kafka.outages)] == detected


def test_what_is_refused_changes_nothing(cluster: Cluster) -> None:
    """By a broker that takes no long rows, by a worker that has started meanwhile, behind an import that is cut off."""
    file, unchanged = cluster.directory / "whole.state", f"nothing of topic {changelog(cluster.kafka)} was changed: "
    worker = cluster.worker()
    assert cluster.run("replay", MEASUREMENTS).returncode == 0
    worker.wait_applied({0: 10_549})
    assert worker.stop() == 0
    state(cluster, "export", file)
    whole = (file.read_bytes(), {0: 10_550})

    with limited(cluster, 100):  # one batch of the names of fifteen rows is longer
        assert unchanged in refused(cluster, "reset", "--yes")
        assert exported(cluster) == whole
    state(cluster, "reset", "--yes")
    with limited(cluster, 1000):  # many rows are shorter, so that the broker has them
        assert unchanged in refused(cluster, "import", file)
    assert cluster.committed() == {}
    assert "has no state" in refused(cluster, "export", file)

    state(cluster, "import", file)
    for words in (("reset", "--yes"), ("reset", "--yes", "--feed", "atlas"), ("import", "--force", file)):
        assert "a worker has started" in refused_under_a_worker(cluster, *words)
        assert exported(cluster) == whole
    with pytest.raises(BrokerError, match=unchanged):
        import_behind_another(cluster, file)
    assert not read(cluster.kafka, 1, lambda _: None)[0].keys() & {b"0/a/A", b"0/b/A"}
    assert exported(cluster)[0] == whole[0]


def test_a_file_fits_its_topic_under_any_group_and_no_other_topic(cluster: Cluster) -> None:
    """A new group takes it; another topic, number of partitions, or one that ends before it: nothing is written."""
    worker, file = cluster.worker(), cluster.directory / "one.state"
    cluster.send((0, b"asn/1", b'{"feed":"atlas","ts":1466121600,"asn":1,"member":"a","up":true}'))
    worker.wait_applied({0: 0})
    assert worker.stop() == 0
    state(cluster, "export", file)
    other = Cluster(cluster.kafka.bootstrap_servers[0], "other", cluster.directory)
    assert f"is of topic {cluster.kafka.measurements}, not other.measurements" in refused(other, "import", file)
    assert "includes other.measurements/0 up to 0, which ends at -1" in refused(other, "import", file, "--force")
    wider = Cluster(cluster.kafka.bootstrap_servers[0], "wider", cluster.directory, EBBTIDE_KAFKA_PARTITIONS="2")
    assert "is of 1 partitions, wider.measurements has 2" in refused(wider, "import", file, "--force")
    same = {"EBBTIDE_KAFKA_MEASUREMENTS": cluster.kafka.measurements}
    moved = Cluster(cluster.kafka.bootstrap_servers[0], "moved", cluster.directory, **cast("Any", same))
    assert "partition 0 to offset 0\n" in state(moved, "import", file)
    assert moved.committed() == {0: 1}
    for empty in (other, wider):
        assert empty.all_records(f"{empty.kafka.app_id}-snapshots-changelog") == []


def test_what_an_old_group_leaves_open_is_ended(cluster: Cluster) -> None:
    """In each partition, outages and incidents that go on get a last revision beside their earlier ones, those that are
    over and records that are neither are left alone; a second time nothing is left to end.
    """
    outage, incident = decode_outage(OUTAGE), decode_incident(INCIDENT)
    suspected = replace(outage, outage_id="0" * 16, state="suspected")
    doubted = replace(incident, incident_id="0" * 16, state="suspected", headline="Suspected; ongoing.")
    closed = replace(outage, outage_id="1" * 16, state="closed", ended_at=outage.updated_at)
    names = cluster.kafka
    with sending(names, names.outages) as send:
        for of in (outage, suspected, closed):
            send(of.outage_id.encode(), encode(of), 0)
        for also in (incident, doubted):
            send(also.incident_id.encode(), encode_incident(also), 0, names.incidents)
        send(b"2" * 16, b"{", 0)
    assert state(cluster, "expire", "--yes") == "ended 2 outages and 2 incidents, whose ends are unknown\n"

    written = cluster.records(names.outages)[4:]
    last, dropped = (decode_outage(record.value) for record in written)
    assert [record.key.decode() for record in written] == [outage.outage_id, suspected.outage_id]
    assert dict(written[0].headers)["ce_id"] == f"{outage.outage_id}/{outage.revision + 1}".encode()
    changed = {"revision": 4, "state": "expired", "value": None, "explain": {**outage.explain, "reason": WHY}}
    assert (last, dropped.state) == (replace(outage, **changed), "retracted")
    over, doubtful = (decode_incident(record.value) for record in cluster.records(names.incidents)[2:])
    assert over == replace(
        incident,
        revision=8,
        state="expired",
        headline=f"Mobile Internet to the outside was mostly down in IR-12 and IR-30, Iran; {WHY}.",
    )
    assert (doubtful.state, doubtful.headline) == ("retracted", f"Suspected; {WHY}.")
    assert state(cluster, "expire", "--yes") == "ended 0 outages and 0 incidents, whose ends are unknown\n"


def test_outages_of_a_feed_that_begins_anew_are_ended(cluster: Cluster) -> None:
    """Those that go on, and none of another feed."""
    outage = decode_outage(OUTAGE)
    other = replace(outage, outage_id="0" * 16, feed="other")
    closed = replace(outage, outage_id="1" * 16, state="closed", ended_at=outage.updated_at)
    topic = cluster.kafka.outages
    with sending(cluster.kafka, topic) as send:
        for of in (outage, other, closed):
            send(of.outage_id.encode(), encode(of), 0)
    assert expire_outages_of(cluster.settings, outage.feed, lambda _: None) == 1
    (last,) = (decode_outage(record.value) for record in cluster.records(topic)[3:])
    assert (last.outage_id, last.state, last.revision) == (outage.outage_id, "expired", outage.revision + 1)
