"""`ebbtide outages`: what a running worker says, as a table and as JSON lines."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from streams.cli.main import main
from tests.schemas.examples import INCIDENT

OUTAGE = {
    "schema": 1, "outage_id": "0123456789abcdef", "revision": 1, "state": "open", "entity": "asn/43754",
    "country": None, "region": None, "facets": {"access": "mobile"}, "feed": "atlas", "signal": "ripe-atlas",
    "started_at": "2016-06-16T15:05:00Z", "started_between": ["2016-06-16T15:05:00Z", "2016-06-16T15:10:00Z"],
    "detected_at": "2016-06-16T15:10:00Z", "updated_at": "2016-06-16T15:10:00Z", "ended_at": None, "value": 1,
    "expected": 11, "drop": 0.91, "max_drop": 0.91, "severity": "total", "shape": "sudden", "drops": [],
    "evidence": 37.2, "suppressed_by": None, "incident_id": None, "explain": {},
}  # fmt: skip
CLOSED = {**OUTAGE, "outage_id": "fedcba9876543210", "state": "closed", "ended_at": "2016-06-16T16:45:00Z"}


@contextmanager
def worker(status: int, body: bytes | Callable[[str], bytes]) -> Iterator[str]:
    """Yield the address of a server that answers everything with this, or with what it makes of the path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer."""
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else body(self.path))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Stay quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_table_shows_what_is_going_on(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --all, an outage that has ended is left out."""
    with worker(200, json.dumps({"outages": [OUTAGE, CLOSED]}).encode()) as url:
        assert main(["outages", "--worker", url]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["when", "(UTC)", "state", "severity"]
    assert "asn/43754 mobile" in row
    assert "91%" in row


def test_filters_are_asked_of_the_worker(capsys: pytest.CaptureFixture[str]) -> None:
    """Country, feed and time go to the worker in its own form; `--since` shows what has ended, too."""
    asked: list[str] = []

    def answer(path: str) -> bytes:
        asked.append(path)
        return json.dumps({"outages": [OUTAGE, CLOSED]}).encode()

    with worker(200, answer) as url:
        arguments = ["--country", "ir", "--country", "KZ", "--feed", "atlas", "--since", "2016-06-16 15:05"]
        assert main(["outages", "--worker", url.removeprefix("http://"), *arguments]) == 0
    assert asked == ["/api/v1/outages?limit=1000&country=IR&country=KZ&feed=atlas&from=2016-06-16T15%3A05%3A00Z"]
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_json_lines_are_the_messages(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json and --all, each line is an outage as it stands in the topic."""
    with worker(200, json.dumps({"outages": [OUTAGE, CLOSED]}).encode()) as url:
        assert main(["outages", "--worker", url, "--json", "--all"]) == 0
    assert [json.loads(text) for text in capsys.readouterr().out.splitlines()] == [OUTAGE, CLOSED]


@pytest.mark.parametrize(("status", "body"), [(503, b"{}"), (200, b"<html>"), (200, b"[1]")])
def test_an_answer_that_is_none_is_one_line(status: int, body: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """What is not a worker's answer names the address and fails."""
    with worker(status, body) as url:
        assert main(["outages", "--worker", url]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"ebbtide: {url}")
    assert error.count("\n") == 1


def test_nobody_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """An address where nobody listens is named."""
    assert main(["outages", "--worker", "http://127.0.0.1:1"]) == 1
    assert "http://127.0.0.1:1: no worker answers" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://127.0.0.1:99999"])
def test_a_url_that_cannot_be_used_is_one_line(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A URL of another scheme, or with an impossible port, is named in one line."""
    assert main(["outages", "--worker", url]) == 1
    assert capsys.readouterr().err.startswith(f"ebbtide: {url}: no worker answers: ")


@pytest.mark.parametrize("body", [b"{}", b'{"outages": 1}', b'{"outages": [{}]}'])
def test_another_server_is_told_apart(body: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever answers otherwise is no worker of this version: one line."""
    with worker(200, body) as url:
        assert main(["outages", "--worker", url]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{url}: does not answer as a worker of this version" in line


def test_all_pages_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    """A worker tells at most a thousand at a time; an outage that comes on two pages is printed once."""
    other = {**OUTAGE, "entity": "asn/1", "outage_id": "0" * 16}
    pages = {
        "/api/v1/outages?limit=1000": {"outages": [OUTAGE], "next": "?cursor=2"},
        "/api/v1/outages?cursor=2": {"outages": [OUTAGE, other], "next": None},
    }
    with worker(200, lambda path: json.dumps(pages[path]).encode()) as url:
        assert main(["outages", "--worker", url, "--json"]) == 0
    assert [json.loads(text)["entity"] for text in capsys.readouterr().out.splitlines()] == ["asn/43754", "asn/1"]


@pytest.mark.parametrize("command", ["outages", "incidents"])
def test_what_may_be_old_is_said(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A worker that warns is quoted on standard error, once for all pages; the list is printed all the same."""
    warnings = ["this worker is not ready: no Kafka broker answers", "feed x: nothing new\x1b for 12 min"]
    rows = [json.loads(INCIDENT)] if command == "incidents" else [OUTAGE]
    body = {command: rows, "warnings": warnings}

    def answer(path: str) -> bytes:
        return json.dumps(body | {"next": None if "cursor" in path else "?cursor=2"}).encode()

    with worker(200, answer) as url:
        assert main([command, "--worker", url, "--json"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    said = [warnings[0], "feed x: nothing new\\x1b for 12 min"]
    assert err.splitlines() == [f"ebbtide: {url}: {text}" for text in said]


def test_explain_live_asks_the_worker_of_the_settings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No address is needed where the settings have it."""
    with worker(200, json.dumps({"outages": [OUTAGE], "incidents": []}).encode()) as url:
        monkeypatch.setenv("EBBTIDE_WEB_PORT", url.rpartition(":")[2])
        assert main(["explain", "as43754", "--live"]) == 0
    assert "asn/43754 mobile" in capsys.readouterr().out
