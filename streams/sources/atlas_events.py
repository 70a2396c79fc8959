"""Connections of RIPE Atlas probes: messages of the stream, results of measurement 7000, and pages of probes. Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from schemas.rejections import one_line

CONNECTED, DISCONNECTED = 1, 2  # states of a probe


class ProbePlace(msgspec.Struct, frozen=True):
    """Where a probe is: network of its IPv4 address and country, as the API says; None where it does not."""

    asn_v4: int | None = None
    country_code: str | None = None


class ListedProbe(msgspec.Struct, frozen=True):
    """A probe in a page of the API. `status_since`: Unix seconds."""

    id: int
    asn_v4: int | None = None
    country_code: str | None = None
    status_since: int | None = None

    @property
    def place(self) -> ProbePlace:
        """Where it is."""
        return ProbePlace(self.asn_v4, self.country_code)


class ProbePage(msgspec.Struct, frozen=True):
    """A page of probes. `next`: address of the next page, None for the last."""

    results: list[ListedProbe]
    next: str | None = None


class _StreamedProbe(ProbePlace, frozen=True):
    """The probe of a message: where it is, and since when (Unix seconds) it is in a state, which may be the old one."""

    status_id: int | None = None
    status_since: int | None = None


class _Connection(msgspec.Struct, frozen=True):
    """A message of the stream, which may have no time, or a result of measurement 7000, which has no `probe`."""

    prb_id: int
    event: Literal["connect", "disconnect"]
    timestamp: int | None = None
    asn: int | None = None
    probe: _StreamedProbe | None = None

    def time(self, received: int | None) -> int | None:
        """Return when it happened: its own time, else that of the probe's state if it is the new one, else receipt."""
        state = CONNECTED if self.event == "connect" else DISCONNECTED
        if self.timestamp is None and self.probe and self.probe.status_id in (state, None):
            return self.probe.status_since or received
        return received if self.timestamp is None else self.timestamp


class ProbeEvent(NamedTuple):
    """A probe came (`up`) or went. `ts`: Unix seconds. `asn`: network of the address that it had then."""

    ts: int
    probe: int
    up: bool
    asn: int | None = None
    place: ProbePlace | None = None

    @property
    def key(self) -> tuple[int, int, bool]:
        """What tells events apart."""
        return self.ts, self.probe, self.up

    def line(self, place: ProbePlace | None) -> bytes:
        """Return the event as a JSON object; where the place names no network, that of the address counts."""
        values = {
            "timestamp": self.ts,
            "probe": self.probe,
            "up": self.up,
            "asn_v4": (place.asn_v4 if place else None) or self.asn,
            "country_code": place.country_code if place else None,
        }
        return _ENCODER.encode({name: value for name, value in values.items() if value is not None})


_ENCODER = msgspec.json.Encoder()
_CONNECTION = msgspec.json.Decoder(_Connection)
_MESSAGE = msgspec.json.Decoder(tuple[str, msgspec.Raw])
_PAGE = msgspec.json.Decoder(ProbePage)
_FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def event_of(value: bytes | msgspec.Raw, received: int | None = None) -> ProbeEvent | bytes:
    """Return the event of a JSON object; the bytes themselves, in one line, when there is none.

    `received`: when it came (Unix seconds), if it has just happened.
    """
    try:
        found = _CONNECTION.decode(value)
    except _FAULTS:
        return _unread(value)
    if (ts := found.time(received)) is None:
        return _unread(value)
    return ProbeEvent(ts, found.prb_id, found.event == "connect", found.asn, found.probe)


def _unread(value: bytes | msgspec.Raw) -> bytes:
    return one_line(bytes(value).decode(errors="replace")).encode() or b"-"


def message_of(text: str, received: int) -> ProbeEvent | bytes | None:
    """Return what a message of the stream says: an event, bytes that are none, or None for what is no data."""
    try:
        name, payload = _MESSAGE.decode(text)
    except _FAULTS:
        return event_of(text.encode(), received)
    if name == "atlas_probestatus":
        return event_of(payload, received)
    return one_line(text).encode() if name == "atlas_error" else None


def page_of(body: bytes) -> ProbePage:
    """Return a page of probes. Raises ValueError."""
    try:
        return _PAGE.decode(body)
    except _FAULTS as error:
        raise ValueError(str(error)) from None


def history_of(body: bytes) -> list[ProbeEvent | bytes]:
    """Return the events of results in the format `txt`, one a line."""
    return [event_of(line) for line in body.splitlines() if line.strip()]
