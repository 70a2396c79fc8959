"""Reads and writes the topic of remarks: from its beginning to its end, then new records."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from threading import Lock, Thread
from typing import Any

from kafka.errors import KafkaError
from msgspec import DecodeError

from schemas.rejections import one_line
from schemas.remark import Remark, decode_remark, encode, key
from schemas.times import parse_time
from streams.broker import topics
from streams.broker.clients import sending
from streams.broker.topic_reader import read_records
from streams.config.errors import EbbtideError
from streams.config.settings import KafkaSettings

RETRY_SECONDS = 5.0
log = logging.getLogger(__name__)


class OperatorRemarks:
    """The newest remark of each key. A thread writes it, others read it."""

    def __init__(self) -> None:
        self._by_incident: dict[str, dict[bytes, Remark]] = {}
        self._lock = Lock()

    def put(self, name: bytes, value: bytes | None) -> None:
        """Put the value of a record; None deletes the key. Raises DecodeError."""
        found = None if value is None else decode_remark(value)
        if found is not None and key(found) != name:
            raise DecodeError("the key is not that of the remark")
        with self._lock:
            incident_id = name.partition(b"/")[0].decode(errors="replace")
            entries = self._by_incident.setdefault(incident_id, {})
            entries.pop(name, None)
            if found is not None:
                entries[name] = found
            if not entries:
                del self._by_incident[incident_id]

    def of(self, incident_id: str) -> list[Remark]:
        """Return the remarks of an incident, oldest first."""
        with self._lock:
            return sorted(self._by_incident.get(incident_id, {}).values(), key=lambda found: found.written_at)

    def silenced_until(self, incident_id: str) -> float:
        """Return when the silence of an incident ends (Unix seconds); 0 when there is none."""
        ends = [parse_time(found.until) for found in self.of(incident_id) if found.until is not None]
        return max(ends, default=0.0)

    def is_acknowledged(self, incident_id: str) -> bool:
        """Return whether a person is at an incident."""
        return any(found.kind == "ack" for found in self.of(incident_id))


def read(kafka: KafkaSettings) -> OperatorRemarks:
    """Return all remarks. A record that is none is logged. Raises BrokerError."""
    found = OperatorRemarks()
    for record in read_records(kafka, [kafka.remarks]):
        _put(found, record)
    return found


def follow(kafka: KafkaSettings, remarks: OperatorRemarks) -> None:
    """Put all records of the topic, old and new, in a thread of its own, until the process ends."""
    Thread(target=_follow, args=(kafka, remarks), name="remarks", daemon=True).start()


def _follow(kafka: KafkaSettings, remarks: OperatorRemarks) -> None:
    while True:
        try:
            for record in read_records(kafka, [kafka.remarks], follows=True):
                _put(remarks, record)
        except (EbbtideError, KafkaError, OSError, ValueError) as error:
            log.warning("remarks are not followed for %g s: %s", RETRY_SECONDS, one_line(str(error)))
            time.sleep(RETRY_SECONDS)


def _put(remarks: OperatorRemarks, record: Any) -> None:  # noqa: ANN401
    try:
        remarks.put(record.key or b"", record.value)
    except DecodeError as error:
        where = f"topic {record.topic}, partition {record.partition}, offset {record.offset}"
        log.warning("%s: not a remark: %s", where, one_line(str(error)))


def write(kafka: KafkaSettings, remarks: Sequence[Remark], removed: Sequence[bytes] = ()) -> None:
    """Write remarks, and delete those of some keys; wait until the broker has them. Raises BrokerError.

    A broker that makes missing topics by itself would make one that it does not compact, but empties after a week.
    """
    if not topics.partitions_of(kafka, kafka.remarks):
        raise topics.missing_topic(kafka, kafka.remarks)
    with sending(kafka, kafka.remarks) as send:
        for remark in remarks:
            send(key(remark), encode(remark))
        for name in removed:
            send(name, None)
