"""The commands that ask a worker send their token to that worker alone: to no proxy and to no other host."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from streams.cli.main import main

TOKEN = "t0ken-of-the-worker"
LISTS: dict[str, dict[str, object]] = {
    "/api/v1/outages": {"outages": [], "next": None},
    "/api/v1/incidents": {"incidents": [], "next": None},
}
COMMANDS = [["outages"], ["incidents"], ["explain", "asn/1"]]


class Recorder(NamedTuple):
    """A server and the requests that it got: each its first line and its headers."""

    url: str
    got: list[str]


@contextmanager
def recorder(status: int = 200, location: str | None = None, following: str | None = None) -> Iterator[Recorder]:
    """Yield a server that answers as a worker without outages, or redirects, and records what it is sent."""
    got: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            """Record and answer."""
            got.append(f"{self.requestline}\n{self.headers}")
            self.send_response(status)
            if location is not None:
                self.send_header("Location", location + self.path)
            self.end_headers()
            self.wfile.write(json.dumps(LISTS.get(self.path.partition("?")[0], {}) | _next(following)).encode())

        do_GET = do_CONNECT = do_POST = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Stay quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Recorder(f"http://127.0.0.1:{server.server_port}", got)
        server.shutdown()


def _next(following: str | None) -> dict[str, object]:
    return {} if following is None else {"next": following, "outages": [OUTAGE], "incidents": []}


OUTAGE = {
    "schema": 1, "outage_id": "0123456789abcdef", "revision": 1, "state": "open", "entity": "asn/1", "country": None,
    "region": None, "facets": {}, "feed": "atlas", "signal": "ripe-atlas", "started_at": "2016-06-16T15:05:00Z",
    "started_between": ["2016-06-16T15:05:00Z", "2016-06-16T15:10:00Z"], "detected_at": "2016-06-16T15:10:00Z",
    "updated_at": "2016-06-16T15:10:00Z", "ended_at": None, "value": 1, "expected": 11, "drop": 0.91, "max_drop": 0.91,
    "severity": "total", "shape": "sudden", "drops": [], "evidence": 37.2, "suppressed_by": None, "incident_id": None,
    "explain": {},
}  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path) -> str:
    """Return a settings file with a token."""
    file = tmp_path / "ebbtide.toml"
    file.write_text(f'[web]\ntoken = "{TOKEN}"\n', encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_proxy_of_the_environment_is_asked(
    command: list[str], settings: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever variable names it, in capitals or not: the worker gets the token, the proxy gets nothing."""
    with ExitStack() as stack:
        worker, proxy = stack.enter_context(recorder()), stack.enter_context(recorder())
        for name in ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.upper(), proxy.url)
        for name in ("no_proxy", "NO_PROXY", "REQUEST_METHOD"):
            monkeypatch.delenv(name, raising=False)
        assert main([*command, "--settings", settings, "--worker", worker.url]) == 0
        assert proxy.got == []
        assert worker.got
        assert all(f"Authorization: Bearer {TOKEN}" in request for request in worker.got)
    assert TOKEN not in "".join(capsys.readouterr())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_redirection_does_not_carry_the_token(
    command: list[str], status: int, settings: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is one line that names the status; the other host is not asked at all."""
    with recorder() as other, recorder(status, other.url) as worker:
        assert main([*command, "--settings", settings, "--worker", worker.url]) == 1
        assert other.got == []
    error = capsys.readouterr().err
    assert f"answers {status}" in error
    assert error.count("\n") == 1
    assert TOKEN not in error


@pytest.mark.parametrize("form", ["{url}/api/v1/outages", "//{host}/x", "@{host}/x", "?x=1#@{host}", "\\\\{host}\\x"])
def test_the_next_page_is_of_the_same_worker(form: str, settings: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A reference to a next page that leads elsewhere is none of a worker: nobody else is asked."""
    with recorder() as other:
        following = form.format(url=other.url, host=other.url.removeprefix("http://"))
        with recorder(following=following) as worker:
            assert main(["outages", "--settings", settings, "--worker", worker.url]) == 1
        assert other.got == []
    assert TOKEN not in "".join(capsys.readouterr())
