"""Messages of RIS Live, as https://ris-live.ripe.net/manual/ describes them, to changes of routes. Pure."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_pton
from typing import Final, NamedTuple

import msgspec

from schemas.rejections import one_line
from streams.sources.bgp_update import AS_SET, BITS, NO_PATH, V4, V6, ByFamily, Prefixes, RouteChange, prefixes_of

_UP: Final = ("connected", "up", "established")
_FAMILIES: Final = (AF_INET, AF_INET6)


class LiveChange(NamedTuple):
    """What a peer of a collector says. `id`: what tells the message from others."""

    collector: str
    id: str
    change: RouteChange


class LiveError(NamedTuple):
    """An error that the service reports, after which it may close the connection."""

    text: str


class _Announcement(msgspec.Struct):
    prefixes: list[str]


class _Data(msgspec.Struct):
    """A message of BGP. `path`: a set of networks is a list in it."""

    timestamp: float
    peer: str
    host: str
    type: str
    id: str = ""
    path: list[int | list[int]] = []
    announcements: list[_Announcement] = []
    withdrawals: list[str] = []
    state: str = ""


class _Message(msgspec.Struct, tag="ris_message"):
    data: _Data


class _ErrorData(msgspec.Struct):
    message: str = ""


class _Error(msgspec.Struct, tag="ris_error"):
    data: _ErrorData


class _Begin(msgspec.Struct):
    type: str


_DECODER = msgspec.json.Decoder(_Message | _Error)
_BEGIN = msgspec.json.Decoder(_Begin)
_FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, OSError)


def subscription(collector: str) -> str:
    """Return the request for all messages of a collector, without their bytes."""
    data = {"host": collector, "socketOptions": {"includeRaw": False}}
    return msgspec.json.encode({"type": "ris_subscribe", "data": data}).decode()


def message_of(text: str) -> LiveChange | LiveError | str | None:
    """Return what a message says; None when it says nothing of routes, and what is wrong with one that is broken."""
    try:
        found = _DECODER.decode(text)
    except _FAULTS as error:
        return None if _is_other(text) else one_line(str(error))
    if isinstance(found, _Error):
        return LiveError(one_line(found.data.message))
    try:
        change = _change(found.data)
    except _FAULTS as error:
        return one_line(str(error))
    return change and LiveChange(found.data.host.partition(".")[0], found.data.id, change)


def _is_other(text: str) -> bool:
    """Return whether a message has another type, such as the answer to a subscription."""
    try:
        return _BEGIN.decode(text).type not in ("ris_message", "ris_error")
    except _FAULTS:
        return False


def _change(data: _Data) -> RouteChange | None:
    if data.type == "UPDATE":
        announced = [text for group in data.announcements for text in group.prefixes]
        return RouteChange(
            data.timestamp, _address(data.peer), _by_family(data.withdrawals), _by_family(announced), _origin(data.path)
        )
    if data.type == "RIS_PEER_STATE":
        return RouteChange(data.timestamp, _address(data.peer), is_up=data.state in _UP)
    return RouteChange(data.timestamp, _address(data.peer)) if data.type == "KEEPALIVE" else None


def _origin(path: list[int | list[int]]) -> int:
    if not path:
        return NO_PATH
    return AS_SET if isinstance(path[-1], list) else path[-1]


def _address(text: str) -> bytes:
    """Return an address, however it is spelled. Raises OSError."""
    return inet_pton(_FAMILIES[":" in text], text)


def _by_family(texts: list[str]) -> ByFamily:
    found: tuple[Prefixes, Prefixes] = ([], [])
    for text in texts:
        found[V6 if ":" in text else V4].append(prefix_of(text))
    return found


def prefix_of(text: str) -> bytes:
    """Return a prefix as on the wire, however it is spelled. Raises ValueError and OSError.

    >>> prefix_of("2001:DB8:0::/33") == prefix_of("2001:db8::/33")
    True
    """
    address, _, length = text.partition("/")
    family, bits = V6 if ":" in address else V4, int(length)
    wire = bytes([bits]) + inet_pton(_FAMILIES[family], address)[: (bits + 7) >> 3]
    (found,) = prefixes_of(wire, 0, len(wire), BITS[family])
    return found
