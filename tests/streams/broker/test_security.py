"""Secrets stay out of what is printed, settings that protect nothing are errors, and pages are for whoever may read."""

from __future__ import annotations

import asyncio
import logging
import pickle
import ssl
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from schemas.outage import Outage
from streams.broker.security import client_options, credentials, hush
from streams.cli.tables import line
from streams.cli.worker_client import WorkerUnreachableError, ask
from streams.config.errors import SettingsError
from streams.config.loader import load
from streams.config.secret import MAX_FILE, Secret, one_of
from streams.config.settings import KafkaSettings, Settings, WebSettings
from streams.worker.web.access import application_options, exposed
from tests.secure_kafka import KEY_PASSWORD, Authority
from tests.streams.cli.test_outages import OUTAGE, worker
from tests.streams.worker.web.server import WorkerServer

WORD = "hunter2-geheim"
PLAIN = {
    "EBBTIDE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "EBBTIDE_KAFKA_SASL_MECHANISM": "PLAIN",
    "EBBTIDE_KAFKA_SASL_USERNAME": "1e5",
    "EBBTIDE_KAFKA_SASL_PASSWORD": WORD,
}


def test_a_secret_is_not_shown() -> None:
    """Not by repr, str, format or a dump of the settings that it is in; not pickled, not written as JSON."""
    settings = load(None, {**PLAIN, "EBBTIDE_WEB_TOKEN": "123"})
    assert settings.web.token is not None
    assert settings.kafka.sasl_password is not None
    assert (settings.web.token.reveal(), settings.kafka.sasl_password.reveal(), settings.kafka.sasl_username) == (
        "123",
        WORD,
        "1e5",
    )
    for shown in (
        repr(settings),
        str(settings),
        f"{settings}",
        f"{settings.kafka.sasl_password}",
        str(credentials(settings.kafka)),
    ):
        assert WORD not in shown
    assert "sasl_password=***" in repr(settings)
    with pytest.raises(TypeError):
        pickle.dumps(settings.kafka.sasl_password)
    with pytest.raises(TypeError):
        msgspec.json.encode(settings)


def test_a_secret_of_a_file(tmp_path: Path) -> None:
    """One end of a line is left out, spaces count; what cannot be one is refused with the file's name alone."""
    path = tmp_path / "word"
    path.write_bytes(f" {WORD}\r\n".encode())
    found = one_of(None, str(path), "a.b")
    assert found is not None
    assert found.reveal() == f" {WORD}"
    for content, complaint in (
        (b"\n", "is empty"),
        (b"\xff", "is not UTF-8"),
        (b"a" * (MAX_FILE + 1), "is longer than"),
    ):
        path.write_bytes(content)
        with pytest.raises(SettingsError, match=f"^a.b {path}: {complaint}"):
            one_of(None, str(path), "a.b")
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        one_of(None, str(tmp_path / "none"), "a.b")


def test_files_of_certificates_are_named_when_they_are_wrong(tmp_path: Path) -> None:
    """Missing, not PEM, a key of another certificate, a key that is locked: never a question at the terminal."""
    authority, other = Authority(tmp_path, "one"), Authority(tmp_path, "two")
    certificate, locked = authority.issue("client", password=KEY_PASSWORD)
    good = KafkaSettings(security_protocol="SSL", ssl_cafile=str(authority.file))

    def refused(**changes: object) -> str:
        with pytest.raises(SettingsError) as caught:
            client_options(msgspec.structs.replace(good, **changes))
        return str(caught.value)

    assert refused(ssl_cafile="none.pem") == "kafka.ssl_cafile none.pem: cannot be read: No such file or directory"
    assert "kafka.ssl_cafile" in refused(ssl_cafile=__file__)
    files = {"ssl_certfile": str(certificate), "ssl_keyfile": str(locked)}
    assert "kafka.ssl_keyfile" in refused(**files)
    assert KEY_PASSWORD not in refused(**files, ssl_key_password=Secret(f"not {KEY_PASSWORD}"))
    assert "mismatch" in refused(ssl_certfile=str(certificate), ssl_keyfile=str(other.issue("else")[1]))
    options = client_options(msgspec.structs.replace(good, **files, ssl_key_password=Secret(KEY_PASSWORD)))
    context = options["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_clients_do_not_log_their_requests() -> None:
    """Also when everything else is logged at debug level: a login is a request."""
    hush()
    for name in ("aiokafka.conn", "kafka.net.connection", "kafka.protocol.parser"):
        assert not logging.getLogger(name).isEnabledFor(logging.DEBUG)


@pytest.fixture
def pages() -> Iterator[web.Application]:
    """Return an application with a page, guarded by a token."""
    app = web.Application(**application_options(WebSettings(token=Secret(WORD))))

    async def page(request: web.Request) -> web.Response:
        return web.Response(text="here")

    for path in ("/metrics", "/healthz"):
        app.router.add_get(path, page)
    yield app


@pytest.mark.parametrize(
    ("method", "path", "header", "status"),
    [
        ("GET", "/metrics", f"Bearer {WORD}", 200),
        ("HEAD", "/metrics", f"bearer  {WORD}", 200),
        ("GET", "/metrics", None, 401),
        ("GET", "/metrics", f"Bearer {WORD}x", 401),
        ("GET", "/metrics", f"Basic {WORD}", 401),
        ("GET", "/metrics", f"Basic {b64encode(f'me:{WORD}'.encode()).decode()}", 200),
        ("GET", "/metrics", f"Basic {b64encode(f'{WORD}:'.encode()).decode()}", 401),
        ("GET", "/metrics", f"Basic {b64encode(WORD.encode()).decode()}", 401),
        ("GET", "/metrics", "Basic \xe9", 401),
        ("GET", "/metrics", WORD, 401),
        ("GET", "/metrics", "Bearer \xe9", 401),
        ("GET", "/none", None, 401),
        ("GET", "/healthz", None, 200),
        ("POST", "/metrics", f"Bearer {WORD}", 405),
        ("DELETE", "/healthz", None, 405),
    ],
)
async def test_pages_ask_for_the_token(
    pages: web.Application, method: str, path: str, header: str | None, status: int
) -> None:
    """Every page but the two that a supervisor asks; nothing but reading; a wrong one learns nothing."""
    async with TestClient(WorkerServer(pages)) as client:
        headers = {} if header is None else {"Authorization": header}
        async with client.request(method, path, headers=headers) as answer:
            assert answer.status == status
            assert WORD not in await answer.text()
            assert ("WWW-Authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:6066", 200),
        ("localhost", 200),
        ("LocalHost.:80", 200),
        ("[::1]:6066", 200),
        ("rebound.example", 421),
        ("127.0.0.1.rebound.example:6066", 421),
        ("localhost@rebound.example", 421),
        ("", 421),
    ],
)
@pytest.mark.parametrize("token", [None, Secret(WORD)])
async def test_a_name_that_was_made_to_resolve_to_loopback_is_refused(
    host: str, status: int, token: Secret | None
) -> None:
    """A browser's page of another site could else read ours; with a token it cannot, whatever the name."""
    app = web.Application(**application_options(WebSettings(token=token)))

    async def page(request: web.Request) -> web.Response:
        return web.Response(text="here")

    app.router.add_get("/metrics", page)
    headers = {"Host": host, "Authorization": f"Bearer {WORD}"}
    async with TestClient(WorkerServer(app)) as client, client.get("/metrics", headers=headers) as answer:
        assert answer.status == (200 if token else status)
        assert "rebound" not in await answer.text()


@pytest.mark.parametrize(
    ("bind", "hosts", "host", "status"),
    [
        ("0.0.0.0", (), "anything.example", 200),
        ("0.0.0.0", ("localhost", "Worker"), "worker:6066", 200),
        ("0.0.0.0", ("localhost", "[::1]"), "[::1]:6066", 200),
        ("0.0.0.0", ("localhost", "worker"), "rebound.example", 421),
        ("127.0.0.1", ("pages.example",), "pages.example", 200),
        ("127.0.0.1", ("pages.example",), "localhost", 421),
    ],
)
async def test_the_settings_say_under_which_names_pages_answer(
    bind: str, hosts: tuple[str, ...], host: str, status: int
) -> None:
    """In a container pages listen on all addresses, and only the machine's loopback leads to them."""
    app = web.Application(**application_options(WebSettings(bind=bind, hosts=hosts)))

    async def page(request: web.Request) -> web.Response:
        return web.Response(text="here")

    app.router.add_get("/metrics", page)
    headers = {"Host": host}
    async with TestClient(WorkerServer(app)) as client, client.get("/metrics", headers=headers) as answer:
        assert answer.status == status
        assert "rebound" not in await answer.text()


async def test_requests_are_bounded(pages: web.Application) -> None:
    """No body, and no header of any length."""
    async with TestClient(WorkerServer(pages)) as client:
        async with client.get("/healthz", data=b"x") as answer:
            assert answer.status == 413
        async with client.get("/healthz", headers={"X": "y" * 20_000}) as answer:
            assert answer.status == 400


@pytest.mark.parametrize("text", [b"<script>alert(1)</script>\r\n\r\n", b"GET /healthz HTTP/9.7\r\nX: <b>\r\n\r\n"])
async def test_what_is_no_request_is_not_repeated(
    pages: web.Application, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer has the headers of all others and nothing of the request; strangers fill no log with tracebacks."""
    async with WorkerServer(pages) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(text)
        answer = await reader.read()
        writer.close()
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert b"Content-Security-Policy: default-src 'none'" in answer
    assert b"Server: ebbtide" in answer
    assert b"script>" not in answer
    assert b"<b>" not in answer
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


async def test_a_request_cannot_write_lines_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """A page that fails is told with its address, in which a line end is escaped; who asked learns nothing of why."""
    app = web.Application(**application_options(WebSettings()))

    async def page(request: web.Request) -> web.Response:
        raise ValueError("inside")

    app.router.add_get("/series/{entity}", page)
    async with TestClient(WorkerServer(app)) as client, client.get("/series/a%0aINFO all is well") as answer:
        assert answer.status == 500
        assert "inside" not in await answer.text()
    (line,) = [record.getMessage() for record in caplog.records if "failed" in record.getMessage()]
    assert line == "the page /series/a\\nINFO all is well failed"


def test_loopback_is_the_default() -> None:
    """Nobody else can ask unless the operator says so, and one who says so without a token is warned."""
    assert Settings().web.bind == "127.0.0.1"
    assert exposed(Settings().web) is None
    assert exposed(WebSettings(bind="0.0.0.0", token=Secret(WORD))) is None
    assert "web.bind 0.0.0.0 without web.token" in str(exposed(WebSettings(bind="0.0.0.0")))


def test_a_client_sends_its_token_and_follows_nobody() -> None:
    """A token goes to the worker that was named; a redirection is an error."""
    with worker(200, b'{"a": 1}') as url:
        assert ask(url, "/", Secret(WORD)) == {"a": 1}
    with worker(302, b"") as url, pytest.raises(WorkerUnreachableError, match="answers 302") as caught:
        ask(url, "/", Secret(WORD))
    assert WORD not in str(caught.value)
    with worker(200, b"[" * 100_000) as url, pytest.raises(WorkerUnreachableError):
        ask(url, "/")


def test_a_name_cannot_move_the_cursor() -> None:
    """A service's name comes from a measurement: control codes are shown, not sent to the terminal."""
    outage = msgspec.convert({**OUTAGE, "facets": {"service": "\x1b[2J\n"}}, Outage)
    assert line(outage).isprintable()
