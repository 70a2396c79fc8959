"""Headers of outages and dead letters, and the clock message."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from schemas import deadletter
from schemas.clock import Clock, decode_clock, encode
from schemas.cloudevents import headers, incident_headers, outage_headers, revision_id
from schemas.incident import decode_incident
from schemas.outage import decode_outage
from tests.schemas.examples import CLOCK, INCIDENT, OUTAGE


def test_headers_of_an_outage() -> None:
    """An outage is a CloudEvent 1.0 in binary mode: all required attributes, in a fixed order."""
    assert outage_headers(decode_outage(OUTAGE)) == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"4e423aff2ba6c822/3"),
        ("ce_source", b"/ebbtide/feeds/atlas"),
        ("ce_type", b"ebbtide.outage.open"),
        ("ce_time", b"2016-06-16T15:15:00Z"),
        ("ce_subject", b"asn/43754"),
        ("ce_dataschema", b"urn:ebbtide:schema:outage:1"),
        ("content-type", b"application/json"),
    ]


def test_headers_of_an_incident() -> None:
    """An incident is one, too: of no feed, its subject and id are its own."""
    found = dict(incident_headers(decode_incident(INCIDENT)))
    assert found["ce_id"] == b"9b5c1d27a0e4f386/7"
    assert (found["ce_type"], found["ce_source"]) == (b"ebbtide.incident.spreading", b"/ebbtide/incidents")
    assert (found["ce_subject"], found["ce_time"]) == (b"9b5c1d27a0e4f386", b"2019-12-25T10:00:00Z")
    assert found["ce_dataschema"] == b"urn:ebbtide:schema:incident:1"


def test_the_source_is_a_uri_reference() -> None:
    """A feed's name with spaces or slashes stays one segment of the source."""
    outage = msgspec.structs.replace(decode_outage(OUTAGE), feed="my feed/é")
    assert dict(outage_headers(outage))["ce_source"] == b"/ebbtide/feeds/my%20feed%2F%C3%A9"


def test_header_values_are_utf8() -> None:
    """A subject in another script is written as UTF-8."""
    made = headers(kind="k", source="/s", identity="i", time="t", subject="region/VE-Anzoátegui", schema="urn:x")
    assert dict(made)["ce_subject"] == "region/VE-Anzoátegui".encode()


def test_each_revision_has_its_own_event_id() -> None:
    """Revisions of one outage are different events, and a repeated one is the same event."""
    assert revision_id("4e42", 1) == "4e42/1"
    assert revision_id("4e42", 1) != revision_id("4e42", 2)


def test_headers_of_a_dead_letter() -> None:
    """A dead letter says why it was rejected and where it came from, as text."""
    assert deadletter.headers("not-json", "invalid – byte 0", "measurements", 2, 1234567890123) == [
        ("reason", b"not-json"),
        ("detail", "invalid – byte 0".encode()),
        ("topic", b"measurements"),
        ("partition", b"2"),
        ("offset", b"1234567890123"),
    ]


def test_a_dead_letter_that_is_too_large_keeps_head_size_and_hash() -> None:
    """What fits is whole and has no more headers; size and hash identify what does not."""
    whole = b"x" * 100_000
    assert deadletter.fitted(whole, 100_000) == (whole, [])
    value, more = deadletter.fitted(whole, 99_999)
    assert value == whole[: deadletter.HEAD]
    assert more == [("size", b"100000"), ("sha256", hashlib.sha256(whole).hexdigest().encode())]
    assert deadletter.fitted(whole, 10)[0] == b"x" * 10


def test_a_clock_has_whole_or_broken_seconds() -> None:
    """A time is written as an integer or with its fraction, as it is given."""
    assert decode_clock(CLOCK) == Clock("atlas", 1466089620, 2)
    assert encode(Clock("atlas", 0.5, 0)) == b'{"feed":"atlas","newest":0.5,"partition":0}'


@pytest.mark.parametrize("newest", [float("nan"), float("inf")])
def test_a_clock_without_time_is_not_written(newest: float) -> None:
    """A feed that has no newest time has no clock."""
    with pytest.raises(ValueError, match="not a time"):
        encode(Clock("atlas", newest, 0))


@pytest.mark.parametrize(
    "value",
    [b"", b"null", b'{"feed":"a","newest":-1,"partition":0}', b'{"feed":"a","newest":1}', CLOCK.replace(b"2}", b"-2}")],
)
def test_what_is_no_clock(value: bytes) -> None:
    """Anything else is an error on reading."""
    with pytest.raises(msgspec.DecodeError):
        decode_clock(value)
