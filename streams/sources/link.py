"""Requests to a service of others, and its stream: each failure has a reason, and one line that names the address."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp

from streams.config.errors import EbbtideError
from streams.config.network_sources import NetworkSource
from streams.http_client import AGENT, seconds_asked
from streams.sources.credentials import session_options
from streams.sources.ports import SourcePorts

MOST_BYTES = 256 * 2**20  # of an answer
PIECE = 1 << 20  # bytes of a file that are written at once
MOST_MESSAGE = 4 * 2**20  # of a stream
CONNECT = 10.0  # seconds
CLOSING = aiohttp.ClientWSTimeout(ws_close=0.5)  # seconds for the other side to agree to the end
Read = TypeVar("Read")
#: Why a connection ends; labels of a metric.
REASONS = ("broker", "closed", "garbage", "silent", "slow", "status", "throttled", "unreachable")


class ConnectionLostError(EbbtideError):
    """A service does not answer as it should. `retry_after`: seconds that it asks to wait."""

    def __init__(self, reason: str, text: str, retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.reason, self.retry_after = reason, retry_after


class Link:
    """Connections of one source. `timeout`: seconds for a request. `began`: when the run began (Unix seconds)."""

    def __init__(self, session: aiohttp.ClientSession, ports: SourcePorts, timeout: float, began: float) -> None:
        self._session, self.ports, self._timeout, self.began = session, ports, timeout, began
        self._sockets: list[aiohttp.ClientWebSocketResponse] = []

    async def get(self, url: str, query: Mapping[str, str] | None = None) -> bytes:
        """Return the body of an answer. Raises ConnectionLostError, which names the address without its query."""
        request = self._session.get(url, params=query, allow_redirects=False)
        async with self._naming(url), self.ports.timeout(self._timeout), request as answer:
            if answer.status != 200:
                raise self._refused(f"{_shown(url)}: answers {answer.status} {answer.reason}", answer)
            return await _body(url, answer)

    async def save(self, url: str, file: Path) -> bool:
        """Write the body of an answer to a file; return whether there is one (404). Raises ConnectionLostError."""
        request = self._session.get(url, allow_redirects=False)
        async with self._naming(url), self.ports.timeout(self._timeout) as limit, request as answer:
            if answer.status == 404:
                return False
            if answer.status != 200:
                raise self._refused(f"{_shown(url)}: answers {answer.status} {answer.reason}", answer)
            with file.open("wb") as saved:
                async for part in answer.content.iter_chunked(PIECE):
                    saved.write(part)
                    self._extend(limit)
        return True

    def _extend(self, limit: asyncio.Timeout) -> None:
        """Give the next part of an answer as long as a request has: a file may take minutes."""
        if limit.when() is not None:
            limit.reschedule(asyncio.get_running_loop().time() + self._timeout)

    async def ask(
        self, url: str, read: Callable[[bytes], Read], query: Mapping[str, str] | None = None, fault: str = ""
    ) -> Read:
        """Return what `read` makes of an answer; of its ValueError a ConnectionLostError that begins with `fault`."""
        body = await self.get(url, query)
        try:
            return read(body)
        except ValueError as error:
            raise ConnectionLostError("garbage", f"{_shown(url)}: {fault}{error}") from None

    def _refused(
        self, text: str, answer: aiohttp.ClientResponse | aiohttp.WSServerHandshakeError
    ) -> ConnectionLostError:
        """Return the error of an answer with another status than was asked for."""
        wait = seconds_asked(answer.headers.get("Retry-After") if answer.headers else None, self.ports.now) or 0.0
        return ConnectionLostError("throttled" if answer.status == 429 else "status", text, wait)

    async def stream(self, url: str) -> Stream:
        """Return a websocket that is open until the link ends. Raises ConnectionLostError."""
        async with self._naming(url), self.ports.timeout(self._timeout):
            socket = await self._session.ws_connect(url, max_msg_size=MOST_MESSAGE, timeout=CLOSING)
        self._sockets.append(socket)
        return Stream(socket, _shown(url), self.ports)

    async def close(self) -> None:
        """Close the streams."""
        for socket in self._sockets:
            await socket.close()

    @asynccontextmanager
    async def _naming(self, url: str) -> AsyncIterator[None]:
        place = _shown(url)
        try:
            yield
        except TimeoutError:
            raise ConnectionLostError("slow", f"{place}: no answer in {self._timeout:g} s") from None
        except aiohttp.WSServerHandshakeError as error:
            raise self._refused(f"{place}: answers {error.status}", error) from None
        except aiohttp.ClientConnectorCertificateError as error:
            reason = _plain(error.certificate_error)
            raise ConnectionLostError("unreachable", f"{place}: its certificate is refused: {reason}") from None
        except aiohttp.ClientConnectorError as error:
            raise ConnectionLostError("unreachable", f"{place}: cannot connect: {_plain(error.os_error)}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionLostError("closed", f"{place}: the connection broke: {_plain(error)}") from None


class Stream:
    """A websocket of text messages."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, place: str, ports: SourcePorts) -> None:
        self._socket, self._place, self._ports = socket, place, ports

    async def send(self, text: str) -> None:
        """Send a message. Raises ConnectionLostError."""
        try:
            await self._socket.send_str(text)
        except (aiohttp.ClientError, OSError):
            raise ConnectionLostError("closed", f"{self._place}: the connection broke") from None

    async def receive(self, silent_after: float, read: Callable[[str], Read | None]) -> Read:
        """Return what `read` makes of the next message of which it makes anything.

        Raises ConnectionLostError, also after `silent_after` seconds without such a message, though pings come.
        """
        try:
            async with self._ports.timeout(silent_after):  # a limit of aiohttp's own starts again with each ping
                while (found := read(await self._text())) is None:
                    pass
                return found
        except TimeoutError:
            raise ConnectionLostError("silent", f"{self._place}: no data in {silent_after:g} s") from None

    async def _text(self) -> str:
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            return str(message.data)
        if message.type is aiohttp.WSMsgType.BINARY:
            return bytes(message.data).decode(errors="replace")
        if message.type is aiohttp.WSMsgType.ERROR:
            raise ConnectionLostError("garbage", f"{self._place}: no websocket any more: {_plain(message.data)}")
        raise ConnectionLostError("closed", f"{self._place}: the connection was closed")


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run what pumps a stream while the block runs, and no longer."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _body(url: str, answer: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in answer.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise ConnectionLostError("garbage", f"{_shown(url)}: an answer of more than {MOST_BYTES} bytes")
    return b"".join(parts)


def _shown(url: str) -> str:
    """Return an address without its query, which may be long or hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _plain(error: BaseException) -> str:
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    if isinstance(error, OSError) and error.errno and text.startswith("Connect call failed"):
        text = os.strerror(error.errno)  # asyncio repeats the address in place of the reason
    return " ".join(text.split())


@asynccontextmanager
async def linked(source: NetworkSource, name: str, ports: SourcePorts, began: float) -> AsyncIterator[Link]:
    """Yield a link with connections of its own, closed at the end. Raises SettingsError for credentials."""
    limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT)
    options = session_options(source, name)
    options["headers"] = {"User-Agent": AGENT, **options.get("headers", {})}
    async with aiohttp.ClientSession(timeout=limits, **options) as session:
        link = Link(session, ports, float(source.timeout), began)
        try:
            yield link
        finally:
            await link.close()
