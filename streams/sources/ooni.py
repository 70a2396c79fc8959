"""Measurements of OONI in its public bucket: files by hour, country and test; each is a trial of a service."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html import unescape
from typing import Any

import msgspec

from streams.config.network_sources import OoniSource
from streams.sources.link import Link
from streams.sources.poll import RangeAnswer

HOUR = 3600
MOST_BYTES = 512 * 2**20  # of a file that is unpacked
_KEY, _MORE = re.compile(r"<Key>([^<]*)</Key>"), re.compile(r"<NextContinuationToken>([^<]*)</NextContinuationToken>")
_ENCODER = msgspec.json.Encoder()


class _Keys(msgspec.Struct):
    """What the tests say of their service. Each name is of one test; None: not there, or not known."""

    signal_backend_status: Any = None
    whatsapp_endpoints_status: Any = None
    registration_server_status: Any = None
    telegram_tcp_blocking: Any = None
    telegram_http_blocking: Any = None
    facebook_dns_blocking: Any = None
    facebook_tcp_blocking: Any = None
    queries: list[dict[str, Any]] | None = None


class _Trial(msgspec.Struct):
    probe_asn: str
    probe_cc: str
    test_name: str
    test_keys: _Keys


_DECODER = msgspec.json.Decoder(_Trial)


def _signal(keys: _Keys) -> list[bool | None]:
    return [_is_ok(keys.signal_backend_status)]


def _whatsapp(keys: _Keys) -> list[bool | None]:
    return [_is_ok(keys.whatsapp_endpoints_status), _is_ok(keys.registration_server_status)]


def _telegram(keys: _Keys) -> list[bool | None]:
    return [_is_free(keys.telegram_tcp_blocking), _is_free(keys.telegram_http_blocking)]


def _facebook(keys: _Keys) -> list[bool | None]:
    return [_is_free(keys.facebook_dns_blocking), _is_free(keys.facebook_tcp_blocking)]


def _is_ok(status: object) -> bool | None:
    return {"ok": True, "blocked": False}.get(str(status))


def _is_free(is_blocked: object) -> bool | None:
    return not is_blocked if isinstance(is_blocked, bool) else None


#: By the name of a test: what it says of each part of its service.
TESTS: dict[str, Callable[[_Keys], list[bool | None]]] = {
    "signal": _signal,
    "whatsapp": _whatsapp,
    "telegram": _telegram,
    "facebook_messenger": _facebook,
}


def trial_of(line: bytes) -> tuple[dict[str, Any], bool | None]:
    """Return network, country and service of a measurement, and whether the service answered.

    None: not known, since a part is not, or since the probe's own resolver failed, which looks like a block. Raises
    ValueError.
    """
    try:
        found = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    parts = TESTS[found.test_name](found.test_keys) if found.test_name in TESTS else []
    is_ok = None if not parts or None in parts else all(parts)
    if is_ok is False and _has_no_resolver(found.test_keys):
        is_ok = None
    return {"asn": found.probe_asn, "country": found.probe_cc, "service": found.test_name}, is_ok


def _has_no_resolver(keys: _Keys) -> bool:
    """Return whether every name that was asked for failed."""
    failures = [query.get("failure") for query in keys.queries or []]
    return bool(failures) and all(failure is not None for failure in failures)


def keys_of(body: bytes) -> tuple[list[str], str | None]:
    """Return the names of files in a listing, and the token of the rest. Raises ValueError."""
    text = body.decode(errors="replace")
    if "<ListBucketResult" not in text:
        raise ValueError("no listing of a bucket")
    more = _MORE.search(text)
    return [unescape(key) for key in _KEY.findall(text)], unescape(more[1]) if more else None


def lines_of(body: bytes) -> list[bytes]:
    """Return the lines of a file. Raises ValueError."""
    unpacked = zlib.decompressobj(wbits=31)
    try:
        text = unpacked.decompress(body, MOST_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if unpacked.unconsumed_tail or not unpacked.eof:
        raise ValueError("is cut off" if not unpacked.unconsumed_tail else f"is longer than {MOST_BYTES} bytes")
    return text.splitlines()


class OoniService:
    """The files of a bucket, hour by hour. A trial counts in the hour in which OONI received it."""

    step, most = HOUR, 6

    def __init__(self, source: OoniSource) -> None:
        self._source = source

    async def ask(self, link: Link, start: int, stop: int) -> RangeAnswer:
        """Return the trials of hours. Raises ConnectionLostError."""
        answer = RangeAnswer({}, [])
        for hour in range(start, stop + 1, HOUR):
            for prefix in self._prefixes(hour):
                for key in await self._keys(link, prefix):
                    await self._add(link, key, hour, answer)
        return answer

    def _prefixes(self, hour: int) -> Iterator[str]:
        moment = datetime.fromtimestamp(hour, UTC)
        for country in self._source.countries:
            for test in self._source.tests:
                yield f"raw/{moment:%Y%m%d}/{moment:%H}/{country}/{test.replace('_', '')}/"

    async def _keys(self, link: Link, prefix: str) -> list[str]:
        found: list[str] = []
        token: str | None = ""
        while token is not None:
            query = {"list-type": "2", "prefix": prefix, **({"continuation-token": token} if token else {})}
            keys, token = await link.ask(f"{self._source.bucket}/", keys_of, query)
            found += (key for key in keys if key.endswith(".jsonl.gz"))
        return found

    async def _add(self, link: Link, key: str, hour: int, answer: RangeAnswer) -> None:
        """Add the trials of a file; a line that is none is passed on, to be rejected."""
        for line in await link.ask(f"{self._source.bucket}/{key}", lines_of):
            try:
                place, is_ok = trial_of(line)
            except ValueError:
                place, is_ok = {}, False  # without a network and a service, which no mapping accepts
            if is_ok is None:
                answer.unknown.append(hour)
            else:
                item = {**place, "time": hour, "ok": int(is_ok)} if place else {"fault": "no measurement"}
                answer.objects.setdefault(hour, []).append(_ENCODER.encode(item))
