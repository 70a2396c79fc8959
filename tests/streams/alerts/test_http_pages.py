"""The pages of `ebbtide alerts`."""

from __future__ import annotations

import urllib.error
import urllib.request

from prometheus_client import CollectorRegistry

from streams.alerts.http_pages import serve
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
