"""`python -m tests.deploy.storm`: 500 networks of a country fall silent; prints the resulting notification.

What is real: detection and grouping, the worker's metrics page, Prometheus and Alertmanager with the files of deploy. A
minute of the files is a second here, and no notification is muted, whatever the time of day.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import yaml

from detectors.incidents.model import OVER
from schemas.incident import Incident
from schemas.outage import Outage
from streams.config.metadata import Register
from streams.config.settings import Settings, from_builtins
from streams.pipeline.incidents.grouping import Grouping, expected_reporters
from streams.state.measurement_stage import MeasurementStage
from streams.worker.agents import Worker
from tests import prometheus
from tests.benchmarks import scrape
from tests.deploy import rules
from tests.ebbtide import wait_for
from tests.streams.helpers import records

HOUR, START, LATER = 3600, 1_577_836_800, 4e9
DARK = range(60, 63)  # hours after the first in which the country is dark
NETWORKS, OTHERS = 500, 240
SETTINGS = {"feeds": {"ping": {"signal": "active-probing", "kind": "count", "bin": "1h", "lateness": "0s"}}}
SETTLE = 3.0  # seconds in which an alert that is not inhibited would be sent
Said = tuple[str, dict[str, Any]]  # the receiver, and the notification
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def measured(hour: int) -> bytes:
    """Return the measurements of an hour, a message: all networks of Iran are silent in the dark hours."""
    asns, at, value = range(1, NETWORKS + OTHERS + 1), START + hour * HOUR, 400 + hour * 7 % 5
    here = [(asn, "IR" if asn <= NETWORKS else ("KZ", "AZ", "DE")[asn % 3]) for asn in asns]
    return orjson.dumps(
        [
            {"feed": "ping", "ts": at + asn, "asn": asn, "country": country, "value": value}
            for asn, country in here
            if country != "IR" or hour not in DARK
        ]
    )


def detected(settings: Settings) -> tuple[MeasurementStage, list[Incident]]:
    """Return the state of the partition while it is dark, and the incidents that are not over."""
    partition, newest = MeasurementStage(settings, 0, {}, 0.0), dict[str, Incident]()
    grouping = Grouping(settings, Register(), expected_reporters(settings, 1))
    partition.shard.report_levels()
    for hour in range(DARK.stop):
        for report in partition.process(records([measured(hour)], hour, LATER), 0.0).bin_reports:
            grouping.add(report)
        newest |= {incident.incident_id: incident for incident in grouping.settle()}
    return partition, [incident for incident in newest.values() if incident.state not in OVER]


class StubServer(BaseHTTPRequestHandler):
    """Serves the metrics of a worker to Prometheus, and records the notifications of Alertmanager."""

    worker: Worker
    said: list[Said]

    def do_GET(self) -> None:
        """Return the metrics page."""
        body = scrape.page(self.worker, self.headers.get("Accept", ""))
        self.send_response(200)
        self.send_header("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Record a notification with its receiver."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.said.append((self.path.strip("/"), json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay quiet."""


@contextmanager
def stub_server(worker: Worker) -> Iterator[tuple[str, list[Said]]]:
    """Yield the address of a server with the metrics of a worker, and the notifications that it receives."""
    said: list[Said] = []
    handler = type("Bound", (StubServer,), {"worker": worker, "said": said})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", said
        server.shutdown()


def quick(content: Any) -> Any:  # noqa: ANN401
    """Return a configuration in which a minute is a second. Ranges within expressions stay as they are."""
    if isinstance(content, dict):
        return {key: value if key in ("expr", "time_intervals") else quick(value) for key, value in content.items()}
    if isinstance(content, list):
        return [quick(element) for element in content]
    if isinstance(content, str) and (found := re.fullmatch(r"(\d+)(ms|s|m|h|d)", content)):
        return f"{int(found[1]) * UNITS[found[2]] * 1000 / 60:.0f}ms"
    return content


def written(directory: Path, address: str, alertmanager: str) -> Path:
    """Write Prometheus's configuration with one target, and its rules, all quick."""
    for path in rules.RULES:
        _yaml(directory / path.name, _patient(quick(rules.read(path))))
    config = quick(rules.read(rules.PROMETHEUS / "prometheus.yml"))
    config["rule_files"] = [str(directory / path.name) for path in rules.RULES]
    config["scrape_configs"] = [job for job in config["scrape_configs"] if job["job_name"] == "ebbtide"]
    (manager,), (job,) = config["alerting"]["alertmanagers"], config["scrape_configs"]
    for discovery, target in ((manager, alertmanager.removeprefix("http://")), (job, address)):
        del discovery["file_sd_configs"]
        discovery["static_configs"] = [{"targets": [target]}]
    return _yaml(directory / "prometheus.yml", config)


def _patient(content: Any) -> Any:  # noqa: ANN401
    """Prometheus itself needs five seconds to find its targets: until then they are not absent."""
    for group in content["groups"]:
        for rule in group["rules"]:
            rule |= {"for": "15s"} if rule.get("alert") == "EbbtideAbsent" else {}
    return content


def delivering(directory: Path, address: str) -> Path:
    """Write Alertmanager's configuration, quick, never muted, with all receivers at one address."""
    config = quick(rules.read(rules.ALERTMANAGER))
    for receiver in config["receivers"]:
        receiver["webhook_configs"][0]["url"] = f"http://{address}/{receiver['name']}"
    for route in config["route"]["routes"]:
        route.pop("mute_time_intervals", None)
    return _yaml(directory / "alertmanager.yml", config)


def _yaml(path: Path, content: object) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


class Result(NamedTuple):
    """Outages by id, notifications by receiver, and the alerts and exemplars of the servers."""

    outages: dict[str, Outage]
    said: list[Said]
    alerts: list[dict[str, Any]]
    exemplars: list[dict[str, Any]]

    @property
    def notifications(self) -> list[Said]:
        """All notifications but those of the watchdog, which always come."""
        return [said for said in self.said if said[0] != "watchdog"]


def run(directory: Path) -> Result:
    """Run the storm, wait until the last alert fires, and return the result."""
    settings = from_builtins(SETTINGS)
    partition, incidents = detected(settings)
    worker = scrape.worker_of(settings, [partition], incidents)
    for outage in partition.open_outages.values():
        worker.metrics.outage_sent(outage)
    with (
        stub_server(worker) as (address, said),
        prometheus.alertmanager(directory, delivering(directory, address)) as manager,
        prometheus.prometheus(directory, written(directory, address, manager.url)) as server,
    ):
        wait_for(
            "the last alert, that there are more outages than are shown", lambda: "EbbtideTruncated" in quiet(manager)
        )
        time.sleep(SETTLE)
        now = time.time()
        query = f"query=ebbtide_bin_to_event_seconds_bucket&start={now - 600:.0f}&end={now + 60:.0f}"
        exemplars = server.get(f"/api/v1/query_exemplars?{query}")["data"]
        return Result(partition.open_outages, list(said), manager.get("/api/v2/alerts"), exemplars)


def quiet(manager: prometheus.Server) -> set[str]:
    """Return the names of the inhibited alerts."""
    return {alert["labels"]["alertname"] for alert in manager.get("/api/v2/alerts") if alert["status"]["inhibitedBy"]}


def main() -> int:
    """Print the notification."""
    with tempfile.TemporaryDirectory(prefix="ebbtide-storm-") as directory:
        notifications = [notification for _, notification in run(Path(directory)).notifications]
    sys.stdout.write(json.dumps(notifications, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
