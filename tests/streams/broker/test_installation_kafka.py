"""Two installations on one Apache Kafka: with prefixes they share nothing, without one the second is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec
import pytest

from schemas import installation as records
from streams.broker import installation, topics
from streams.config.kafka import TOPIC_KEYS, KafkaSettings
from streams.config.loader import load
from tests.ebbtide import FEEDS, MEASUREMENTS, Cluster, Worker, ebbtide, wait_for
from tests.kafka import ApacheKafka
from tests.streams.alerts.helpers import KEY
from tests.streams.alerts.servers import Receiver

pytestmark = pytest.mark.kafka
NAMES = {f"EBBTIDE_KAFKA_{key.upper()}": getattr(KafkaSettings(), key) for key in ("app_id", *TOPIC_KEYS)}
SHARED = "two.measurements"
LAST = 10_549  # offset of the recording's last measurement
RECEIVER = """
[[alerts.routes]]
receivers = ["noc"]
[alerts]
port = 0
[alerts.receivers.noc]
type = "webhook"
url = "{url}/noc"
keys = ["{key}"]
allow_private = true
per_minute = 6000
digest_over = 1000
"""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """End at the end what a test starts."""
    with ExitStack() as made:
        yield made


def installed(kafka: ApacheKafka, stack: ExitStack, directory: Path, more: str = "", **settings: str) -> Cluster:
    """Return an installation with the default names, in a folder of its own."""
    directory.mkdir()
    feeds = directory / "ebbtide.toml"
    feeds.write_text(FEEDS.read_text(encoding="utf-8") + more, encoding="utf-8")
    return stack.enter_context(closing(Cluster(kafka.address, "", directory, feeds, **{**NAMES, **settings})))


def detected(*arguments: str) -> list[bytes]:
    """Return the lines of `ebbtide detect` on the recording."""
    return ebbtide("detect", "--settings", FEEDS, *arguments, MEASUREMENTS).stdout.splitlines()


def contents(cluster: Cluster) -> dict[str, list[bytes]]:
    """Return the values of each topic that has records, but for the record of the installation."""
    names = {topic.name for topic in topics.all_of(cluster.kafka)}
    found = {name: cluster.records(name) for name in sorted(names)}
    return {name: kept for name, of in found.items() if (kept := [r.value for r in of if not _is_record(r.key)])}


def _is_record(key: bytes | None) -> bool:
    return (key or b"").startswith(records.KEY)


def run_recording(cluster: Cluster, worker: Worker, incidents: int) -> None:
    """Have a worker apply the recording, send so many revisions of incidents and stop, then deliver the alerts."""
    worker.wait_applied({0: LAST})
    wait_for("all incidents", lambda: len(cluster.records(cluster.kafka.incidents)) >= incidents)
    assert (worker.stop(), worker.complaints()) == (0, [])
    done = cluster.run("alerts", "--once")
    assert (done.returncode, done.stderr) == (0, b"")


def test_two_installations_with_prefixes(kafka: ApacheKafka, tmp_path: Path, stack: ExitStack) -> None:
    """They read the same measurements. Each writes the bytes of `detect` into topics of its own, commits in groups of
    its own, and alerts once; what the second does changes nothing of the first.
    """
    noc = {name: stack.enter_context(Receiver()) for name in ("north", "south")}
    clusters = {
        name: installed(
            kafka,
            stack,
            tmp_path / name,
            RECEIVER.format(url=noc[name].url, key=KEY),
            EBBTIDE_KAFKA_PREFIX=f"two-{name}.",
            EBBTIDE_KAFKA_MEASUREMENTS=SHARED,
            EBBTIDE_KAFKA_SHARED="measurements",
        )
        for name in noc
    }
    north = clusters["north"].worker()
    outages, incidents = detected(), detected("--incidents")
    assert clusters["south"].run("replay", MEASUREMENTS).returncode == 0
    run_recording(clusters["north"], north, len(incidents))
    before, sent = contents(clusters["north"]), list(noc["north"].got)
    assert list(contents(clusters["south"])) == [SHARED]
    assert sent and noc["south"].got == []
    run_recording(clusters["south"], clusters["south"].worker(), len(incidents))
    assert contents(clusters["north"]) == before and noc["north"].got == sent
    assert len(noc["south"].got) == len(sent)

    for name, cluster in clusters.items():
        found = contents(cluster)
        assert all(topic.startswith(f"two-{name}.") for topic in found if topic != SHARED)
        assert found[f"two-{name}.outages"] == outages != []
        assert found[f"two-{name}.incidents"] == incidents != []
        with topics.connected(cluster.kafka) as admin:
            groups = {group["group_id"] for group in admin.list_groups()}
        assert {f"two-{name}.ebbtide", f"two-{name}.ebbtide-alerts"} <= groups
        assert cluster.committed() == {0: LAST + 1}
        checked = cluster.run("settings", "check").stdout.decode()
        assert f"kafka.prefix: group two-{name}.ebbtide, topics {SHARED}, two-{name}.outages, " in checked


def feed(path: Path, name: str) -> Path:
    """Write settings with the recording's feed under another name, and return their file."""
    path.write_text(FEEDS.read_text(encoding="utf-8").replace("feeds.atlas", f"feeds.{name}"), encoding="utf-8")
    return path


def test_another_installation_is_refused(kafka: ApacheKafka, tmp_path: Path, stack: ExitStack) -> None:
    """Another `app_id` without a prefix, and another calendar: one line, exit code 1, no topic made; until it takes
    over, which it cannot while the first runs. Then the first is refused, until it takes over in its turn.
    """
    with Receiver() as noc:
        more = RECEIVER.format(url=noc.url, key=KEY)
        first = installed(kafka, stack, tmp_path / "first", more, EBBTIDE_KAFKA_PREFIX="refused.")
        worker = first.worker()
        worker.wait_ready()
        assert first.run("alerts", "--once").returncode == 0
        (record,) = first.records("refused.clock.owner")
        assert json.loads(record.value) == {
            "schema": 1,
            "app_id": "refused.ebbtide",
            "topics": sorted(f"refused.{name}" for name in ("outages", "incidents", "findings", "partials", "clock")),
            "feeds": ["atlas"],
        }

        second = first.environment
        first.environment = {**second, "EBBTIDE_KAFKA_APP_ID": "copy", "EBBTIDE_KAFKA_CALENDAR": "copied"}
        kept = topics.existing(first.kafka)
        taken = b"belongs to the installation refused.ebbtide, not to refused.copy: set `kafka.prefix`, or take over"
        lines = {name: _refused(first, *name.split()) for name in ("topics", "topics --check", "alerts --once")}
        assert all(taken in line for line in lines.values()), lines
        assert b"topic refused.alerts.state" in lines["alerts --once"]
        copy = msgspec.structs.replace(first.kafka, app_id="refused.copy", calendar="refused.copied")
        assert (topics.existing(first.kafka), topics.changelog(copy)) == (kept, "refused.copy-snapshots-changelog")
        assert topics.changelog(copy) not in topics.existing(copy)
        assert b"group refused.ebbtide has workers" in _refused(first, "topics", "--claim")
        topics.create(copy)
        assert taken in _refused(first, "worker")
        assert worker.get("/readyz")[0] == 200
        assert worker.stop() == 0

        claimed = first.run("topics", "--claim")
        assert (claimed.returncode, claimed.stdout.count(b"taken over from refused.ebbtide: ")) == (0, 2), claimed
        taker = msgspec.structs.replace(first.settings, kafka=copy)
        assert installation.record(installation.of_workers(taker)) == ""
        assert first.run("alerts", "--once").returncode == 0
        first.environment = second
        assert b"belongs to the installation refused.copy, not to refused.ebbtide" in _refused(first, "worker")
        assert first.run("topics", "--claim").returncode == 0
        again = first.worker()
        again.wait_ready()
        assert (again.stop(), again.complaints()) == (0, [])


def test_other_feeds(kafka: ApacheKafka, tmp_path: Path, stack: ExitStack) -> None:
    """A copy of the settings with a feed more or less is said, with none in common it is refused."""
    said = []
    cluster = installed(kafka, stack, tmp_path / "feeds", EBBTIDE_KAFKA_PREFIX="feeds.")
    both = tmp_path / "both.toml"
    both.write_text(
        cluster.feeds.read_text(encoding="utf-8") + '\n[feeds.more]\nsignal = "bgp"\nkind = "gauge"\nbin = "5m"\n',
        encoding="utf-8",
    )
    for file in (cluster.feeds, both, both):
        claim = installation.of_workers(load(file, cluster.environment))
        said.append(installation.record(claim))
    assert said == ["", "other feeds than at the start before (new: more)", ""]
    worker = cluster.worker()
    worker.wait_ready()
    assert worker.stop() == 0
    assert worker.complaints() == ["ebbtide: other feeds than at the start before (gone, with their state: more)"]
    cluster.feeds = feed(tmp_path / "other.toml", "probes")
    line = b"kafka.app_id feeds.ebbtide is an installation with the feeds atlas, and none of probes: set `kafka.prefix`"
    assert line in _refused(cluster, "worker")
    assert line in _refused(cluster, "topics")
    assert cluster.run("topics", "--claim").returncode == 0
    assert installation.record(installation.of_workers(load(cluster.feeds, cluster.environment))) == ""


def _refused(cluster: Cluster, command: str, *arguments: str) -> bytes:
    """Return the one line of a command that fails with exit code 1."""
    done = cluster.run(command, *arguments)
    assert done.returncode == 1, done
    (line,) = done.stderr.splitlines()
    return bytes(line)
