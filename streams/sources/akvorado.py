"""The schema of Akvorado's Kafka output: where it is served, and the topic that holds messages of it.

Akvorado's outlet serves it at /api/v0/outlet/kafka-output/schema.proto. Its message is named FlowMessagev and a hash
of the fields, and the topic ends in the same hash (console/data/docs/51-usage.md of Akvorado 2026.8), so that messages
of another schema are in another topic.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from streams.config.akvorado_source import AkvoradoSource
from streams.config.bounded_file import read_bounded
from streams.config.errors import InputError
from streams.config.secret import Secret
from streams.http_client import RequestPolicy, UnreachableError, request
from streams.sources.kafka_reader import KafkaReader
from streams.sources.link import ConnectionLostError
from streams.sources.ports import SourcePorts
from streams.sources.proto_schema import ProtoMessage, messages_of
from streams.sources.records import Arrival

LOG = logging.getLogger("ebbtide.source")
NAMED: Final = "FlowMessagev"
MOST: Final = 1 << 20  # bytes of a schema; one has 3,000
EVERY: Final = 60.0  # seconds after which a schema is asked for again


class FlowSchema(NamedTuple):
    """The message of flows, and the hash that its topic ends in."""

    message: ProtoMessage
    hash: str

    def source(self, source: AkvoradoSource) -> AkvoradoSource:
        """Return the settings of a source, with the whole name of its topic."""
        return msgspec.structs.replace(source, topic=f"{source.topic}-{self.hash}")


def schema_of(source: AkvoradoSource) -> FlowSchema:
    """Return the schema of a source. Raises InputError for its file, ConnectionLostError for its address."""
    if source.schema is None:
        file = source.schema_file or ""
        try:
            return read_schema(read_bounded(Path(file), MOST))
        except ValueError as error:
            raise InputError(f"{file}: no schema of flows: {error}") from None
    content = _fetched(source.schema, float(source.timeout))
    try:
        return read_schema(content)
    except ValueError as error:
        raise ConnectionLostError("garbage", f"{source.schema}: no schema of flows: {error}") from None


def read_schema(content: bytes) -> FlowSchema:
    """Return the schema in the text of a .proto file. Raises ValueError."""
    try:
        found = messages_of(content.decode())
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    flows = [message for name, message in found.items() if name.startswith(NAMED) and name != NAMED]
    if len(flows) != 1:
        raise ValueError(f"it has {len(flows)} messages {NAMED}HASH, not one")
    return FlowSchema(flows[0], flows[0].name.removeprefix(NAMED))


def _fetched(url: str, timeout: float) -> bytes:
    policy = RequestPolicy(timeout, allow_private=True, tls=None, max_answer=MOST + 1)
    try:
        answer = request("GET", Secret(url), {}, None, policy)
    except UnreachableError as error:
        reason = "slow" if error.kind == "timeout" else "unreachable"
        raise ConnectionLostError(reason, f"{url}: {error}") from None
    if answer.status == 404:
        why = "is kafka-output enabled, and Akvorado of 2026.8 or later?"
        raise ConnectionLostError("status", f"{url}: answers 404 {answer.reason}: {why}")
    if answer.status != 200:
        raise ConnectionLostError("status", f"{url}: answers {answer.status} {answer.reason}")
    if answer.cut_off is not None:
        raise ConnectionLostError("closed", f"{url}: the answer is cut off: {answer.cut_off}")
    if len(answer.body) > MOST:
        raise ConnectionLostError("garbage", f"{url}: an answer of more than {MOST} bytes")
    return answer.body


def unread(topic: str, hash_: str, parts: Iterable[str]) -> list[str]:
    """Return the topics of other schemas that parts were read of, when the one of this schema begins.

    >>> unread("flows", "B", ["flows-A/0", "flows-A/1", "others/0"])
    ['flows-A']
    """
    topics = {part.rpartition("/")[0] for part in parts}
    return [] if f"{topic}-{hash_}" in topics else sorted(name for name in topics if name.startswith(f"{topic}-"))


class SchemaWatch:
    """Asks for the schema again and again, while its topic is read. `source`: with the name of its topic in full."""

    def __init__(self, source: AkvoradoSource, name: str, schema: FlowSchema, ports: SourcePorts) -> None:
        self._source, self._name, self._hash, self._ports = source, name, schema.hash, ports
        self._asked_at, self._failed = ports.now(), False

    async def arrivals(self, reader: KafkaReader) -> AsyncIterator[Arrival]:
        """Yield what is read. Raises ConnectionLostError when there is another schema, and all before it is read."""
        async for arrival in reader.arrivals():
            yield arrival
            if self._ports.now() - self._asked_at >= EVERY:
                self._asked_at = self._ports.now()
                found = await self._asked()
                if found != self._hash and not reader.lag():
                    text = f"Akvorado has another schema: goes on in topic {self._source.topic}-{found}"
                    raise ConnectionLostError("closed", text)

    async def _asked(self) -> str:
        """Return the hash that is served now; the one before when there is no answer, which is logged once."""
        try:
            found = (await asyncio.to_thread(schema_of, self._source)).hash
        except (ConnectionLostError, InputError) as error:
            if not self._failed:
                LOG.warning("source %s: a change of the schema would not be seen: %s", self._name, error)
            self._failed = True
            return self._hash
        self._failed = False
        return found
