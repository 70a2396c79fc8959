"""The pages of `ebbtide alerts`."""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.request

from prometheus_client import CollectorRegistry

from streams.alerts.http_pages import MOST, serve
from streams.alerts.metrics import AlertMetrics
from streams.config.ports import free_port


def test_alive_ready_and_metrics() -> None:
    """Ready only once it knows what was delivered; metrics name every receiver from the beginning."""
    metrics, port = AlertMetrics(CollectorRegistry(), ("noc",), ("incidents",)), free_port()
    serve(metrics, "127.0.0.1", port)

    def get(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    assert (get("/healthz")[0], get("/readyz")[0], get("/x")[0]) == (200, 503, 404)
    metrics.ready.set(1)
    assert get("/readyz")[0] == 200
    assert 'ebbtide_alerts_delivered_total{receiver="noc",result="dead"} 0.0' in get("/metrics")[1]


def test_connections_are_capped() -> None:
    """So many that send nothing are kept, the next is closed at once, and one after they have left is answered."""
    port = free_port()
    serve(AlertMetrics(CollectorRegistry(), ("noc",), ("incidents",)), "127.0.0.1", port)
    idle = [socket.create_connection(("127.0.0.1", port), 30) for _ in range(MOST)]
    with socket.create_connection(("127.0.0.1", port), 30) as refused:
        assert refused.recv(1) == b""
    for connection in idle:
        connection.close()
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
                assert answer.status == 200
            break
        except OSError:  # a thread has not seen yet that its peer has left
            time.sleep(0.01)
